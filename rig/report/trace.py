"""The power of one run over time, reduced to what a picture can show without losing a peak."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rig.report.quantity import digits
from rig.report.schema import Event

_BUCKETS = 320
"""Columns a trace is reduced to, two points each; the plot is about twice as many pixels wide."""
_PAUSE_S = 2.0
_MAX_BANDS = 60
RAIL_NAMES = {"12v": "12 V", "3v3": "3.3 V"}


@dataclass(frozen=True, slots=True)
class Band:
    """A named stretch of time, in seconds since the trace's first sample."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Trace:
    """One run's watts, columns `time_s` (since the first sample), `rail`, `watts`, and what went on."""

    watts: pd.DataFrame
    steps: tuple[Band, ...]
    states: tuple[Band, ...]

    @property
    def span_s(self) -> float:
        return max(float(self.watts["time_s"].max()), 1e-3)

    @property
    def sentence(self) -> str:
        """The trace for those who do not see it."""
        rails = self.watts.groupby("rail")["watts"].agg(["mean", "max"])
        parts = [
            f"{RAIL_NAMES.get(str(rail), rail)} mean {digits(mean, 3)} W, peak {digits(peak, 3)} W"
            for rail, mean, peak in rails.itertuples()
        ]
        return f"Power over {digits(self.span_s, 3)} s: {'; '.join(parts)}."


def trace(power: pd.DataFrame, events: Iterable[Event]) -> Trace | None:
    """The trace of a run's `power` frame and events, None when nothing was sampled."""
    watts = pd.DataFrame({"time_s": power["time_s"], "rail": power["rail"], "watts": power["power_w"]})
    watts = watts[np.isfinite(watts["watts"])]
    if watts.empty:
        return None
    zero_s, until_s = float(watts["time_s"].min()), float(watts["time_s"].max())
    watts["time_s"] -= zero_s
    happened = [e for e in events if e.time_s <= until_s]
    steps = bands(happened, "step_start", "step_end", zero_s, until_s)
    return Trace(watts, steps, bands(happened, "state", "state_end", zero_s, until_s))


def bands(events: Iterable[Event], begin: str, end: str, zero_s: float, until_s: float) -> tuple[Band, ...]:
    """Stretches between `begin` and `end` events, cut to the trace; one left open ends with the next."""
    found: list[Band] = []
    name = ""
    since_s: float | None = None
    for event in (*events, Event(event=end, time_s=until_s)):
        if event.event not in (begin, end):
            continue
        if since_s is not None and event.time_s > max(since_s, zero_s):
            found.append(Band(name, max(since_s - zero_s, 0.0), event.time_s - zero_s))
        name, since_s = event.step or event.name, event.time_s if event.event == begin else None
    return tuple(found[:_MAX_BANDS])


def reduced(samples: pd.DataFrame, buckets: int = _BUCKETS) -> pd.DataFrame:
    """`samples` of one rail with only the lowest and highest of each bucket, and a column `segment`.

    A pause in the samples begins a new segment: what nobody measured is not drawn.
    """
    time_s = samples["time_s"]
    gap_s = time_s.diff()
    pause_s = max(_PAUSE_S, 5 * float(gap_s.median())) if len(samples) > 1 else _PAUSE_S
    samples = samples.assign(segment=(gap_s > pause_s).cumsum())
    width_s = max(float(time_s.iloc[-1] - time_s.iloc[0]), 1e-9) / buckets
    bucket = ((time_s - time_s.iloc[0]) / width_s).astype("int64").clip(upper=buckets - 1)
    grouped = samples.groupby(["segment", bucket])["watts"]
    return samples.loc[sorted({*grouped.idxmin(), *grouped.idxmax()})]
