"""Jobs with known truth against a baseline: how many are red though nothing changed, how many changes are found?

Run: .venv/bin/python benchmarks/baseline.py [jobs per line, default 500]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np

from rig.report.ci.baseline.compare import Finding, compare
from rig.report.ci.baseline.gathered import Gathered, Key, Numbers, spread

MEAN_W = 8.0
TOLERANCE_W = 0.16
"""Of the rig's table: 2 % of 8 W."""
MEASUREMENTS = 60
CHANGED = 8
"""Of the measurements, where something changed: the states of one firmware."""


@dataclass(frozen=True, slots=True)
class World:
    """One truth, the same for every measurement."""

    title: str
    before: int = 8
    """Runs of each board in the baseline."""
    now: int = 1
    boards: int = 2
    sd_w: float = 0.05
    now_sd_w: float | None = None
    """None: the same as before."""
    day_sd_w: float = 0.0
    """Between days: all runs of one job share it, and all of a baseline made in one session."""
    sessions: int = 8
    change_w: float = 0.0
    tolerance: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Shares."""

    red_jobs: float
    alone: float
    """Jobs that would be red by each measurement's own 95 % interval."""
    found: float
    """Of the measurements that changed."""
    covered: float
    """Intervals that hold the truth."""


def simulate(world: World, jobs: int, seed: int = 7) -> Seen:
    """So many baselines, each with one job against it."""
    rng = np.random.default_rng(seed)
    rows = [_once(world, rng) for _ in range(jobs)]
    return Seen(*(float(np.mean(column)) for column in zip(*rows, strict=True)))


def _once(world: World, rng: np.random.Generator) -> tuple[float, float, float, float]:
    keys = [Key(False, "561FLR-T", f"power.s{n}.total_w", "W") for n in range(MEASUREMENTS)]
    before, now = {}, {}
    for n, key in enumerate(keys):
        truth = MEAN_W + rng.normal(0, 0.3, world.boards)  # boards differ, and that is no change
        shift = world.change_w if n < CHANGED else 0.0
        before[key] = _numbers(rng, truth, world.before, world.sd_w, world.day_sd_w, world.sessions)
        sd = world.sd_w if world.now_sd_w is None else world.now_sd_w
        now[key] = _numbers(rng, truth + shift, world.now, sd, world.day_sd_w, 1)
    found = compare(before, Gathered(now, 0, 0, ()), {"*": world.tolerance} if world.tolerance else {})
    bad = found.of(Finding.REGRESSION)
    changed = set(keys[:CHANGED]) if world.change_w else set()
    false = [r for r in bad if r.key not in changed]
    alone = [r for r in found.of(Finding.REGRESSION, Finding.SUSPECT) if r.key not in changed]
    hits = sum(r.key in changed for r in bad) / CHANGED
    inside = [
        r.change.interval.low <= (world.change_w if r.key in changed else 0.0) <= r.change.interval.high
        for r in found.rows
        if r.change
    ]
    return bool(false), bool(alone), hits, float(np.mean(inside)) if inside else float("nan")


def _numbers(
    rng: np.random.Generator, truth: np.ndarray, runs: int, sd: float, day_sd: float, sessions: int
) -> Numbers:  # fmt: skip
    sessions = min(sessions, runs)
    days = rng.normal(0, day_sd, sessions)
    which = np.arange(runs) % sessions
    values = truth[:, None] + rng.normal(0, sd, (len(truth), runs)) + days[which]
    boards = {f"A-{b} + C-{b}": spread([float(v) for v in row]) for b, row in enumerate(values)}
    left = values - values.mean(axis=1, keepdims=True)
    means = [float(left[:, which == s].mean()) for s in range(sessions)]
    return Numbers(boards, frozenset({"b"}), frozenset({"p"}), sessions, spread(means).sd)


NOTHING = World("nothing changed, 8 runs of 2 boards before, 1 now")
DAYS = replace(NOTHING, day_sd_w=0.05)
WORLDS = (
    NOTHING,
    replace(NOTHING, title="  one board", boards=1),
    replace(NOTHING, title="  3 runs before", before=3),
    replace(NOTHING, title="  3 now", now=3),
    replace(NOTHING, title="  8 now (Welch)", now=8),
    replace(NOTHING, title="  9 boards, once before and once now (paired)", boards=9, before=1),
    replace(NOTHING, title="  no tolerance at all", tolerance="0"),
    replace(NOTHING, title="  noise three times the tolerance (virtual traffic)", sd_w=0.5),
    replace(NOTHING, title="  noise doubled by what changed, 3 now, no tolerance", now=3, now_sd_w=0.1, tolerance="0"),
    replace(NOTHING, title="  noise doubled, 8 now (Welch), no tolerance", now=8, now_sd_w=0.1, tolerance="0"),
    replace(DAYS, title="  days differ as much as runs, no tolerance", tolerance="0"),
    replace(DAYS, title="  the same, the table's tolerance"),
    replace(DAYS, title="  the same, baseline of 4 days", before=4),
    replace(DAYS, title="  the same, baseline of one day", sessions=1),
    replace(NOTHING, title="8 of 60 draw 0.4 W more", change_w=0.4),
    replace(NOTHING, title="  one board, 3 runs before", change_w=0.4, boards=1, before=3),
    replace(NOTHING, title="  0.25 W more", change_w=0.25),
    replace(NOTHING, title="  noise 0.15 W", change_w=0.4, sd_w=0.15),
)


def main(jobs: int) -> None:
    print(f"{jobs} jobs of {MEASUREMENTS} measurements a line; tolerance {TOLERANCE_W} W where nothing else is said")
    print(f"{'':62} red, falsely  by own interval  changes found  coverage")
    for world in WORLDS:
        s = simulate(world, jobs)
        print(f"{world.title:62} {s.red_jobs:12.1%} {s.alone:16.1%} {s.found:14.1%} {s.covered:9.1%}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
