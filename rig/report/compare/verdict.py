"""What an interval says about a margin that was stated beforehand."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Decision(enum.StrEnum):
    """What came of one state; A and B are the two models in the order they were named."""

    A_LOWER = "A lower"
    B_LOWER = "B lower"
    EQUIVALENT = "equivalent"
    NOT_DECIDED = "not decided"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval for A minus B, in W; `level` 0.95 is 95 %."""

    low: float
    high: float
    level: float

    def widened(self, by: float) -> Interval:
        """The interval with `by` added on both sides."""
        return Interval(self.low - by, self.high + by, self.level)

    def joined(self, other: Interval) -> Interval:
        """The shortest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high), self.level)

    @property
    def sign(self) -> int:
        """-1: below 0 as a whole, 1: above 0, 0: the sign is not certain."""
        return -1 if self.high < 0 else 1 if self.low > 0 else 0

    def within(self, margin: float) -> bool:
        return -margin < self.low and self.high < margin


@dataclass(frozen=True, slots=True)
class Claim:
    """A difference with the interval that speaks of a difference, and the one that speaks of equivalence."""

    difference: float
    interval: Interval
    equivalence: Interval
    """Of twice the error rate: two one-sided tests. Ref: Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657."""

    def widened(self, by: float) -> Claim:
        return Claim(self.difference, self.interval.widened(by), self.equivalence.widened(by))


def decide(claim: Claim | None, margin: float) -> Decision:
    """The verdict: an interval wholly beyond the margin, or wholly inside, else not decided."""
    if claim is None:
        return Decision.NOT_DECIDED
    if claim.interval.high < -margin:
        return Decision.A_LOWER
    if claim.interval.low > margin:
        return Decision.B_LOWER
    return Decision.EQUIVALENT if claim.equivalence.within(margin) else Decision.NOT_DECIDED
