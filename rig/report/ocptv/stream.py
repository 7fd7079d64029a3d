"""One run as one stream of the specification, and every run below a folder as a file each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rig.errors import UsageError
from rig.model import Verdict
from rig.record import safe_name, write_whole
from rig.report import journal
from rig.report.journal import RunLog
from rig.report.ocptv import step, trace
from rig.report.ocptv.artifact import (
    ADAPTER,
    CARD,
    COMPLETE,
    DIAGNOSIS,
    ERROR,
    FIRMWARE,
    RIG,
    SCHEMA_VERSION,
    SKIP,
    Stamped,
    filled,
    of_run,
    of_step,
    timestamp,
)  # fmt: skip
from rig.report.schema import CausePart

_COMMAND = "not on record: written by 'rig results --ocptv' from the journal"
_CAUSES = "diagnosis"
"""The step that the causes are in: the specification has diagnoses in steps alone."""


def write(folder: Path, out: Path) -> tuple[list[Path], list[str]]:
    """A file a run in `out` (made if needed), and what could not be read; UsageError when it cannot be written."""
    found = journal.read(folder)
    if not found.runs:
        raise UsageError(f"{folder}: there is no run in it")
    problems, written = list(found.problems), list[Path]()
    try:
        out.mkdir(parents=True, exist_ok=True)
        for run in found.runs:
            path = _file(out, run, written)
            text = "".join(f"{line}\n" for line in lines(run, found.root, problems))
            write_whole(path, text.encode())
            written.append(path)
    except OSError as e:
        raise UsageError(f"{out}: cannot be written: {e.strerror or e}; name another folder") from e
    return written, problems


def lines(run: RunLog, root: Path, problems: list[str]) -> Iterator[str]:
    """The stream of one run below `root`, a line an artifact; what could not be read goes to `problems`."""
    yield _line(0, run.start.started_s, {"schemaVersion": SCHEMA_VERSION})
    for number, (time_s, artifact) in enumerate(_artifacts(run, root, problems), start=1):
        yield _line(number, time_s, artifact)


def _file(out: Path, run: RunLog, taken: list[Path]) -> Path:
    """The same name whenever the same folder is exported; runs of two batches may share theirs."""
    stem = "-".join(safe_name(part) for part in (run.start.batch_id or run.start.batch, run.start.run))
    path, number = out / f"{stem}.jsonl", 1
    while path in taken:
        number += 1
        path = out / f"{stem}-{number}.jsonl"
    return path


def _line(number: int, time_s: float, artifact: object) -> str:
    content = artifact if isinstance(artifact, dict) else {}
    whole = {**content, "sequenceNumber": number, "timestamp": timestamp(time_s)}
    try:
        return json.dumps(whole, allow_nan=False)
    except ValueError:
        # versions and the like may hold anything: NaN is no JSON, its name is
        return json.dumps(json.loads(json.dumps(whole), parse_constant=str), allow_nan=False)


def _artifacts(run: RunLog, root: Path, problems: list[str]) -> Iterator[Stamped]:
    start, where = run.start, run.folder.relative_to(root).as_posix()
    events, unread = journal.events(run.folder)
    power, unsampled = trace.read(run.folder)
    problems.extend([*unread, *unsampled])
    yield of_run(start.started_s, "testRunStart", _run_start(run))
    logs = list(step.steps(run.rows, events, start.started_s, where, crashed=run.crashed, virtual=start.virtual))
    for log in logs:
        yield from step.artifacts(log, trace.between(power, log.started_s, log.last_s))
    end_s = _end_s(run, logs)
    yield from _causes(run, len(logs), end_s)
    yield from _fault(run, end_s)
    yield of_run(end_s, "testRunEnd", dict(zip(("status", "result"), _outcome(run), strict=True)))


def _end_s(run: RunLog, logs: list[step.StepLog]) -> float:
    if run.stop is not None and run.stop.ended_s is not None:
        return run.stop.ended_s
    return max([run.start.started_s, *(log.last_s for log in logs)])


def _run_start(run: RunLog) -> dict[str, object]:
    start = run.start
    asked = filled(plan=start.plan, batch=start.batch, bench=start.bench, steps=list(start.steps))
    return {
        "name": f"rig {start.plan}".strip() + (" (virtual)" if start.virtual else ""),
        "version": str(start.versions.get("rig", "not on record")),
        "commandLine": _COMMAND,
        "parameters": {**asked, "attempt": start.attempt},
        "dutInfo": _dut(run),
        "metadata": {
            "virtual": start.virtual, "run": start.run, "batchId": start.batch_id,
            "instruments": start.instruments, "versions": start.versions, "hostVersions": start.host_versions,
        },
    }  # fmt: skip


def _dut(run: RunLog) -> dict[str, object]:
    adapter, card, virtual = run.start.adapter, run.start.card, run.start.virtual
    kind = "virtual bench" if virtual else "bench"
    hardware = [
        {"hardwareInfoId": ADAPTER, "name": f"FlexibleLOM adapter {adapter.design}", "serialNumber": adapter.serial,
         "partNumber": adapter.design, "partType": "adapter"},
        {"hardwareInfoId": CARD, "name": card.title or card.model, "serialNumber": card.serial,
         "partNumber": card.model, "partType": "network card"},
    ]  # fmt: skip
    return {
        "dutInfoId": f"{adapter.serial}/{card.serial}",
        "name": f"{card.model} {card.serial} in {adapter.design} {adapter.serial}",
        "platformInfos": [{"info": f"{kind} {run.start.bench}".strip()}],
        "hardwareInfos": hardware,
        "softwareInfos": list(_software(run)),
        "metadata": filled(jumpers=adapter.jumpers, mods=list(adapter.mods)) | {"virtual": virtual},
    }


def _software(run: RunLog) -> Iterator[dict[str, object]]:
    rig: dict[str, object] = {"softwareInfoId": RIG, "name": "rig", "softwareType": "APPLICATION"}
    yield rig | filled(version=str(run.start.versions.get("rig", "")))
    version = next((r.text for r in run.rows if r.name == "firmware.version" and r.text), None)
    if version is not None:
        yield {
            "softwareInfoId": FIRMWARE, "name": "card firmware", "softwareType": "FIRMWARE", "version": version
        }  # fmt: skip


def _causes(run: RunLog, number: int, time_s: float) -> Iterator[Stamped]:
    if not run.causes:
        return
    name = str(number)
    yield of_step(time_s, name, "testStepStart", {"name": _CAUSES})
    for cause in run.causes:
        yield of_step(time_s, name, "diagnosis", _cause(cause, run.verdict))
    yield of_step(time_s, name, "testStepEnd", {"status": COMPLETE})


def _cause(cause: CausePart, verdict: Verdict) -> dict[str, object]:
    sure = "" if cause.probability is None else f"probability {cause.probability:.2f}"
    said = "; ".join(filter(None, (*cause.evidence, sure, cause.action)))
    pins = {"type": "CONNECTOR", "name": " ".join(cause.pins)} if cause.pins else None
    return filled(
        verdict=cause.title, type=DIAGNOSIS[verdict], message=said,
        hardwareInfoId=ADAPTER if pins else None, subcomponent=pins,
    )  # fmt: skip


def _fault(run: RunLog, time_s: float) -> Iterator[Stamped]:
    """Why the unit was not judged: a bench fault, a cancel or a crash, each a symptom of its own."""
    symptoms = {"error": "bench-fault", "cancelled": "cancelled", "crashed": "rig-crashed"}
    if run.status in symptoms:
        yield of_run(time_s, "error", filled(symptom=symptoms[run.status], message=run.note))


def _outcome(run: RunLog) -> tuple[str, str]:
    """`status` and `result`; only a run that judged everything has a result, and only a green one passes."""
    if run.verdict in (Verdict.PASS, Verdict.MARGINAL):
        return COMPLETE, "PASS"
    if run.verdict is Verdict.FAIL:
        return COMPLETE, "FAIL"
    if run.crashed or run.verdict is Verdict.ERROR:
        return ERROR, "NOT_APPLICABLE"
    return SKIP, "NOT_APPLICABLE"
