"""Neighbours in time, one insert of each card: what was alike for both drops out of their difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from rig.report.compare.verdict import Interval

if TYPE_CHECKING:
    from rig.report.compare.estimate import Point


@dataclass(frozen=True, slots=True)
class Pairs:
    """Differences A minus B of pairs, oldest first; `interval` None: fewer than two, or no spread."""

    differences_w: tuple[float, ...]
    interval: Interval | None

    @property
    def mean_w(self) -> float:
        return float(np.mean(self.differences_w))


def pairs(a: Sequence[Point], b: Sequence[Point], level: float) -> Pairs | None:
    """Each two inserts in a row of different cards and one session, every insert used once; None without any."""
    found = _differences(a, b)
    if not found:
        return None
    if len(found) < 2 or np.ptp(found) == 0:
        return Pairs(tuple(found), None)
    low, high = stats.ttest_1samp(found, 0.0).confidence_interval(level)
    return Pairs(tuple(found), Interval(float(low), float(high), level))


def _differences(a: Sequence[Point], b: Sequence[Point]) -> list[float]:
    line = sorted([*((p, 1) for p in a), *((p, -1) for p in b)], key=lambda x: x[0].order)
    found: list[float] = []
    n = 0
    while n + 1 < len(line):
        (first, sign), (second, other) = line[n], line[n + 1]
        paired = sign != other and first.session == second.session
        if paired:
            found.append(sign * (first.watts - second.watts))
        n += 2 if paired else 1
    return found
