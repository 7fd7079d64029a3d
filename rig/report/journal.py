"""The journal as it is found on disk: every run below a folder, and what of it could not be read."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from rig.errors import UsageError
from rig.judge import worst
from rig.model import Verdict
from rig.report.schema import BatchStart, BatchStop, CausePart, Event, Part, Row, Start, Stop

P = TypeVar("P", bound=Part)
_MAX_RECORD_BYTES = 4_000_000
_MAX_LINE_BYTES = 1_000_000
_MAX_NAMES = 4
_RESERVED = {Verdict.NOT_RUN: "not measured", Verdict.MARGINAL: "marginal"}
GREEN = frozenset({Verdict.PASS, Verdict.MARGINAL})


@dataclass(frozen=True, slots=True)
class RunLog:
    """One run as read; `stop` None: it crashed."""

    folder: Path
    start: Start
    rows: tuple[Row, ...]
    stop: Stop | None

    @property
    def crashed(self) -> bool:
        return self.stop is None

    @property
    def status(self) -> str:
        return self.stop.status if self.stop else "crashed"

    @property
    def verdict(self) -> Verdict:
        """What the stop record says; NOT_RUN without one, green only if it finished and no row is worse."""
        if self.stop is None:
            return Verdict.NOT_RUN
        if self.stop.verdict not in GREEN:
            return self.stop.verdict
        if self.stop.status != "finished":
            return Verdict.NOT_RUN
        return worst([self.stop.verdict, *(r.verdict for r in self.rows if r.verdict)])

    @property
    def note(self) -> str:
        """Why this is not a plain pass or fail, or nothing."""
        if self.stop is None:
            return "crashed: no stop record" + (
                "; a burn was in progress: run the same bench again, or 'rig firmware show', before it is switched off"
                if self._burning()
                else ""
            )
        if self.stop.verdict in GREEN and self.verdict not in GREEN and self.stop.status == "finished":
            return f"the stop record says {self.stop.verdict}, but a row says {self.verdict}"
        if self.stop.status == "finished":
            return self.stop.error or self._reservation()
        return f"{self.stop.status}: {self.stop.error or 'ended before the plan did'}"

    def _burning(self) -> bool:
        """Whether a firmware burn had begun and nothing says that it was settled."""
        states = [e.state for e in events(self.folder)[0] if e.event == "burn"]
        return bool(states) and states[-1] != "settled"

    def _reservation(self) -> str:
        """What keeps a finished run from being a plain pass or fail."""
        if self.verdict not in _RESERVED:
            return ""
        names = list(dict.fromkeys(r.name for r in self.rows if r.verdict is self.verdict))
        more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
        return f"{_RESERVED[self.verdict]}: {', '.join(names[:_MAX_NAMES])}{more}" if names else ""

    @property
    def failed(self) -> tuple[str, ...]:
        """Names that failed: the stop record's, or after a crash those in the rows."""
        if self.stop is not None:
            return self.stop.failed
        return tuple(dict.fromkeys(r.name for r in self.rows if r.verdict is Verdict.FAIL))

    @property
    def causes(self) -> tuple[CausePart, ...]:
        return self.stop.causes if self.stop else ()

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to stop record, None after a crash."""
        if self.stop is None or self.stop.ended_s is None:
            return None
        return max(0.0, self.stop.ended_s - self.start.started_s)


@dataclass(frozen=True, slots=True)
class BatchLog:
    """One batch folder as read; `stop` None: it crashed or is still running."""

    folder: Path
    start: BatchStart
    stop: BatchStop | None


@dataclass(frozen=True, slots=True)
class Journal:
    """All below `root`, oldest run first; `problems` are sentences that name the file."""

    root: Path
    batches: tuple[BatchLog, ...]
    runs: tuple[RunLog, ...]
    problems: tuple[str, ...]


def read(path: Path | str) -> Journal:
    """Every run at any depth below `path` (or `path` itself); UsageError when there is no such folder."""
    root = Path(path)
    if not root.is_dir():
        raise UsageError(
            f"{root}: there is no such folder of results; name a batch, a run or the folder that holds them"
        )
    problems: list[str] = []
    batches: list[BatchLog] = []
    runs: list[RunLog] = []
    for folder, files in _record_folders(root, problems):
        if "run.json" in files:
            runs.extend(_run(folder, problems))
        elif "batch.json" in files:
            batches.extend(_batch(folder, problems))
    runs.sort(key=lambda r: (r.start.started_s, str(r.folder)))
    batches.sort(key=lambda b: (b.start.started_s or 0.0, str(b.folder)))
    # readers elsewhere see the report: which folder of whose machine it was is not theirs to know
    return Journal(root, tuple(batches), tuple(runs), tuple(p.removeprefix(f"{root}{os.sep}") for p in problems))


def events(folder: Path) -> tuple[tuple[Event, ...], tuple[str, ...]]:
    """The events of one run and what could not be read of them."""
    problems: list[str] = []
    return tuple(lines(folder / "events.jsonl", Event, problems)), tuple(problems)


def lines(file: Path, schema: type[P], problems: list[str]) -> Iterator[P]:
    """Every line of `file` that is one of `schema`; what is not, or cannot be read, goes to `problems`."""
    if not file.is_file():
        return
    try:
        with file.open("rb") as f:
            for number, line in enumerate(f, start=1):
                yield from _line(f"{file}:{number}", line, schema, problems)
    except OSError as e:
        problems.append(f"{file}: cannot be read: {e.strerror}")


def _line(where: str, line: bytes, schema: type[P], problems: list[str]) -> Iterator[P]:
    if not line.strip():
        return
    if len(line) > _MAX_LINE_BYTES:
        problems.append(f"{where}: skipped, a line of {len(line)} bytes is not the journal's")
        return
    try:
        yield _parsed(line, schema)
    except (ValueError, RecursionError) as e:
        torn = not line.endswith(b"\n")
        reason = "torn, the writer died while it wrote it" if torn else f"not the journal's: {_reason(e)}"
        problems.append(f"{where}: skipped, {reason}")


def _record_folders(root: Path, problems: list[str]) -> Iterator[tuple[Path, list[str]]]:
    """Folders with a start record; a run's own holds no others, only evidence that may be called anything."""

    def tell(e: OSError) -> None:
        problems.append(f"{e.filename}: cannot be read: {e.strerror}")

    for folder, below, files in os.walk(root, onerror=tell):
        below.sort()
        if "run.json" in files:
            below.clear()
        if "run.json" in files or "batch.json" in files:
            yield Path(folder), files


def _run(folder: Path, problems: list[str]) -> Iterator[RunLog]:
    start = _record(folder / "run.json", Start, problems)
    if start is None:
        return
    stop = _record(folder / "stop.json", Stop, problems)
    rows = tuple(lines(folder / "judged.jsonl", Row, problems))
    if stop is None:
        problems.append(f"{folder}: crashed: no stop record")
    elif not rows and stop.status == "finished":
        problems.append(f"{folder / 'judged.jsonl'}: the run finished, but nothing it judged is here")
    yield RunLog(folder, start, rows, stop)


def _batch(folder: Path, problems: list[str]) -> Iterator[BatchLog]:
    start = _record(folder / "batch.json", BatchStart, problems)
    if start is not None:
        yield BatchLog(folder, start, _record(folder / "batch_stop.json", BatchStop, problems))


def _record(file: Path, schema: type[P], problems: list[str]) -> P | None:
    """The one object in `file`; None when it is not there or (told) is not the journal's."""
    if not file.is_file():
        return None
    try:
        with file.open("rb") as f:
            data = f.read(_MAX_RECORD_BYTES + 1)
        if len(data) > _MAX_RECORD_BYTES:
            raise ValueError("too large")
        return _parsed(data, schema)
    except OSError as e:
        problems.append(f"{file}: cannot be read: {e.strerror}")
    except (ValueError, RecursionError) as e:
        problems.append(f"{file}: not the journal's: {_reason(e)}")
    return None


def _parsed(data: bytes, schema: type[P]) -> P:
    with contextlib.suppress(ValidationError):
        return schema.model_validate_json(data)
    # json.loads knows halves of surrogate pairs, which neither pydantic nor Arrow nor UTF-8 can hold
    tree = json.loads(data)
    return schema.model_validate_json(json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace"))


def _reason(e: Exception) -> str:
    if isinstance(e, ValidationError):
        first = e.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg'][0].lower()}{first['msg'][1:]}"
    return "no JSON" if isinstance(e, json.JSONDecodeError | UnicodeDecodeError) else str(e)
