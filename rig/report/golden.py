"""The numbers of a golden unit, learned from several runs of it on one bench.

The statistics: for each quantity the two-sided prediction interval of one more run, mean +- t * sd * sqrt(1 + 1/n),
with Student's t of n - 1 degrees of freedom (Hahn and Meeker, Statistical Intervals, 4.7). A check asks for all m
quantities at once, so each gets an m-th of the false alarms (Bonferroni). Assumed: runs are independent, spread
normally and as much as those that were learned from. No interval is narrower than what the bench can tell: the
instrument's own error, or the floor of its unit. Rates have no upper bound: a faster link is no fault of a bench; all
their false alarms are on the one side.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd

from rig.errors import UsageError
from rig.report import journal
from rig.report.envelope import FLOOR
from rig.report.frames import judged
from rig.report.journal import GREEN, Journal, RunLog

FALSE_ALARM = 0.01
FEWEST = 3
WATTS_FLOOR = 0.05
"""What supplies resolve of a card's power."""
RATE_FLOOR = 0.02
"""Share of a rate: less is TCP's own scatter from one day to the next, which runs in a row do not show."""
NAMES = (
    "power.*.total_w", "rail.*.voltage_v", "rail.*.current_a", "pcie.link.width", "pcie.link.speed_gtps",
    "link.port*.speed_bps", "traffic.port*.to_host_bps", "traffic.port*.from_host_bps",
)  # fmt: skip
"""What is compared unless other names are asked for: what the supply, the slot, the cables and the partner show."""
_EXACT = ("pcie.", "link.")
"""Negotiated, not measured: any other value is another state."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What `learn` found: content for the file, and the names that were left out, each with the reason."""

    content: Mapping[str, Any]
    left_out: tuple[str, ...]


def learn(
    folder: Path, bench: str, *, virtual: bool, serial: str | None = None, names: Sequence[str] = NAMES
) -> Learned:
    """From the good runs of one unit on this bench below `folder`; UsageError when they are too few or of two units.

    `serial`: of the adapter or the card, where there are runs of several units.
    """
    stored = journal.read(folder)
    runs = _good_runs(stored, bench, virtual=virtual, serial=serial)
    rows = judged(stored)
    ids = {run.start.run for run in runs}
    rows = rows[rows["run"].isin(ids) & (rows["bench"] == bench) & rows["value"].notna() & ~rows["at_least"]]
    groups = {str(n): g.groupby("run").last() for n, g in rows.groupby("name") if _asked(str(n), names)}
    whole = {name: values for name, values in groups.items() if len(values) == len(runs)}
    if not whole:
        raise UsageError(f"{folder}: no number that is asked for was measured in each of the {len(runs)} runs")
    every = {name: _number(name, values, len(whole)) for name, values in whole.items()}
    # a bound that nothing can miss would be counted among what was reproduced
    numbers = {name: number for name, number in every.items() if "high" in number or number["low"] > 0}
    if not numbers:
        raise UsageError(f"{folder}: all that was measured scatters too much for a bound; take the unit more often")
    start = runs[-1].start
    content = {
        "bench": bench, "virtual": virtual, "plan": start.plan, "plan_name": start.plan, "made": _today(),
        "false_alarm": FALSE_ALARM, "unit": _unit(runs[-1]), "numbers": numbers,
    }  # fmt: skip
    return Learned(content, tuple(_left_out(groups, numbers, len(runs))))


def _good_runs(stored: Journal, bench: str, *, virtual: bool, serial: str | None) -> list[RunLog]:
    kind, folder = "virtual" if virtual else "real", stored.root
    every = [
        r
        for r in stored.runs
        if r.start.bench == bench and r.start.virtual is virtual and not r.start.steps and _is(r, serial)
    ]
    good = [r for r in every if r.status == "finished" and r.verdict in GREEN]
    units = {(r.start.adapter.serial, r.start.card.serial) for r in good}
    if len(units) > 1:
        there = ", ".join(sorted(f"{a}/{c}" for a, c in units))
        raise UsageError(f"{folder}: good runs of several units on bench {bench!r} ({there}); name one with --unit")
    plans = {r.start.plan for r in good}
    if len(plans) > 1:
        raise UsageError(f"{folder}: good runs by several plans ({', '.join(sorted(plans))}); name a folder of one")
    if len(good) < FEWEST:
        raise UsageError(
            f"{folder}: {len(good)} good whole {kind} runs of one unit on bench {bench!r} (of {len(every)} runs), "
            f"{FEWEST} are the least that say anything of the spread; take the unit through the plan more often"
        )
    return good


def _is(run: RunLog, serial: str | None) -> bool:
    return serial is None or serial in (run.start.adapter.serial, run.start.card.serial)


def _asked(name: str, names: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in names)


def _number(name: str, values: pd.DataFrame, of: int) -> dict[str, Any]:
    found = [float(v) for v in values["value"]]
    unit, mean, sd = str(values["unit"].iloc[0]), statistics.fmean(found), statistics.stdev(found)
    error = float(values["error"].max()) if values["error"].notna().any() else 0.0
    rate = unit == "bit/s" and not name.startswith(_EXACT)
    half = half_width(sd, len(found), of, sides=1 if rate else 2)
    if not name.startswith(_EXACT):
        half = max(half, error, RATE_FLOOR * mean if rate else WATTS_FLOOR if unit == "W" else FLOOR.get(unit, 0.0))
    row = {"mean": mean, "sd": sd, "n": len(found), "unit": unit, "low": _down(mean - half)}
    return row if rate else {**row, "high": _up(mean + half)}


def half_width(sd: float, n: int, of: int, *, sides: int = 2) -> float:
    """From the mean to a bound of one more value, when `of` such intervals are asked for at once."""
    # only here: scipy takes a second to load
    from scipy import stats

    t = float(stats.t.ppf(1 - FALSE_ALARM / (sides * of), n - 1))
    return t * sd * math.sqrt(1 + 1 / n)


def _down(value: float) -> float:
    """Rounded to six digits, away from the mean, so that what is exact stays within."""
    return value if value == 0 else min(float(f"{value:.6g}"), value)


def _up(value: float) -> float:
    return value if value == 0 else max(float(f"{value:.6g}"), value)


def _left_out(groups: Mapping[str, pd.DataFrame], numbers: Mapping[str, Mapping[str, Any]], runs: int) -> Iterator[str]:
    for name, values in groups.items():
        if name not in numbers and len(values) < runs:
            yield f"{name}: left out, measured in {len(values)} of {runs} runs"
        elif name not in numbers:
            yield f"{name}: left out, it scatters so much that no value would be too low; more runs make it narrower"
        elif numbers[name]["low"] <= 0 < numbers[name]["mean"]:
            yield f"{name}: the interval reaches 0, it can miss anything; more runs make it narrower"


def _unit(run: RunLog) -> dict[str, Any]:
    adapter, card = run.start.adapter, run.start.card
    return {
        "adapter": {
            "design": adapter.design, "serial": adapter.serial,
            "jumpers": {str(k): str(v) for k, v in adapter.jumpers.items()}, "mods": [str(m) for m in adapter.mods],
        },
        "card": {"model": card.model, "serial": card.serial},
    }  # fmt: skip


def _today() -> date:
    return datetime.now(UTC).date()
