"""The journal of a batch: append-only, on disk before anybody is told.

A batch folder holds `batch.json`, one folder per run, `resumes.jsonl` where it was gone on with, `places.jsonl` where
its bench is a place of a coordinator, and, once it ended, `batch_stop.json`. A run folder holds
`run.json` (start), `judged.jsonl`, `events.jsonl`, `power.jsonl`, `evidence/`, `firmware/`, and `stop.json`.
A run without a stop record crashed, and every reader says so. Times are wall clock seconds and ISO 8601 in UTC.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rig.errors import BenchError, UsageError
from rig.model import Cause, Judged, Step, Unit, Verdict

SCHEMA = 1
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
_MAX_NAME = 48


def safe_name(text: str) -> str:
    """`text` as part of a file name: no separators, no leading dot, bounded, never empty."""
    return _UNSAFE.sub("_", text).lstrip(".")[:_MAX_NAME] or "_"


def iso(time_s: float) -> str:
    """Wall clock seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Start:
    """All that is known before a run; written first."""

    batch: str
    batch_id: str
    bench: str
    virtual: bool
    plan: str
    unit: Unit
    card: Mapping[str, object]
    """What a reader wants beside the numbers: title, typ_w, max_w, power_source."""
    attempt: int
    versions: Mapping[str, str]
    instruments: Mapping[str, Mapping[str, str]]
    hashes: Mapping[str, str]
    steps: tuple[str, ...] = ()
    """Steps that were asked for; empty: all of the plan."""


class RunRecord:
    """The journal of one run; every call is on disk when it returns."""

    def __init__(self, folder: Path, start: Start) -> None:
        self.folder = _new_folder(folder)
        self.attempt = start.attempt
        for sub in ("evidence", "firmware"):
            (self.folder / sub).mkdir()
        now = time.time()
        _write_json(
            self.folder / "run.json",
            {"schema": SCHEMA, "run": self.folder.name, "started": iso(now), "started_s": now, **_start_row(start)},
        )

    def judged(self, step: Step, judged: Iterable[Judged]) -> None:
        """Append one row a judgement."""
        rows = [_judged_row(step, self.attempt, j) for j in judged]
        _append(self.folder / "judged.jsonl", rows)

    def event(self, event: str, **fields: object) -> None:
        """Append what happened when: `step_start`, `step_end`, `state`, `state_end`, `error`."""
        _append(self.folder / "events.jsonl", [{"event": event, "time_s": time.time(), **fields}])

    def evidence(self, step: Step, texts: Mapping[str, str]) -> dict[str, str]:
        """Keep raw texts; returns name to path below the run. A name below `firmware/` is kept there."""
        kept = {}
        for name, text in texts.items():
            where = "firmware" if name.startswith("firmware/") else "evidence"
            file = f"{safe_name(step)}-{safe_name(name.removeprefix('firmware/'))}"
            path = _free(self.folder / where / file)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            kept[name] = f"{where}/{path.name}"
        return kept

    def stop(
        self, status: str, verdict: Verdict, failed: Iterable[str], causes: Iterable[Cause], error: str | None
    ) -> None:
        """Write the stop record: `finished`, `cancelled` or `error`."""
        now = time.time()
        _write_json(
            self.folder / "stop.json",
            {
                "ended": iso(now),
                "ended_s": now,
                "status": status,
                "verdict": verdict,
                "failed": list(failed),
                "causes": [asdict(c) for c in causes],
                "error": error,
            },
        )


class BatchRuns:
    """The runs of a batch that somebody else begins and ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, start: Start) -> RunRecord:
        """Open the journal of the next run."""
        stamp = datetime.now(UTC).strftime("%H%M%S")
        name = f"{stamp}-{safe_name(start.unit.adapter.serial)}-{safe_name(start.unit.card.serial)}-{start.attempt}"
        return RunRecord(self.folder / name, start)


class BatchRecord(BatchRuns):
    """The folder of a batch, its own start and stop, and every time it was gone on with."""

    def __init__(self, folder: Path, row: Mapping[str, object], *, resumed: bool = False) -> None:
        super().__init__(folder)
        stop = folder / "batch_stop.json"
        if not resumed:
            now = time.time()
            _write_json(folder / "batch.json", {"schema": SCHEMA, "started": iso(now), "started_s": now, **row})
        else:
            # how it had ended is kept; the stop record itself would say of a batch that runs that it ended
            _append(folder / "resumes.jsonl", [{"resumed_s": time.time(), **row, "stopped": _read_json(stop)}])
        stop.unlink(missing_ok=True)

    def stop(self, status: str, error: str | None, taken_out: Mapping[str, str] | None = None) -> None:
        """Write the stop record; `taken_out` names benches that were, and why."""
        now, out = time.time(), {"taken_out": dict(taken_out)} if taken_out else {}
        _write_json(
            self.folder / "batch_stop.json",
            {"ended": iso(now), "ended_s": now, "status": status, "error": error, **out},
        )


def batch_folder(out: Path | None, results: Path, name: str) -> tuple[Path, str]:
    """Where a batch goes, made if needed, and its id; UsageError when it cannot be written to."""
    now = datetime.now(UTC)
    batch_id = f"{now:%Y%m%d-%H%M%S}-{safe_name(name)}"
    folder = out if out is not None else _free(results / f"{now:%Y-%m-%d}" / f"{now:%H%M%S}-{safe_name(name)}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as e:
        raise UsageError(
            f"{folder}: results cannot be written there: {e.strerror}; name another folder with --out"
        ) from e
    return folder, batch_id


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nobody else writes the batch in `folder` meanwhile; UsageError when somebody does. Dies with the process."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UsageError(f"{folder}: another rig is at work on this batch; wait until it ends") from None
    finally:
        os.close(descriptor)


def append_place(folder: Path, event: str, row: Mapping[str, object]) -> None:
    """Append to a batch's `places.jsonl` what became of the place its bench is: `place_acquired`, `brought_down` ..."""
    _append(folder / "places.jsonl", [{"event": event, "time_s": time.time(), **row}])


def append_rework(file: Path, row: Mapping[str, object]) -> None:
    """Append what somebody did to an adapter; the folder is made; UsageError when it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _append(file, [row])
    except (OSError, BenchError) as e:
        raise UsageError(f"{file}: the rework cannot be written there: {e}; name another folder with --out") from e


def attempts_before(folder: Path, unit: Unit) -> int:
    """How many runs of this unit the folder already holds."""
    count = 0
    for file in folder.glob("*/run.json"):
        row = _read_json(file)
        serials = (row.get("adapter", {}).get("serial"), row.get("card", {}).get("serial"))
        count += serials == (unit.adapter.serial, unit.card.serial)
    return count


def unit_row(unit: Unit) -> dict[str, dict[str, Any]]:
    """A unit as the files of the rig have it: `adapter` and `card`, as in a batch file."""
    adapter, card = unit.adapter, unit.card
    return {
        "adapter": {
            "design": adapter.design,
            "serial": adapter.serial,
            "jumpers": dict(adapter.jumpers),
            "mods": list(adapter.mods),
        },
        "card": {"model": card.model, "serial": card.serial},
    }


def write_whole(path: Path, data: bytes) -> None:
    """The file on disk, whole or not at all: a reader never sees half of it; OSError when it cannot be written.

    A power cut leaves the old or the new; which one is certain only once the folder is synced too.
    """
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def sync_folder(folder: Path) -> None:
    """Put names on disk: after a power cut a file is there only if its folder was; OSError when it cannot be."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _start_row(start: Start) -> dict[str, object]:
    unit = unit_row(start.unit)
    return {
        "batch": start.batch,
        "batch_id": start.batch_id,
        "bench": start.bench,
        "virtual": start.virtual,
        "plan": start.plan,
        "attempt": start.attempt,
        "adapter": unit["adapter"],
        "card": {**unit["card"], **start.card},
        "versions": dict(start.versions),
        "instruments": {k: dict(v) for k, v in start.instruments.items()},
        "hashes": dict(start.hashes),
        "steps": list(start.steps),
    }


def _judged_row(step: Step, attempt: int, j: Judged) -> dict[str, object]:
    m, limit = j.measurement, j.limit
    bounds = {k: getattr(limit, k, None) for k in ("low", "high", "marginal_low", "marginal_high")}
    return {
        "step": step,
        "attempt": attempt,
        "name": m.name,
        "value": m.value,
        "unit": m.unit,
        **bounds,
        "one_of": list(limit.one_of) if limit else [],
        "verdict": j.verdict,
        "why": j.why,
        "note": m.note,
        "time_s": time.time(),
        "evidence": m.evidence,
        "error": m.error,
        "at_least": m.at_least,
    }


def _new_folder(folder: Path) -> Path:
    """`folder`, or the first free name after it, made; benches that share a batch may ask for one name at once."""
    try:
        while True:
            found = _free(folder)
            try:
                found.mkdir(parents=True)
            except FileExistsError:
                continue
            sync_folder(found.parent)
            return found
    except OSError as e:
        raise BenchError(f"{folder}: the run's folder cannot be made: {e.strerror}") from e


def _free(path: Path) -> Path:
    """`path`, or the first of `path-2`, `path-3` ... that is not taken."""
    candidate, n = path, 1
    while candidate.exists():
        n += 1
        candidate = path.with_name(f"{path.name}-{n}")
    return candidate


def _append(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    try:
        with path.open("a", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
    except OSError as e:
        raise BenchError(f"{path}: the journal cannot be written: {e.strerror}; free the disk, then run again") from e


def _write_json(path: Path, row: Mapping[str, object]) -> None:
    text = json.dumps(row, indent=1, allow_nan=False)
    try:
        write_whole(path, text.encode())
        sync_folder(path.parent)
    except OSError as e:
        raise BenchError(f"{path}: the journal cannot be written: {e.strerror}; free the disk, then run again") from e


def _read_json(path: Path) -> dict[str, Any]:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return row if isinstance(row, dict) else {}
