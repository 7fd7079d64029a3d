"""May a comparison stop before its last insert? Looked at after every pair of inserts, from the third on.

Ref: Haybittle, Br. J. Radiol. 44 (1971) 793, and Peto et al., Br. J. Cancer 34 (1976) 585: a much stricter level
before the end leaves the last look as if nobody had looked. Here 99.5 % instead of 95 %, with the larger of the two
spreads for both cards, because a chance run of alike inserts is the usual way to stop wrongly. Where a stop
was possible, 96 % intervals are shown. benchmarks/compare.py measures what the two come to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from rig.report.compare.estimate import EARLY_LEVEL, same, welch
from rig.report.compare.verdict import Claim, Decision, Interval, decide

FEWEST = 3
"""Inserts of each card before anybody looks."""
INTERIM_ALPHA = 0.005


def look(a: Sequence[float], b: Sequence[float], margin: float, most: int) -> Decision:
    """What one state's watts so far decide; `most` inserts of each card were stated beforehand."""
    n = min(len(a), len(b))
    if n < FEWEST or same(a) or same(b):
        return Decision.NOT_DECIDED
    return decide(welch(a, b, EARLY_LEVEL) if n >= most else _strict(a, b), margin)


def decided(a: Mapping[str, Sequence[float]], b: Mapping[str, Sequence[float]], margin: float, most: int) -> str | None:
    """Why no more inserts are needed, or None: every state of both cards must be decided.

    `a` and `b` are state to watts, oldest insert first; `most` inserts of each card were stated beforehand.
    """
    states = [state for state in a if state in b]
    if not states or set(a) != set(b):
        return None
    found = {state: look(a[state], b[state], margin, most) for state in states}
    if Decision.NOT_DECIDED in found.values():
        return None
    inserts = min(len(a[state]) for state in states)
    told = "; ".join(f"{state}: {_words(d, margin)}" for state, d in found.items())
    return f"every state is decided after {inserts} inserts of each card ({told})"


def _strict(a: Sequence[float], b: Sequence[float]) -> Claim:
    n = min(len(a), len(b))
    spread = max(float(np.std(a, ddof=1)), float(np.std(b, ddof=1))) * math.sqrt(1 / len(a) + 1 / len(b))
    difference = float(np.mean(a) - np.mean(b))

    def interval(alpha: float) -> Interval:
        reach = float(stats.t.ppf(1 - alpha / 2, n - 1)) * spread
        return Interval(difference - reach, difference + reach, 1 - alpha)

    return Claim(difference, interval(INTERIM_ALPHA), interval(2 * INTERIM_ALPHA))


def _words(decision: Decision, margin: float) -> str:
    if decision is Decision.EQUIVALENT:
        return f"equivalent within {margin:g} W"
    return f"{decision} by more than {margin:g} W"
