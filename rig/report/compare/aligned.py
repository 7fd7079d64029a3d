"""The samples of every insert, cut by state and laid over each other at the beginning of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rig.report import frames
from rig.report.compare.comparison import Comparison
from rig.report.compare.inserts import Insert
from rig.report.journal import events
from rig.report.trace import Band, bands, reduced

_MOST_INSERTS = 12
"""Of each model: more lines tell nothing more."""
_POINTS = 90
_LEADS = "probe"
"""Rail of the short check's test leads, which feeds no card."""


@dataclass(frozen=True, slots=True)
class Line:
    """One insert in one state: seconds since it began, and the sum of the rails in W."""

    of_a: bool
    time_s: tuple[float, ...]
    watts: tuple[float, ...]


def traces(comparison: Comparison) -> dict[str, list[Line]]:
    """State to the lines of its inserts, the first dozen of each model; states without samples are not there."""
    wanted = {s.state for s in comparison.states}
    found: dict[str, list[Line]] = {}
    for inserts, of_a in ((comparison.found.a, True), (comparison.found.b, False)):
        for state, line in _lines(inserts[:_MOST_INSERTS], wanted, of_a=of_a):
            found.setdefault(state, []).append(line)
    return {s.state: found[s.state] for s in comparison.states if s.state in found}


def _lines(inserts: Sequence[Insert], wanted: set[str], *, of_a: bool) -> Iterator[tuple[str, Line]]:
    for insert in inserts:
        total = _total(frames.power(insert.run.folder))
        if total.empty:
            continue
        zero_s, until_s = float(total["time_s"].iloc[0]), float(total["time_s"].iloc[-1])
        happened = [e for e in events(insert.run.folder)[0] if e.time_s <= until_s]
        last = {band.name: band for band in bands(happened, "state", "state_end", zero_s, until_s)}
        yield from ((name, _cut(total, band, zero_s, of_a)) for name, band in last.items() if name in wanted)


def _total(power: pd.DataFrame) -> pd.DataFrame:
    """Watts of all rails that feed the card at each instant."""
    fed = power[(power["rail"] != _LEADS) & np.isfinite(power["power_w"])]
    totals = fed.groupby("time_s")["power_w"].sum()
    return pd.DataFrame({"time_s": totals.index.to_numpy(), "watts": totals.to_numpy()})


def _cut(total: pd.DataFrame, band: Band, zero_s: float, of_a: bool) -> Line:
    time_s = total["time_s"] - zero_s
    inside = total[(time_s >= band.start_s) & (time_s <= band.end_s)]
    if inside.empty:
        return Line(of_a, (), ())
    few = reduced(inside, _POINTS)
    seconds = (few["time_s"] - zero_s - band.start_s).round(2)
    return Line(of_a, tuple(map(float, seconds)), tuple(map(float, few["watts"])))
