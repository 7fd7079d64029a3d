"""The change of one measurement with its 95 % interval; the quantiles are scipy's, the unit of analysis is one run.

Boards that were there before and now are each their own baseline: what tells boards apart is no change. Their runs
repeat each other, and give the noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

from rig.report.ci.baseline.gathered import Spread
from rig.report.ci.baseline.result import Change
from rig.report.compare.estimate import LEVEL, same, welch
from rig.report.compare.verdict import Interval

WELCH_DF = 4
"""Repeats beyond the first that both sides need before their spreads are taken apart: a spread of fewer is too
uncertain by itself (benchmarks/baseline.py)."""


@dataclass(frozen=True, slots=True)
class _Side:
    """The boards of one side: mean of their means, sum of squares within them, its degrees of freedom."""

    mean: float
    squares: float
    df: int
    weight: float
    """Variance of the mean, in units of one run's."""

    @property
    def variance(self) -> float:
        return self.squares / self.df if self.df else 0.0


@dataclass(frozen=True, slots=True)
class Days:
    """What a batch adds to all its boards alike, as the baseline's batches show it."""

    sd: float
    df: int
    weight: float
    """Variance of the change, in units of one batch's."""


def change(
    before: Mapping[str, Spread], now: Mapping[str, Spread], days: Days | None = None, level: float = LEVEL
) -> Change | str:
    """The change over the boards that both have, else over boards as such; or why there is no interval.

    Where the batches of the baseline scatter more than its runs explain, their scatter is the noise.
    """
    shared = sorted(before.keys() & now.keys())
    if not shared:
        return _over_boards(before, now, level)
    a, b = ([side[board] for board in shared] for side in (before, now))
    sides = _side(a), _side(b)
    noise = sides[0].squares + sides[1].squares
    if sides[0].df + sides[1].df == 0:
        return _paired(a, b, level)
    if noise <= (1e-9 * max(1.0, abs(sides[0].mean))) ** 2:
        return "spread unknown: every run gave the same value, so the noise is below what was resolved"
    return _within(*sides, days, level)


def _within(before: _Side, now: _Side, days: Days | None, level: float) -> Change:
    """From the scatter of repeated runs of the same boards."""
    if min(before.df, now.df) >= WELCH_DF:
        parts = [side.variance * side.weight for side in (before, now)]
        df = sum(parts) ** 2 / sum(p**2 / s.df for p, s in zip(parts, (before, now), strict=True))
        variance, basis = sum(parts), "runs, each side's own scatter"
    else:
        df = before.df + now.df
        variance = (before.squares + now.squares) / df * (before.weight + now.weight)
        basis = "runs, the baseline's scatter" if now.df == 0 else "runs, the scatter of both together"
    if days and days.sd**2 * days.weight > variance:
        variance, df, basis = days.sd**2 * days.weight, days.df, "batches: they differ more than runs do"
    return _change(before.mean, now.mean, math.sqrt(variance), df, level, basis)


def _paired(before: Sequence[Spread], now: Sequence[Spread], level: float) -> Change | str:
    """From how differently the boards changed, where each was measured once before and once now."""
    differences = [b.mean - a.mean for a, b in zip(before, now, strict=True)]
    if len(differences) < 2:
        return "spread unknown: one run before and one now; give the baseline several"
    if same(differences):
        return "spread unknown: all boards changed by the same value, so the noise is below what was resolved"
    found, mean = stats.sem(differences), [sum(s.mean for s in side) / len(side) for side in (before, now)]
    return _change(mean[0], mean[1], float(found), len(differences) - 1, level, "boards, each against itself")


def _over_boards(before: Mapping[str, Spread], now: Mapping[str, Spread], level: float) -> Change | str:
    means = [[s.mean for s in side.values()] for side in (before, now)]
    if min(map(len, means)) < 2:
        return "other boards than the baseline's, and one board does not tell how boards differ"
    if any(map(same, means)):
        return "spread unknown: the boards gave all the same value"
    p = float(stats.ttest_ind(means[1], means[0], equal_var=False).pvalue)
    claim = welch(means[1], means[0], level)
    mean = [sum(side) / len(side) for side in means]
    return Change(mean[0], mean[1], claim.interval, p, "boards, other ones than the baseline's")


def _change(before: float, now: float, error: float, df: float, level: float, basis: str) -> Change:
    difference, half = now - before, float(stats.t.ppf((1 + level) / 2, df)) * error
    p = float(2 * stats.t.sf(abs(difference) / error, df))
    return Change(before, now, Interval(difference - half, difference + half, level), p, basis)


def _side(boards: Sequence[Spread]) -> _Side:
    count = len(boards)
    return _Side(
        sum(s.mean for s in boards) / count,
        sum((s.n - 1) * s.sd**2 for s in boards if s.sd is not None),
        sum(s.n - 1 for s in boards),
        sum(1 / s.n for s in boards) / count**2,
    )
