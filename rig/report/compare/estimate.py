"""Difference of two cards in one state, from the watts of their inserts; the statistics are scipy's.

The unit of analysis is one insert. Where two or more cards of both models were measured, it is one card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from rig.report.compare.drift import Drift, drift
from rig.report.compare.pairs import Pairs, pairs
from rig.report.compare.verdict import Claim, Interval

LEVEL, EARLY_LEVEL = 0.95, 0.96
"""The second where inserts could stop early: with it the coverage stays at 95 % (benchmarks/compare.py)."""
_RESAMPLES = 2000
_SEED = 20261123
FEW_INSERTS = 8
"""Below it a percentile interval is too narrow."""


@dataclass(frozen=True, slots=True)
class Point:
    """The watts of one insert in one state."""

    watts: float
    order: int
    """Place among the inserts of both models, by time."""
    card: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One model in one state."""

    inserts: int
    cards: int
    mean_w: float
    sd_w: float | None
    """Between inserts; None of a single one."""
    card_sd_w: float | None
    """Between the means of its cards; None of a single card."""

    def interval(self, level: float = LEVEL) -> Interval | None:
        """Of the mean of this model alone, over its inserts; None of a single one or without spread."""
        if not self.sd_w:
            return None
        error = self.sd_w / self.inserts**0.5
        low, high = stats.t.interval(level, self.inserts - 1, loc=self.mean_w, scale=error)
        return Interval(float(low), float(high), level)


@dataclass(frozen=True, slots=True)
class Estimate:
    """All that is said of A minus B in one state; what could not be told is None."""

    a: Group
    b: Group
    level: float
    welch: Claim | None
    cards: Claim | None
    """Welch on the means of cards, where both models have two or more."""
    bootstrap: Interval | None
    pairs: Pairs | None
    drift: Drift | None
    why_not: str
    """Why there is no interval, or nothing."""

    @property
    def difference_w(self) -> float:
        return self.claim.difference if self.claim else self.a.mean_w - self.b.mean_w

    @property
    def basis(self) -> str:
        """What the headline's interval is over: `cards`, `inserts, drift removed`, `inserts` or nothing."""
        if self.cards:
            return "cards"
        if self.welch is None:
            return ""
        return "inserts, drift removed" if self.drift and self.drift.credible else "inserts"

    @property
    def claim(self) -> Claim | None:
        """The headline: over cards where there are several of both, else over inserts."""
        return self.cards or headline(self.welch, self.drift)

    @property
    def sign(self) -> int:
        """-1: A draws less, 1: B draws less, 0: not certain."""
        return self.claim.interval.sign if self.claim else 0


def estimate(a: Sequence[Point], b: Sequence[Point], level: float = LEVEL) -> Estimate:
    """Compare the inserts of A and B, at least one of each; `level` is that of the two-sided interval."""
    watts_a, watts_b = _watts(a), _watts(b)
    why_not = _why_not(watts_a, watts_b)
    return Estimate(
        _group(a), _group(b), level,
        None if why_not else welch(watts_a, watts_b, level),
        _over_cards(a, b, level),
        None if why_not else _bootstrap(watts_a, watts_b, level),
        pairs(a, b, level), None if why_not else drift(a, b, level), why_not,
    )  # fmt: skip


def welch(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Claim:
    """Welch's interval for the difference of means; both need two values or more that are not all the same."""
    found = stats.ttest_ind(a, b, equal_var=False)
    both = (found.confidence_interval(level), found.confidence_interval(2 * level - 1))
    wide, narrow = (
        Interval(float(i.low), float(i.high), le) for i, le in zip(both, (level, 2 * level - 1), strict=True)
    )
    return Claim(float(np.mean(a) - np.mean(b)), wide, narrow)


def headline(welch_: Claim | None, drift_: Drift | None) -> Claim | None:
    """By a rule that does not look at the difference: without the drift where that is credible, else Welch's.

    Where it is not credible it may still be there: equivalence must then hold with and without it.
    """
    if welch_ is None or drift_ is None:
        return welch_
    if drift_.credible:
        return drift_.claim
    return Claim(welch_.difference, welch_.interval, welch_.equivalence.joined(drift_.claim.equivalence))


def same(values: Sequence[float]) -> bool:
    """Whether nothing tells the values apart but rounding."""
    return float(np.ptp(values)) <= 1e-9 * max(1.0, float(np.max(np.abs(values))))


def _watts(points: Sequence[Point]) -> list[float]:
    return [p.watts for p in points]


def _why_not(a: Sequence[float], b: Sequence[float]) -> str:
    if min(len(a), len(b)) < 2:
        return "one insert has no spread: at least two of each card are needed for an interval"
    if same(a) or same(b):
        return "the inserts of one card gave all the same value: their spread is below what was resolved"
    return ""


def _card_means(points: Sequence[Point]) -> list[float]:
    cards = dict.fromkeys(p.card for p in points)
    return [float(np.mean([p.watts for p in points if p.card == card])) for card in cards]


def _group(points: Sequence[Point]) -> Group:
    watts, means = _watts(points), _card_means(points)
    return Group(len(watts), len(means), float(np.mean(watts)), _sd(watts), _sd(means))


def _sd(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _over_cards(a: Sequence[Point], b: Sequence[Point], level: float) -> Claim | None:
    means = _card_means(a), _card_means(b)
    if min(map(len, means)) < 2 or any(map(same, means)):
        return None
    return welch(*means, level)


def _bootstrap(a: Sequence[float], b: Sequence[float], level: float) -> Interval:
    found = stats.bootstrap(
        (np.asarray(a), np.asarray(b)), _mean_difference, n_resamples=_RESAMPLES, confidence_level=level,
        method="percentile", vectorized=True, rng=np.random.default_rng(_SEED),
    ).confidence_interval  # fmt: skip
    return Interval(float(found.low), float(found.high), level)


def _mean_difference(
    a: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    b: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    axis: int = -1,
) -> object:
    return np.mean(a, axis=axis) - np.mean(b, axis=axis)
