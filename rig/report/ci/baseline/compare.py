"""What a job measured against the baseline: which changes are regressions, and which only look like one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scipy import stats

from rig.report.ci.baseline.directions import HIGHER, UNKNOWN, Direction, direction, tolerance
from rig.report.ci.baseline.estimate import Days, change
from rig.report.ci.baseline.gathered import Gathered, Key, Numbers
from rig.report.ci.baseline.result import Change, Compared, Comparison, Finding
from rig.report.compare.verdict import Interval

FALSE_ALARMS = 0.05
"""Of all jobs in which nothing changed, at most about so many are red: a job compares many numbers at once."""


_BY_CHANCE = {
    Finding.REGRESSION: Finding.SUSPECT,
    Finding.BETTER: Finding.SAME,
    Finding.CHANGED: Finding.SAME,
}
"""What a change is called that chance alone would show among so many numbers."""


def compare(baseline: Mapping[Key, Numbers], job: Gathered, tolerances: Mapping[str, str]) -> Comparison:
    """Every measurement of the job against the baseline's; `tolerances` go before the table's."""
    rows = [_one(key, baseline[key], now, tolerances) for key, now in job.numbers.items() if key in baseline]
    other = [k for k in job.numbers if k not in baseline and replace(k, virtual=not k.virtual) in baseline]
    rows += [_refused(k, f"the baseline has only {'real' if k.virtual else 'virtual'} runs of it") for k in other]
    rows += [_refused(k, "not measured this time") for k in _missing(baseline, job)]
    new = tuple(k for k in job.numbers if k not in baseline and k not in other)
    return Comparison(tuple(sorted(_checked(rows), key=_order)), new, _notes(job, other))


def _one(key: Key, before: Numbers, now: Numbers, tolerances: Mapping[str, str]) -> Compared:
    known = direction(key.name) or Direction("", UNKNOWN, "")
    found = _register(before, now) if known.exact else change(before.boards, now.boards, _days(before, now))
    means = [_mean(side, before.boards.keys() & now.boards.keys()) for side in (before, now)]
    base = Compared(
        key, Finding.NOT_COMPARABLE, known.worse, tolerance(key.name, means[0], tolerances), None,
        means[0], means[1], (before.n, now.n), notes=_remarks(before, now),
    )  # fmt: skip
    if isinstance(found, str):
        return replace(base, why_not=found)
    found = replace(found, interval=found.interval.widened(_other_bench(before, now) or 0.0))
    return replace(base, change=found, before=found.before, now=found.now, finding=_finding(found, base))


def _finding(found: Change, of: Compared) -> Finding:
    if abs(found.difference) <= of.tolerance or not found.interval.sign:
        return Finding.SAME
    if of.worse == UNKNOWN:
        return Finding.CHANGED
    return Finding.REGRESSION if (found.interval.sign > 0) == (of.worse == HIGHER) else Finding.BETTER


def _days(before: Numbers, now: Numbers) -> Days | None:
    if before.between is None:
        return None
    return Days(before.between, before.sessions - 1, 1 / before.sessions + 1 / now.sessions)


def _register(before: Numbers, now: Numbers) -> Change | str:
    """A register has no noise: the boards that both have are compared by their means."""
    shared = before.boards.keys() & now.boards.keys()
    if not shared:
        return "other boards than the baseline's: what a register says there is no change"
    a, b = _mean(before, shared), _mean(now, shared)
    return Change(a, b, Interval(b - a, b - a, 1.0), 0.0 if a != b else 1.0, "a register: every change is one")


def _mean(side: Numbers, boards: Sequence[str] | frozenset[str] | set[str]) -> float:
    chosen = [s.mean for board, s in side.boards.items() if board in boards] or [s.mean for s in side.boards.values()]
    return sum(chosen) / len(chosen)


def _checked(rows: list[Compared]) -> list[Compared]:
    """Changes that stay ones when all numbers of the job are looked at together.

    Ref: Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995) 289: where nothing changed, it bounds the share of jobs
    with any false change; where something did, the share of false ones among those named.
    """
    kept = list(rows)
    for is_unknown in (False, True):
        family = [n for n, r in enumerate(rows) if _has_noise(r) and (r.worse == UNKNOWN) is is_unknown]
        ps = [r.change.p for n in family if (r := rows[n]).change]
        for n, p in zip(family, stats.false_discovery_control(ps) if ps else (), strict=True):
            if p > FALSE_ALARMS:
                kept[n] = replace(rows[n], finding=_BY_CHANCE.get(rows[n].finding, rows[n].finding))
    return kept


def _has_noise(row: Compared) -> bool:
    return row.change is not None and row.change.interval.level < 1


def _other_bench(before: Numbers, now: Numbers) -> float | None:
    """Bound of two instruments' errors, where the benches differ; None: the same, or not known."""
    if now.benches <= before.benches or before.error is None or now.error is None:
        return None
    return before.error + now.error


def _remarks(before: Numbers, now: Numbers) -> tuple[str, ...]:
    told = []
    if not now.benches <= before.benches:
        bound = _other_bench(before, now)
        told.append("another bench" + (": its instrument's error is in the interval" if bound else ""))
    if not now.plans <= before.plans:
        told.append("another plan")
    if before.sessions == 1 and before.n > 1:
        told.append("all of the baseline is one batch: what changes from day to day is not in its scatter")
    return tuple(told)


def _refused(key: Key, why: str) -> Compared:
    known = direction(key.name)
    return Compared(key, Finding.NOT_COMPARABLE, known.worse if known else UNKNOWN, 0.0, why_not=why)


def _missing(baseline: Mapping[Key, Numbers], job: Gathered) -> list[Key]:
    """What the baseline has of the same boards, and the job does not."""
    boards: dict[tuple[bool, str], set[str]] = {}
    for key, now in job.numbers.items():
        boards.setdefault((key.virtual, key.model), set()).update(now.boards)
    return [
        key
        for key, before in baseline.items()
        if key not in job.numbers and boards.get((key.virtual, key.model), set()) & before.boards.keys()
    ]


def _notes(job: Gathered, other: Sequence[Key]) -> tuple[str, ...]:
    told = []
    if other:
        told.append("virtual and real runs are never compared")
    if job.left_out:
        told.append(f"{job.left_out} runs did not come to an end and are not compared")
    return tuple(told)


def _order(row: Compared) -> tuple[int, Key]:
    return list(Finding).index(row.finding), row.key
