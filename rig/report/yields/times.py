"""Time per unit, and where it goes: the steps of a run from its events, and what lies between runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rig.model import Step
from rig.report import journal
from rig.report.journal import RunLog
from rig.report.schema import Event
from rig.report.yields.attempts import Kind, unit_key

REST = "in a run, outside of steps"
"""Handling, booting, switching: the run's own time less its steps."""
BETWEEN = "between two runs"
_LONGEST_HANDLING_S = 1800.0
"""A longer pause between two runs of a batch was no handling: the bench stood still."""


@dataclass(frozen=True, slots=True)
class Part:
    """One place where time goes, over all runs that were there."""

    name: str
    runs: int
    median_s: float
    longest_s: float
    total_s: float
    share: float
    """Of all the time that is told."""


@dataclass(frozen=True, slots=True)
class Times:
    """Where the bench's time went."""

    units: int
    """Units with a run that ended."""
    per_unit_s: float | None
    """Median over units of all their runs together."""
    per_run_s: float | None
    """Median over runs."""
    parts: tuple[Part, ...]


def times(kind: Kind) -> Times:
    """Steps in their own order, then the rest of the runs, then the pauses between runs of one batch."""
    runs = [o.run for o in kind.outcomes if o.run]
    spent: dict[str, list[float]] = {}
    for run in runs:
        for name, seconds in _of_run(run).items():
            spent.setdefault(name, []).append(seconds)
    spent[BETWEEN] = _pauses(runs)
    total = sum(sum(s) for s in spent.values())
    whole = _per_unit(kind)
    order = [*Step, *sorted(set(spent) - {*Step, REST, BETWEEN}), REST, BETWEEN]
    parts = (_part(str(name), spent.get(str(name), []), total) for name in order)
    durations = [r.duration_s for r in runs if r.duration_s is not None]
    return Times(len(whole), _median(whole), _median(durations), tuple(p for p in parts if p))


def step_seconds(events: Iterable[Event]) -> dict[str, float]:
    """Seconds of each step that started and ended; one that was taken again counts again."""
    found: dict[str, float] = {}
    started: dict[str, float] = {}
    for event in events:
        if event.event == "step_start":
            started[event.step] = event.time_s
        elif event.event == "step_end" and event.step in started:
            found[event.step] = found.get(event.step, 0.0) + max(0.0, event.time_s - started.pop(event.step))
    return found


def _of_run(run: RunLog) -> dict[str, float]:
    steps = step_seconds(journal.events(run.folder)[0])
    if run.duration_s is None:
        return steps
    return {**steps, REST: max(0.0, run.duration_s - sum(steps.values()))}


def _pauses(runs: Sequence[RunLog]) -> list[float]:
    """From the end of a run to the start of the next one of its batch."""
    found = []
    ended: dict[str, float] = {}
    for run in runs:
        batch = run.start.batch_id or run.start.batch
        if batch in ended:
            pause = run.start.started_s - ended[batch]
            found += [pause] if 0 <= pause <= _LONGEST_HANDLING_S else []
        if run.stop and run.stop.ended_s is not None:
            ended[batch] = run.stop.ended_s
    return found


def _per_unit(kind: Kind) -> list[float]:
    runs = ([o.run.duration_s for o in h.attempts if o.run] for h in kind.histories(unit_key))
    known = ([s for s in seconds if s is not None] for seconds in runs)
    return [sum(seconds) for seconds in known if seconds]


def _part(name: str, seconds: Sequence[float], total: float) -> Part | None:
    if not seconds:
        return None
    spent = sum(seconds)
    return Part(name, len(seconds), statistics.median(seconds), max(seconds), spent, spent / total if total else 0.0)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
