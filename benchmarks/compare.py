"""Comparisons with known truth: is the 95 % interval one, how often is equivalence declared wrongly, what is saved?

Run: .venv/bin/python benchmarks/compare.py [comparisons per line, default 1000]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rig.report.compare.drift import drift
from rig.report.compare.estimate import EARLY_LEVEL, LEVEL, Point, headline, same, welch
from rig.report.compare.sequential import look
from rig.report.compare.verdict import Claim, Decision, decide

MARGIN_W = 0.5


@dataclass(frozen=True, slots=True)
class World:
    """One truth: A draws `difference_w` more than B."""

    inserts: int
    sd_a_w: float
    sd_b_w: float
    difference_w: float
    drift_w: float = 0.0
    """Per insert, both cards alike."""
    early: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """Shares of the comparisons."""

    covered: float
    equivalent: float
    decided: float
    inserts: float
    """Of each card, mean."""


def simulate(world: World, comparisons: int, seed: int = 1) -> Seen:
    """Compare so often in this world, by the rules of the report."""
    rng = np.random.default_rng(seed)
    found = [_once(world, rng) for _ in range(comparisons)]
    covered, equivalent, decided, inserts = (float(np.mean(column)) for column in zip(*found, strict=True))
    return Seen(covered, equivalent, decided, inserts)


def _once(world: World, rng: np.random.Generator) -> tuple[bool, bool, bool, int]:
    a, b = _inserts(world, rng)
    used = _stopped_after(world, a, b) if world.early else world.inserts
    claim = _claim(a[:used], b[:used], EARLY_LEVEL if world.early else LEVEL)
    decision = decide(claim, MARGIN_W)
    covered = claim.interval.low <= world.difference_w <= claim.interval.high
    return covered, decision is Decision.EQUIVALENT, decision is not Decision.NOT_DECIDED, used


def _inserts(world: World, rng: np.random.Generator) -> tuple[list[Point], list[Point]]:
    """A B A B ..., as a comparison is made."""
    n = world.inserts
    a = 10 + world.difference_w + rng.normal(0, world.sd_a_w, n) + world.drift_w * np.arange(0, 2 * n, 2)
    b = 10 + rng.normal(0, world.sd_b_w, n) + world.drift_w * np.arange(1, 2 * n, 2)
    return (
        [Point(float(w), 2 * i, "A1") for i, w in enumerate(a)],
        [Point(float(w), 2 * i + 1, "B1") for i, w in enumerate(b)],
    )


def _stopped_after(world: World, a: list[Point], b: list[Point]) -> int:
    watts_a, watts_b = [p.watts for p in a], [p.watts for p in b]
    for n in range(1, world.inserts):
        if look(watts_a[:n], watts_b[:n], MARGIN_W, world.inserts) is not Decision.NOT_DECIDED:
            return n
    return world.inserts


def _claim(a: list[Point], b: list[Point], level: float) -> Claim:
    """The headline of `rig.report.compare.estimate`, without what the headline does not need."""
    watts_a, watts_b = [p.watts for p in a], [p.watts for p in b]
    assert not same(watts_a) and not same(watts_b)
    claim = headline(welch(watts_a, watts_b, level), drift(a, b, level))
    assert claim is not None
    return claim


def worlds() -> Iterator[World]:
    """Every line that is printed."""
    for n in (3, 4, 5, 8):
        for sds in ((0.2, 0.2), (0.4, 0.4), (0.1, 0.3)):
            for difference in (0.0, -MARGIN_W, -1.2, -3.0):
                yield World(n, *sds, difference)
                if n > 4:
                    yield World(n, *sds, difference, early=True)
        for drift_w in (0.02, 0.1):
            yield World(n, 0.2, 0.2, -1.2, drift_w)
            yield World(n, 0.1, 0.3, -MARGIN_W, drift_w)
    yield World(8, 0.2, 0.2, -MARGIN_W, 0.05, early=True)


def main() -> None:
    comparisons = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"margin {MARGIN_W} W, {comparisons} comparisons a line; a share of 0.95 is uncertain by "
          f"{1.96 * np.sqrt(0.95 * 0.05 / comparisons):.3f}")  # fmt: skip
    print("inserts   sd A   sd B   true  drift  early | covered  equivalent  decided  inserts used")
    every = [(world, simulate(world, comparisons, seed)) for seed, world in enumerate(worlds())]
    for w, seen in every:
        print(f"{w.inserts:7} {w.sd_a_w:6.2f} {w.sd_b_w:6.2f} {w.difference_w:6.2f} {w.drift_w:6.2f} "
              f"{'yes' if w.early else 'no':>6} | {seen.covered:7.3f} {seen.equivalent:11.3f} {seen.decided:8.3f} "
              f"{seen.inserts:13.2f}")  # fmt: skip
    covered = [seen.covered for _, seen in every]
    wrong = [seen.equivalent for w, seen in every if w.difference_w == -MARGIN_W]
    saved = [1 - seen.inserts / w.inserts for w, seen in every if w.early]
    print(f"coverage: mean {np.mean(covered):.3f}, lowest line {min(covered):.3f}, highest {max(covered):.3f}")
    print(f"wrong equivalence at a true difference of the margin: mean {np.mean(wrong):.3f}, highest {max(wrong):.3f}")
    print(f"early stop: {100 * np.mean(saved):.0f} % of the inserts saved on average, {100 * max(saved):.0f} % at most")


if __name__ == "__main__":
    main()
