"""Charts of one line of text, for pages that show no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rig.report.compare.verdict import Interval

_STEPS = "▁▂▃▄▅▆▇█"
_CELLS = 21
MOST_POINTS = 40


def spark(values: Sequence[float]) -> str:
    """The values in their order, lowest to highest; of more than fit, the means of neighbours."""
    few = _thinned(values)
    low, high = min(few), max(few)
    if high == low:
        return _STEPS[3] * len(few)
    return "".join(_STEPS[round((v - low) / (high - low) * (len(_STEPS) - 1))] for v in few)


def forest(interval: Interval, difference: float, tolerance: float) -> str:
    """A change on a line: `│` is no change, `┊` the tolerance, `─` the interval, `●` the change."""
    span = max(abs(interval.low), abs(interval.high), abs(difference), 1.5 * tolerance) or 1.0
    cells = [" "] * _CELLS

    def at(value: float) -> int:
        return round((value / span + 1) / 2 * (_CELLS - 1))

    for n in range(at(interval.low), at(interval.high) + 1):
        cells[n] = "─"
    if tolerance:
        cells[at(-tolerance)] = cells[at(tolerance)] = "┊"
    cells[at(0.0)] = "│"
    cells[at(difference)] = "●"
    return "".join(cells)


def _thinned(values: Sequence[float]) -> list[float]:
    count = len(values)
    if count <= MOST_POINTS:
        return list(values)
    edges = [round(n * count / MOST_POINTS) for n in range(MOST_POINTS + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
