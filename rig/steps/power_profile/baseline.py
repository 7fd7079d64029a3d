"""The card's share of a whole host's power: the host with its card less the same host without.

Ref: domain notes on power, section 2, topology B: baseline before and after, adapter present, card absent.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from rig.model import Measurement, RailAccuracy
from rig.steps.power_profile.window import Taken


@dataclass(frozen=True, slots=True)
class Baseline:
    """The host without the card, before and after it."""

    before: Taken
    after: Taken

    @property
    def before_w(self) -> float:
        return statistics.fmean(self.before.totals_w)

    @property
    def after_w(self) -> float:
        return statistics.fmean(self.after.totals_w)

    @property
    def mean_w(self) -> float:
        return (self.before_w + self.after_w) / 2

    @property
    def drift_w(self) -> float:
        return self.after_w - self.before_w


def share(accuracy: Mapping[str, RailAccuracy], taken: Taken, baseline: Baseline) -> tuple[float, float | None, str]:
    """Watts of the card, the bound of their error, and how they came about.

    Both terms are read on one channel: its offset is in both and goes, its gain error stays, of the difference alone.
    Where the accuracy is not known that well, both terms' whole bounds count. Half the drift between the baselines
    is added: nobody saw when it happened.
    """
    value = statistics.fmean(taken.totals_w) - baseline.mean_w
    instrument = _gain_w(accuracy, taken, value)
    if instrument is None:
        instrument = _both_bounds_w(taken, baseline)
    drift = abs(baseline.drift_w) / 2
    note = f"less {baseline.mean_w:.3f} W of the host without card, half its drift {drift:.3f} W"
    return value, None if instrument is None else instrument + drift, note


def drift_rows(baseline: Baseline | None) -> list[Measurement]:
    """What the host drew without the card; its limits say how much drift a comparison bears."""
    if baseline is None:
        return []
    before, after = baseline.before, baseline.after
    return [
        Measurement("power.baseline.before_w", baseline.before_w, "W", _steady(before), error=_bound_w(before)),
        Measurement("power.baseline.after_w", baseline.after_w, "W", _steady(after), error=_bound_w(after)),
        Measurement("power.baseline.drift_w", baseline.drift_w, "W", "after less before"),
    ]


def _steady(taken: Taken) -> str:
    settled = taken.settled
    said = "steady" if settled.steady else "not steady"
    return f"mean of {len(taken.samples)} samples, {said} after {settled.after_s:.1f} s"


def _gain_w(accuracy: Mapping[str, RailAccuracy], taken: Taken, value: float) -> float | None:
    percents = []
    for rail in taken.counted:
        known = accuracy.get(rail)
        if known is None or known.voltage is None or known.current is None or _measures_power(taken, rail):
            return None
        # the supply holds the voltage: its offset does not leave the difference, its share of the volts stays
        volts = statistics.fmean(abs(r.voltage_v) for r in taken.readings(rail)) or 1.0
        percents.append(known.voltage.percent + 100 * known.voltage.offset / volts + known.current.percent)
    return max(percents) / 100 * abs(value) if percents else None


def _measures_power(taken: Taken, rail: str) -> bool:
    return any(r.power_w is not None for r in taken.readings(rail))


def _both_bounds_w(taken: Taken, baseline: Baseline) -> float | None:
    state, before, after = (_bound_w(t) for t in (taken, baseline.before, baseline.after))
    return None if state is None or before is None or after is None else state + (before + after) / 2


def _bound_w(taken: Taken) -> float | None:
    errors = [s.rails[rail].watts_error for s in taken.samples for rail in taken.counted]
    known = [e for e in errors if e is not None]
    return sum(known) / len(taken.samples) if len(known) == len(errors) else None
