"""Watts as what people pay: kWh and money a year, and W per Gbit/s."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rig.report.compare.estimate import Estimate, Point, estimate
from rig.report.compare.inserts import Insert

HOURS_A_YEAR = 8760
TRAFFIC_STATES = ("tx", "rx", "both")
IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Costs:
    """A year in a mix of states; `estimate` is that of the mixed watts, one value an insert."""

    duty: Mapping[str, float]
    price: float
    """Per kWh."""
    currency: str
    estimate: Estimate

    @staticmethod
    def kwh(watts: float) -> float:
        """Energy of a year of `watts`."""
        return watts * HOURS_A_YEAR / 1000

    def money(self, watts: float) -> float:
        """Price of a year of `watts`."""
        return self.kwh(watts) * self.price

    @property
    def duty_text(self) -> str:
        if self.duty == {IDLE: 1.0}:
            return "24 hours a day idle with all links up"
        return ", ".join(f"{100 * share:.3g} % {state}" for state, share in self.duty.items())


@dataclass(frozen=True, slots=True)
class PerGbit:
    """One model in one traffic state."""

    model: str
    state: str
    watts: float
    gbps: float
    """TCP payload."""
    over_idle_w: float | None
    inserts: int
    same_time: bool
    """False: the rate is that of the throughput step, not of the window in which power was measured."""

    @property
    def w_per_gbps(self) -> float:
        return self.watts / self.gbps

    @property
    def over_idle_w_per_gbps(self) -> float | None:
        return None if self.over_idle_w is None else self.over_idle_w / self.gbps


def costs(
    a: Sequence[Insert], b: Sequence[Insert], duty: Mapping[str, float], price: float, currency: str, level: float
) -> Costs | str:
    """What a year costs, or the sentence that says why it cannot be told."""
    mixed_a, mixed_b = _mixed(a, duty), _mixed(b, duty)
    if not mixed_a or not mixed_b:
        return f"no insert of both cards measured every state of the duty ({', '.join(duty)})"
    return Costs(duty, price, currency, estimate(mixed_a, mixed_b, level))


def per_gbit(model: str, inserts: Sequence[Insert]) -> tuple[PerGbit, ...]:
    """W per Gbit/s of every traffic state whose rate is known."""
    found = (_per_gbit(model, state, inserts) for state in TRAFFIC_STATES)
    return tuple(f for f in found if f)


def _mixed(inserts: Sequence[Insert], duty: Mapping[str, float]) -> list[Point]:
    whole = [i for i in inserts if all(state in i.states for state in duty)]
    return [
        Point(sum(i.states[s].total.value * share for s, share in duty.items()), i.order, i.card, i.session)
        for i in whole
    ]


def _per_gbit(model: str, state: str, inserts: Sequence[Insert]) -> PerGbit | None:
    values = [i.states[state] for i in inserts if state in i.states]
    name = "rate_bps" if any("rate_bps" in v.facts for v in values) else "throughput_bps"
    known = [v for v in values if v.facts.get(name, 0.0) > 0]
    if not known:
        return None
    watts = statistics.fmean(v.total.value for v in known)
    idle = [i.states[IDLE].total.value for i in inserts if IDLE in i.states]
    gbps = statistics.fmean(v.facts[name] for v in known) / 1e9
    over = watts - statistics.fmean(idle) if idle else None
    return PerGbit(model, state, watts, gbps, over, len(known), name == "rate_bps")
