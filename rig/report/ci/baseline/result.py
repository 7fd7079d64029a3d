"""What comes of a comparison with a baseline; no statistics in here: a page is made without loading them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from rig.model import Verdict
from rig.report.ci.baseline.gathered import Key
from rig.report.compare.verdict import Interval


@dataclass(frozen=True, slots=True)
class Change:
    """Now minus baseline."""

    before: float
    now: float
    interval: Interval
    p: float
    """Two-sided, of no change at all."""
    basis: str
    """What the noise is taken from."""

    @property
    def difference(self) -> float:
        return self.now - self.before


class Finding(enum.StrEnum):
    """What came of one measurement."""

    REGRESSION = "regression"
    SUSPECT = "suspect"
    """Worse by its own interval, but among so many numbers chance alone would show one."""
    CHANGED = "changed"
    """Certain, but nobody has said which way is worse."""
    BETTER = "better"
    SAME = "no change shown"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True)
class Compared:
    """One measurement of one card model; `change` None: there is no interval, `why_not` says why."""

    key: Key
    finding: Finding
    worse: str
    tolerance: float
    change: Change | None = None
    before: float | None = None
    now: float | None = None
    runs: tuple[int, int] = (0, 0)
    """Before and now."""
    why_not: str = ""
    notes: tuple[str, ...] = ()

    @property
    def difference(self) -> float | None:
        return None if self.before is None or self.now is None else self.now - self.before


@dataclass(frozen=True, slots=True)
class Comparison:
    """All of a job."""

    rows: tuple[Compared, ...]
    new: tuple[Key, ...]
    """Measured now, and unknown to the baseline."""
    notes: tuple[str, ...]

    def of(self, *findings: Finding) -> tuple[Compared, ...]:
        return tuple(r for r in self.rows if r.finding in findings)

    @property
    def verdict(self) -> Verdict:
        """FAIL with a regression; NOT_RUN where nothing could be compared at all: unknown is never green."""
        if self.of(Finding.REGRESSION):
            return Verdict.FAIL
        compared = len(self.rows) > len(self.of(Finding.NOT_COMPARABLE))
        return Verdict.PASS if compared else Verdict.NOT_RUN
