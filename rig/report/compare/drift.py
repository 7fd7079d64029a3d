"""Did both cards change together while inserts were made? Watts as a line over the order of inserts, plus the card."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import stats

from rig.report.compare.verdict import Claim, Interval

if TYPE_CHECKING:
    from rig.report.compare.estimate import Point

Array = npt.NDArray[np.float64]
_FEWEST = 5
"""Three unknowns (level, card, slope) and two degrees of freedom."""
_UNKNOWNS_EACH = 1.5
"""What each card's spread pays for: its own level and half of the common slope."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A common linear drift, and the difference without it."""

    slope_w: float
    """W per insert."""
    slope: Interval
    claim: Claim

    @property
    def credible(self) -> bool:
        """Whether the slope's interval leaves 0 out."""
        return self.slope.sign != 0


def drift(a: Sequence[Point], b: Sequence[Point], level: float) -> Drift | None:
    """Least squares, each card with a spread of its own; None with too few inserts or when card and order are one.

    Ref: degrees of freedom as in Satterthwaite, Biometrics Bulletin 2 (1946) 110.
    """
    watts = np.array([p.watts for p in (*a, *b)])
    order = np.array([float(p.order) for p in (*a, *b)])
    design = np.column_stack([np.ones(len(watts)), np.repeat([1.0, 0.0], [len(a), len(b)]), order - order.mean()])
    if len(watts) < _FEWEST or min(len(a), len(b)) < 2 or np.linalg.matrix_rank(design) < 3:
        return None
    weights = np.linalg.pinv(design)
    found, left = weights @ watts, watts - design @ (weights @ watts)
    if float(np.sum(left**2)) <= 1e-18:
        return None
    _, card, slope = (_Error.of(row, left, len(a)) for row in weights)
    _, difference, slope_w = map(float, found)
    claim = Claim(difference, card.interval(difference, level), card.interval(difference, 2 * level - 1))
    return Drift(slope_w, slope.interval(slope_w, 0.95), claim)


def apart(a: Sequence[Point], b: Sequence[Point]) -> bool:
    """Whether all inserts of one card came before all of the other: drift and difference are then one."""
    return max(p.order for p in a) < min(p.order for p in b) or max(p.order for p in b) < min(p.order for p in a)


@dataclass(frozen=True, slots=True)
class _Error:
    """Standard error of one coefficient and its degrees of freedom."""

    error: float
    freedom: float

    @classmethod
    def of(cls, weights: Array, left: Array, of_a: int) -> _Error:
        groups = ((weights[:of_a], left[:of_a]), (weights[of_a:], left[of_a:]))
        parts = [(float(np.sum(w**2) * np.sum(x**2)), len(x) - _UNKNOWNS_EACH) for w, x in groups]
        variances = [(squares / freedom, freedom) for squares, freedom in parts]
        total = sum(v for v, _ in variances)
        return cls(math.sqrt(total), total**2 / sum(v**2 / freedom for v, freedom in variances))

    def interval(self, at: float, level: float) -> Interval:
        reach = float(stats.t.ppf((1 + level) / 2, self.freedom)) * self.error
        return Interval(at - reach, at + reach, level)
