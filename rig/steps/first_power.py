"""The first time a card gets current: low limit, watched until it is steady, then the running limit.

Ref: domain notes on power, section 3.5: 0.5 A for the charge of the slot budget's 1000 uF, abort at 0.5 s in limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rig.config.bench import SetPoint
from rig.config.plan import FirstPower
from rig.model import Findings, Measurement, Reading, Sample
from rig.ports import SupplyPort

_POLL_S = 0.02
_STEADY_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Ramp:
    """What the trace of one rail says."""

    limiting_s: float
    charge_c: float
    settle_s: float | None
    last: Reading | None


def measure(supply: SupplyPort, rails: Mapping[str, SetPoint], plan: FirstPower) -> Findings:
    """Power every rail with the inrush limit, 12 V last; rails stay on only when none is still limiting."""
    start_s = supply.mark("first power")
    for rail in sorted(rails, reverse=True):
        point = rails[rail]
        supply.apply(rail, point.voltage_v, min(point.limit_a, plan.inrush_limit_a))
    ramps = _watch(supply, rails, start_s, plan)
    if any(r.limiting_s > plan.abort_s for r in ramps.values()):
        supply.off()
    else:
        for rail, point in rails.items():
            supply.apply(rail, point.voltage_v, point.limit_a)
    return Findings(tuple(m for rail, ramp in sorted(ramps.items()) for m in _measurements(rail, ramp, plan)))


def _watch(
    supply: SupplyPort,
    rails: Mapping[str, SetPoint],
    start_s: float,
    plan: FirstPower,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Ramp]:
    """Follow the samples until every rail is steady, one limits too long, or the deadline is over."""
    deadline = time.monotonic() + plan.deadline_s
    while True:
        samples = supply.samples(start_s)
        ramps = {rail: ramp_of(_trace(samples, rail), point, start_s, plan) for rail, point in rails.items()}
        steady = all(r.settle_s is not None for r in ramps.values())
        if steady or any(r.limiting_s > plan.abort_s for r in ramps.values()) or time.monotonic() > deadline:
            return ramps
        sleep(_POLL_S)


def ramp_of(trace: Sequence[Reading], point: SetPoint, start_s: float, plan: FirstPower) -> Ramp:
    """Time in limit, charge until steady, and when the current came to rest (None: not yet)."""
    steady_from = _steady_from(trace, point, plan)
    settle_s = None if steady_from is None else max(trace[steady_from].time_s - start_s, 0.0)
    rise = trace if steady_from is None else trace[: steady_from + 1]
    return Ramp(_limiting_s(trace, point), _charge(rise), settle_s, trace[-1] if trace else None)


def is_limiting(reading: Reading, point: SetPoint) -> bool:
    """What the supply says, or, where it cannot say, a voltage well below the set point."""
    return reading.limiting if reading.limiting is not None else reading.voltage_v < 0.95 * point.voltage_v


def _trace(samples: Sequence[Sample], rail: str) -> list[Reading]:
    return [s.rails[rail] for s in samples if rail in s.rails]


def _limiting_s(trace: Sequence[Reading], point: SetPoint) -> float:
    """Sum of the intervals that both begin and end in limit."""
    pairs = pairwise(trace)
    return sum(b.time_s - a.time_s for a, b in pairs if is_limiting(a, point) and is_limiting(b, point))


def _charge(trace: Sequence[Reading]) -> float:
    pairs = pairwise(trace)
    return sum((a.current_a + b.current_a) / 2 * (b.time_s - a.time_s) for a, b in pairs)


def _steady_from(trace: Sequence[Reading], point: SetPoint, plan: FirstPower) -> int | None:
    """Index of the first reading of the last `window_s` in which the current stays within the band."""
    if not trace or trace[-1].time_s - trace[0].time_s < plan.window_s:
        return None
    first = next(i for i, r in enumerate(trace) if trace[-1].time_s - r.time_s <= plan.window_s)
    window = trace[first:]
    currents = [r.current_a for r in window]
    band = max(plan.steady_a, _STEADY_SHARE * abs(sum(currents) / len(currents)))
    calm = max(currents) - min(currents) <= 2 * band and not any(is_limiting(r, point) for r in window)
    return first if calm else None


def _measurements(rail: str, ramp: Ramp, plan: FirstPower) -> list[Measurement]:
    aborted = ramp.limiting_s > plan.abort_s
    gone = f"switched off: still in current limit after {plan.abort_s:g} s" if aborted else "the supply gave no reading"
    last = None if aborted else ramp.last
    return [
        Measurement(f"rail.{rail}.limiting_s", ramp.limiting_s, "s"),
        Measurement(f"rail.{rail}.inrush_charge_c", ramp.charge_c, "C"),
        Measurement(
            f"rail.{rail}.settle_s",
            ramp.settle_s,
            "s",
            "" if ramp.settle_s is not None else "not steady in time",
        ),
        Measurement(f"rail.{rail}.voltage_v", last.voltage_v if last else None, "V", "" if last else gone),
        Measurement(f"rail.{rail}.current_a", last.current_a if last else None, "A", "" if last else gone),
    ]
