"""One step of a run as artifacts: start, what was measured, what came of it, end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from rig.judge import worst
from rig.model import Verdict
from rig.report.ocptv import artifact, trace
from rig.report.ocptv.artifact import COMPLETE, ERROR, SKIP, Stamped, filled, of_step
from rig.report.schema import Event, Row
from rig.report.text import below


@dataclass(frozen=True, slots=True)
class StepLog:
    """A step as the journal has it; `ended_s` None: the rig died in it."""

    id: str
    name: str
    rows: tuple[Row, ...]
    started_s: float
    ended_s: float | None
    where: str
    """The run's folder, below the folder that was asked for."""
    virtual: bool

    @property
    def status(self) -> str:
        """COMPLETE, ERROR (the bench failed or the rig died), or SKIP where nothing was taken."""
        verdicts = {row.verdict for row in self.rows}
        if self.ended_s is None or Verdict.ERROR in verdicts:
            return ERROR
        return SKIP if verdicts == {Verdict.NOT_RUN} and not any(r.value is not None for r in self.rows) else COMPLETE

    @property
    def last_s(self) -> float:
        """When it ended, or the last that is known of it."""
        return max([self.started_s, *(r.time_s or 0.0 for r in self.rows)]) if self.ended_s is None else self.ended_s


def steps(
    rows: Sequence[Row], events: Sequence[Event], started_s: float, where: str, *, crashed: bool, virtual: bool
) -> Iterator[StepLog]:
    """The steps in the order in which they came; one that has rows and no events was not taken."""
    begun = {e.step: e.time_s for e in reversed(events) if e.event == "step_start"}
    over = {e.step: e.time_s for e in events if e.event == "step_end"}
    names = dict.fromkeys([*(r.step for r in rows), *begun])
    for number, name in enumerate(names):
        mine = tuple(r for r in rows if r.step == name)
        times = [r.time_s for r in mine if r.time_s is not None]
        start_s = begun.get(name, min(times, default=started_s))
        unended = crashed and name in begun and name not in over
        end_s = None if unended else over.get(name, max([start_s, *times]))
        yield StepLog(str(number), name, mine, start_s, end_s, where, virtual)


def artifacts(log: StepLog, power: Mapping[str, Sequence[trace.Point]]) -> Iterator[Stamped]:
    """All of one step; `power` is what the sampler saw while it ran, by rail."""
    yield of_step(log.started_s, log.id, "testStepStart", {"name": log.name})
    for row in log.rows:
        yield from _row(log, row)
    yield from _files(log)
    yield from trace.series(log.id, power, virtual=log.virtual)
    if log.status == COMPLETE:
        yield _whole(log)
    if log.ended_s is None:
        crash = {"symptom": "rig-crashed", "message": "no end of this step is on record"}
        yield of_step(log.last_s, log.id, "error", crash)
    yield of_step(log.last_s, log.id, "testStepEnd", {"status": log.status})


def _row(log: StepLog, row: Row) -> Iterator[Stamped]:
    time_s = log.started_s if row.time_s is None else row.time_s
    if row.value is not None:
        yield of_step(time_s, log.id, "measurement", artifact.measurement(row, virtual=log.virtual))
    if row.verdict is Verdict.ERROR:
        yield of_step(time_s, log.id, "error", {"symptom": "bench-fault", "message": f"{row.name}: {row.why}"})
    elif row.verdict not in (None, Verdict.PASS):
        yield of_step(time_s, log.id, "diagnosis", _diagnosis(row, row.verdict))


def _diagnosis(row: Row, verdict: Verdict) -> dict[str, object]:
    ends = {Verdict.FAIL: "out-of-limits", Verdict.MARGINAL: "marginal", Verdict.NOT_RUN: "not-measured"}
    said = "; ".join(filter(None, (row.note, row.why)))
    return filled(
        verdict=f"{row.name}-{ends[verdict]}", type=artifact.DIAGNOSIS[verdict], message=said,
        hardwareInfoId=artifact.part_of(row),
    )  # fmt: skip


def _whole(log: StepLog) -> Stamped:
    """What the step came to; nothing that was judged is unknown, not good."""
    verdict = worst(r.verdict for r in log.rows if r.verdict is not None)
    words = {Verdict.PASS: "good", Verdict.MARGINAL: "marginal", Verdict.FAIL: "failed", Verdict.NOT_RUN: "not-judged"}
    found = {"verdict": f"{log.name}-{words[verdict]}", "type": artifact.DIAGNOSIS[verdict]}
    return of_step(log.last_s, log.id, "diagnosis", found)


def _files(log: StepLog) -> Iterator[Stamped]:
    """The raw texts of the step, each once, where they are below the folder that was asked for."""
    for name in dict.fromkeys(r.evidence for r in log.rows if r.evidence):
        path = below(name)
        if path is not None:
            uri = quote(f"{log.where}/{path}".removeprefix("./"))
            yield of_step(log.last_s, log.id, "file", {"displayName": str(path), "uri": uri, "isSnapshot": True})
