"""What k of n says about the share behind it: exact binomial intervals, and one-sided bounds for a soak.

Ref: Clopper and Pearson, Biometrika 26 (1934) 404; computed by scipy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `total`, and the two-sided interval its true share lies in; no interval of none."""

    count: int
    total: int
    low: float | None
    high: float | None
    level: float = LEVEL

    @property
    def value(self) -> float | None:
        return self.count / self.total if self.total else None

    def __str__(self) -> str:
        """`21 of 24, 87.5 % (67.6 … 97.3 %)`."""
        if self.value is None or self.low is None or self.high is None:
            return f"{self.count} of {self.total}"
        between = f"{100 * self.low:.1f} … {100 * self.high:.1f} %"
        return f"{self.count} of {self.total}, {100 * self.value:.1f} % ({between})"


def share(count: int, total: int, level: float = LEVEL) -> Share:
    """`count` of `total` with its exact interval; ValueError when that cannot be counted."""
    _check(count, total, level)
    if not total:
        return Share(count, total, None, None, level)
    found = stats.binomtest(count, total).proportion_ci(level, method="exact")
    return Share(count, total, float(found.low), float(found.high), level)


def upper_bound(failures: int, trials: int, level: float = LEVEL) -> float | None:
    """The rate that `failures` of `trials` leaves credible at most, one-sided; None without a trial."""
    _check(failures, trials, level)
    if not trials:
        return None
    found = stats.binomtest(failures, trials, alternative="less").proportion_ci(level, method="exact")
    return float(found.high)


def bound_sentence(failures: int, trials: int, level: float = LEVEL) -> str:
    """`0 of 200, below 1.5 % at 95 %`: rounded up, so that the sentence never says too much."""
    bound = upper_bound(failures, trials, level)
    if bound is None:
        return f"{failures} of {trials}, nothing is known"
    return f"{failures} of {trials}, below {_percent_up(bound)} % at {100 * level:g} %"


def trials_needed(below: float, failures: int = 0, level: float = LEVEL) -> int:
    """How many trials with at most `failures` failing show a rate below `below`; ValueError outside 0 to 1."""
    if not 0 < below < 1:
        raise ValueError(f"a rate to stay below lies between 0 and 1, not {below}")
    _check(failures, failures, level)
    low, high = failures, max(1, failures)
    while not _shown(failures, high, below, level):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _shown(failures, middle, below, level) else (middle, high)
    return high


def _shown(failures: int, trials: int, below: float, level: float) -> bool:
    return float(stats.binom.cdf(failures, trials, below)) <= 1 - level


def _percent_up(rate: float) -> str:
    """Two significant digits, rounded up; a hair above a round number is that number."""
    percent = 100 * rate
    if percent <= 0:
        return "0"
    step = 10.0 ** (math.floor(math.log10(percent)) - 1)
    return f"{min(100.0, math.ceil(percent / step - 1e-9) * step):.3g}"


def _check(count: int, total: int, level: float) -> None:
    if not 0 <= count <= total:
        raise ValueError(f"{count} of {total} cannot be counted")
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, not {level}")
