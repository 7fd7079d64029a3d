"""Has a power come to rest? Pure: readings in, a trend out, no clock.

The slope is fitted to the medians of up to ten blocks of the latest past: a spike moves no median, and what makes
neighbouring readings alike cannot make the slope's error too small. Never used: the first reading after a change,
and anything from before a time that nobody measured.
Ref: domain notes on power, section 6.2; least squares, standard error of the slope (any textbook of statistics).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_BLOCKS = 10
_FEWEST = 5
"""Readings below which nobody can tell a slope from noise."""
_ERRORS = 3.0
"""Standard errors that the slope may be off by."""
_OUTSIDE = 0.1
"""Share of the readings that may lie outside the band at each end: spikes."""


@dataclass(frozen=True, slots=True)
class Point:
    """Power at one instant; `gap`: nobody measured just before it."""

    time_s: float
    watts: float
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Criteria:
    """When a power is called steady."""

    window_s: float
    slope_w_per_min: float
    band_w: float


@dataclass(frozen=True, slots=True)
class Trend:
    """What the latest past did."""

    slope_w_per_min: float
    error_w_per_min: float
    """Standard error of the slope."""
    band_w: float
    """Width that eight tenths of the readings lie within."""
    count: int

    def is_steady(self, criteria: Criteria) -> bool:
        """No slope that matters, shown beyond the noise, and no more scatter than allowed."""
        worst = abs(self.slope_w_per_min) + _ERRORS * self.error_w_per_min
        return worst <= criteria.slope_w_per_min and self.band_w <= criteria.band_w

    def __str__(self) -> str:
        return (
            f"slope {self.slope_w_per_min:+.3g} +- {self.error_w_per_min:.2g} W/min, "
            f"band {self.band_w:.3g} W over {self.count} readings"
        )


def trend(points: Sequence[Point], criteria: Criteria, since_s: float) -> Trend | None:
    """The trend of the last `window_s` (of more, where readings are rare); None: too few readings since the change."""
    usable = _usable(points, since_s)
    if len(usable) < _FEWEST or usable[-1].time_s - usable[0].time_s < criteria.window_s * (1 - 1 / _FEWEST):
        return None
    begin_s = usable[-1].time_s - criteria.window_s
    first = next(i for i, p in enumerate(usable) if p.time_s >= begin_s)
    recent = usable[min(first, len(usable) - _FEWEST) :]
    slope, error = _slope(_blocks(recent))
    return Trend(60 * slope, 60 * error, _band([p.watts for p in recent]), len(recent))


def _usable(points: Sequence[Point], since_s: float) -> Sequence[Point]:
    """Since the change without its first reading, and since the last gap."""
    after = [p for p in points if p.time_s > since_s][1:]
    start = max((i for i, p in enumerate(after) if p.gap), default=0)
    return after[start:]


def _blocks(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Mean time and median power of up to ten equal parts."""
    count = min(_BLOCKS, max(_FEWEST, len(points) // 3), len(points))
    edges = [round(i * len(points) / count) for i in range(count + 1)]
    parts = [points[a:b] for a, b in pairwise(edges)]
    return [(statistics.fmean(p.time_s for p in x), statistics.median(p.watts for p in x)) for x in parts]


def _slope(blocks: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Least squares: watts per second, and its standard error."""
    # wall clocks are large numbers: from the first block on nothing is lost
    start_s = blocks[0][0]
    times, watts = [t - start_s for t, _ in blocks], [w for _, w in blocks]
    mean_t, mean_w = statistics.fmean(times), statistics.fmean(watts)
    spread = sum((t - mean_t) ** 2 for t in times)
    if spread == 0:
        return 0.0, math.inf
    slope = sum((t - mean_t) * (w - mean_w) for t, w in zip(times, watts, strict=True)) / spread
    left = sum((w - mean_w - slope * (t - mean_t)) ** 2 for t, w in zip(times, watts, strict=True))
    return slope, math.sqrt(left / (len(blocks) - 2) / spread)


def _band(watts: Sequence[float]) -> float:
    out = int(_OUTSIDE * len(watts))
    inside = sorted(watts)[out : len(watts) - out]
    return inside[-1] - inside[0]
