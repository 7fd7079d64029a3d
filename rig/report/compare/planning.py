"""How many inserts of each card would decide, from the spread that was seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import stats

POWER = 0.9
"""The chance that so many inserts decide."""
MOST = 1000


@dataclass(frozen=True, slots=True)
class Needed:
    """Inserts of each card; None: out of reach, the difference is too near to the margin, or more than `MOST`."""

    sd_w: float
    """Pooled, between inserts."""
    beyond: int | None
    """To show that the difference exceeds the margin."""
    equivalent: int | None
    """To show that it is inside the margin."""
    sign: int | None
    """To show which card draws less."""


def pooled_sd(sd_a: float, n_a: int, sd_b: float, n_b: int) -> float:
    """Of two groups that each have two values or more."""
    return math.sqrt(((n_a - 1) * sd_a**2 + (n_b - 1) * sd_b**2) / (n_a + n_b - 2))


def needed(sd: float, difference: float, margin: float) -> Needed:
    """From the pooled `sd`, as if the difference seen were the true one; `sd` above 0."""
    far = abs(difference)
    return Needed(
        sd,
        inserts_for_difference(sd, far - margin) if far > margin else None,
        inserts_for_equivalence(sd, margin, far) if far < margin else None,
        inserts_for_difference(sd, far) if far > 0 else None,
    )


def inserts_for_difference(sd: float, difference: float, alpha: float = 0.05) -> int | None:
    """Inserts of each card until Welch's test finds `difference` (above 0); None above `MOST`."""

    def power(n: int) -> float:
        df, shift = 2 * n - 2, difference / (sd * math.sqrt(2 / n))
        t = stats.t.ppf(1 - alpha / 2, df)
        return float(stats.nct.sf(t, df, shift) + stats.nct.cdf(-t, df, shift))

    return _fewest(power)


def inserts_for_equivalence(sd: float, margin: float, difference: float = 0.0, alpha: float = 0.05) -> int | None:
    """Inserts of each card until two one-sided tests find |difference| < `margin`; None above `MOST`."""

    def power(n: int) -> float:
        df, error = 2 * n - 2, sd * math.sqrt(2 / n)
        t = stats.t.ppf(1 - alpha, df)
        below = stats.nct.sf(t, df, (margin + difference) / error)
        above = stats.nct.sf(t, df, (margin - difference) / error)
        return float(below + above - 1)

    return _fewest(power)


def _fewest(power: Callable[[int], float]) -> int | None:
    """The smallest n with enough power, which grows with n."""
    low, high = 2, 2
    while not power(high) >= POWER:
        if high >= MOST:
            return None
        low, high = high + 1, min(2 * high, MOST)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle + 1, high)
    return high
