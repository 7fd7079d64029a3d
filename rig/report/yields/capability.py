"""Cpk and control charts: one value a unit in the order of their first runs, against the limits it was judged by.

Ref: individuals and moving range chart, NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2; Western Electric
rules, 6.3.2; process capability, 6.1.6; interval of Cpk, Bissell, Applied Statistics 39 (1990) 331.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scipy import stats

from rig.model import Step
from rig.report.schema import Row
from rig.report.yields.attempts import History
from rig.report.yields.bounds import LEVEL

FEWEST = 5
"""Of fewer values neither a spread nor a chart says anything."""
D2, D3_UPPER = 1.128, 3.267
"""Of two values in a row: mean range over standard deviation, and upper limit of the range over its mean."""
_RULES = ((1, 1, 3.0), (2, 3, 2.0), (4, 5, 1.0), (8, 8, 0.0))
"""Western Electric: so many of so many in a row beyond so many standard deviations, on one side."""


@dataclass(frozen=True, slots=True)
class Value:
    """What one unit measured."""

    time_s: float
    serial: str
    run: str
    number: float


@dataclass(frozen=True, slots=True)
class Signal:
    """A value at which a rule of the chart is broken: the process changed, whatever the limits say."""

    index: int
    rule: str


@dataclass(frozen=True, slots=True)
class Capability:
    """One measurement over many units, of one card model (bare-board checks: of one design)."""

    name: str
    of: str
    step: str
    unit: str
    low: float | None
    high: float | None
    values: tuple[Value, ...]
    mean: float
    sd: float
    """Over everything."""
    sd_within: float
    """From the moving range: without slow changes."""
    cpk: float | None
    """With `sd_within`; None: no spread."""
    ppk: float | None
    """With `sd`."""
    ppk_low: float | None
    ppk_high: float | None
    """The 95 % interval of `ppk`."""
    signals: tuple[Signal, ...]
    censored: int
    """Further units whose instrument could only say "this or more": they are no numbers to average."""

    @property
    def range_mean(self) -> float:
        return self.sd_within * D2


def capabilities(histories: Iterable[History]) -> tuple[Capability, ...]:
    """Every measurement with an interval as its limit and enough values; the least capable first."""
    series: dict[tuple[str, str, str, str, float | None, float | None], list[Value]] = {}
    censored: dict[tuple[str, str, str, str, float | None, float | None], int] = {}
    for value, row, of in _values(histories):
        key = (row.name, of, row.step, row.unit, row.low, row.high)
        if row.at_least:
            censored[key] = censored.get(key, 0) + 1
        else:
            series.setdefault(key, []).append(value)
    found = [
        _capability(key, sorted(values, key=lambda v: v.time_s), censored.get(key, 0))
        for key, values in series.items()
        if len(values) >= FEWEST
    ]
    return tuple(sorted(found, key=lambda c: (math.inf if c.cpk is None else c.cpk, c.name, c.of)))


def _values(histories: Iterable[History]) -> Iterator[tuple[Value, Row, str]]:
    """Each unit's first value of each measurement: a unit that came again is still one unit."""
    for history in histories:
        seen: set[str] = set()
        for run in (o.run for o in history.attempts if o.run):
            for row in run.rows:
                if row.name in seen or not _is_interval(row) or row.number is None:
                    continue
                seen.add(row.name)
                bare = row.step == Step.SHORT_CHECK
                of = run.start.adapter.design if bare else run.start.card.model
                yield Value(run.start.started_s, run.start.adapter.serial, run.start.run, row.number), row, of


def _is_interval(row: Row) -> bool:
    """Whether the limit leaves room to vary in: what must be exactly 8 has no capability."""
    bounded = row.low is not None or row.high is not None
    return bounded and row.low != row.high and not isinstance(row.value, bool)


def _capability(
    key: tuple[str, str, str, str, float | None, float | None], values: Sequence[Value], censored: int
) -> Capability:
    name, of, step, unit, low, high = key
    numbers = [v.number for v in values]
    mean, sd = statistics.fmean(numbers), statistics.stdev(numbers)
    within = statistics.fmean(abs(b - a) for a, b in pairwise(numbers)) / D2
    ppk = _index(mean, sd, low, high)
    reach = _reach(ppk, len(numbers))
    return Capability(
        name, of, step, unit, low, high, tuple(values), mean, sd, within, _index(mean, within, low, high), ppk,
        None if ppk is None else ppk - reach, None if ppk is None else ppk + reach,
        tuple(signals(numbers, mean, within)), censored,
    )  # fmt: skip


def _index(mean: float, sd: float, low: float | None, high: float | None) -> float | None:
    """Distance to the nearer limit in units of three standard deviations."""
    if sd <= 1e-12 * max(1.0, abs(mean)):
        return None
    sides = ([] if high is None else [high - mean]) + ([] if low is None else [mean - low])
    return min(sides) / (3 * sd)


def _reach(ppk: float | None, n: int) -> float:
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    return z * math.sqrt(1 / (9 * n) + (ppk or 0.0) ** 2 / (2 * (n - 1)))


def signals(numbers: Sequence[float], mean: float, sd: float) -> Iterator[Signal]:
    """Where a Western Electric rule is broken, and where the range of two in a row is beyond its own limit."""
    if sd <= 0:
        return
    distances = [(x - mean) / sd for x in numbers]
    for end in range(len(numbers)):
        for number, (need, of, beyond) in enumerate(_RULES, start=1):
            window = distances[max(0, end - of + 1) : end + 1]
            if _broken(window, need, of, beyond):
                yield Signal(end, _sentence(number, need, of, beyond))
        if end and abs(numbers[end] - numbers[end - 1]) > D3_UPPER * D2 * sd:
            yield Signal(end, "the step from the value before is beyond its limit")


def _broken(window: Sequence[float], need: int, of: int, beyond: float) -> bool:
    """The rule holds of a whole window, and its last value is one of those beyond."""
    for side in (1, -1):
        out = [side * d > beyond for d in window]
        if len(window) == of and out[-1] and sum(out) >= need:
            return True
    return False


def _sentence(number: int, need: int, of: int, beyond: float) -> str:
    if number == 1:
        return "rule 1: beyond 3 sigma"
    if of == need:
        return f"rule {number}: {need} in a row on one side"
    return f"rule {number}: {need} of {of} beyond {beyond:g} sigma on one side"
