"""The first time a card gets current: a ramp of two rungs, watched until it is steady, then the running limit.

First below what a converter or a diode needs, where only capacitors may draw; then the rail's own voltage with the
inrush limit. No rung lies between: a converter at half its voltage starts and stops.
Ref: domain notes on power, sections 3.4 and 3.5: 0.5 A for the charge of the slot budget's 1000 uF, abort at 0.5 s
in limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rig.config.bench import SetPoint
from rig.config.plan import FirstPower, Level
from rig.errors import BenchError
from rig.model import Findings, Measurement, Reading, Sample
from rig.ports import SupplyPort

_POLL_S = 0.02
_STEADY_SHARE = 0.02
_FREE_READINGS = 2
"""So many in a row out of limit: the capacitors are charged."""

Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Ramp:
    """What the trace of one rail says."""

    limiting_s: float
    charge_c: float
    charge_error_c: float | None
    peak_a: float | None
    settle_s: float | None
    last: Reading | None
    low: Reading | None = None
    """The last reading of the low rung."""
    lost_s: float = 0.0
    """Time of the ramp that nobody measured: its charge and its peak are not known."""
    stopped: str = ""
    """Why there is no more: the rung at which it was switched off."""


def measure(supply: SupplyPort, rails: Mapping[str, SetPoint], plan: FirstPower, sleep: Sleep = time.sleep) -> Findings:
    """Power every rail rung by rung, 12 V last; rails stay on only when none is still limiting."""
    start_s = supply.mark("first power, low")
    lows = _low_rung(supply, rails, plan, start_s, sleep)
    if any(r.stopped for r in lows.values()):
        return _found(lows)
    start_s = supply.mark("first power")
    for rail in sorted(rails, reverse=True):
        point = rails[rail]
        supply.apply(rail, point.voltage_v, min(point.limit_a, plan.inrush_limit_a))
    ramps = _watch(supply, rails, start_s, plan, sleep)
    if any(r.stopped for r in ramps.values()):
        supply.off()
    else:
        for rail, point in rails.items():
            supply.apply(rail, point.voltage_v, point.limit_a)
    return _found({rail: replace(ramp, low=lows[rail].low) for rail, ramp in ramps.items()})


def _low_rung(
    supply: SupplyPort, rails: Mapping[str, SetPoint], plan: FirstPower, start_s: float, sleep: Sleep
) -> dict[str, Ramp]:
    """Every rail at its low voltage until it is out of limit; off when one stays there."""
    found = {rail: Ramp(0.0, 0.0, None, None, None, None) for rail in rails}
    levels = {rail: plan.low[rail] for rail in sorted(rails, reverse=True) if rail in plan.low}
    for rail, level in levels.items():
        supply.apply(rail, level.voltage_v, level.limit_a)
    deadline = time.monotonic() + plan.deadline_s
    while levels:
        samples = supply.samples(start_s)
        found |= {rail: _low(_trace(samples, rail), level, plan) for rail, level in levels.items()}
        if any(found[rail].stopped for rail in levels):
            supply.off()
            break
        if all(_is_free(_trace(samples, rail), level) for rail, level in levels.items()):
            break
        if time.monotonic() > deadline:
            supply.off()
            raise BenchError(f"supply: no reading of {' and '.join(levels)} in {plan.deadline_s:g} s; look at it")
        sleep(_POLL_S)
    return found


def _low(trace: Sequence[Reading], level: Level, plan: FirstPower) -> Ramp:
    limiting_s = _limiting_s(trace, level.voltage_v)
    stopped = _stopped(limiting_s, level.voltage_v, plan)
    return Ramp(limiting_s, 0.0, None, None, None, None, trace[-1] if trace else None, stopped=stopped)


def _is_free(trace: Sequence[Reading], level: Level) -> bool:
    latest = trace[-_FREE_READINGS:]
    return len(latest) == _FREE_READINGS and not any(is_limiting(r, level.voltage_v) for r in latest)


def _watch(
    supply: SupplyPort, rails: Mapping[str, SetPoint], start_s: float, plan: FirstPower, sleep: Sleep
) -> dict[str, Ramp]:
    """Follow the samples until every rail is steady, one limits too long, or the deadline is over."""
    deadline = time.monotonic() + plan.deadline_s
    while True:
        samples = supply.samples(start_s)
        lost_s = sum(s.gap_s for s in samples)
        ramps = {
            rail: replace(ramp_of(_trace(samples, rail), point, start_s, plan), lost_s=lost_s)
            for rail, point in rails.items()
        }
        steady = all(r.settle_s is not None for r in ramps.values())
        if steady or any(r.stopped for r in ramps.values()) or time.monotonic() > deadline:
            return ramps
        sleep(_POLL_S)


def ramp_of(trace: Sequence[Reading], point: SetPoint, start_s: float, plan: FirstPower) -> Ramp:
    """Time in limit, charge and peak until steady, and when the current came to rest (None: not yet)."""
    steady_from = _steady_from(trace, point, plan)
    settle_s = None if steady_from is None else max(trace[steady_from].time_s - start_s, 0.0)
    rise = trace if steady_from is None else trace[: steady_from + 1]
    limiting_s = _limiting_s(trace, point.voltage_v)
    return Ramp(
        limiting_s,
        _integral(rise, [r.current_a for r in rise]),
        _charge_error(rise),
        max((r.current_a for r in rise), default=None),
        settle_s,
        trace[-1] if trace else None,
        stopped=_stopped(limiting_s, point.voltage_v, plan),
    )


def is_limiting(reading: Reading, voltage_v: float) -> bool:
    """What the supply says, or, where it cannot say, a voltage below the set one by more than its own error."""
    return reading.limiting if reading.limiting is not None else _is_below(reading, voltage_v)


def _is_below(reading: Reading, voltage_v: float) -> bool:
    return reading.voltage_v + (reading.error_v or 0.0) < 0.95 * voltage_v


def _stopped(limiting_s: float, voltage_v: float, plan: FirstPower) -> str:
    if limiting_s <= plan.abort_s:
        return ""
    return f"switched off at {voltage_v:g} V: still in current limit after {plan.abort_s:g} s"


def _trace(samples: Sequence[Sample], rail: str) -> list[Reading]:
    return [s.rails[rail] for s in samples if rail in s.rails]


def _limiting_s(trace: Sequence[Reading], voltage_v: float) -> float:
    """Sum of the intervals that both begin and end in limit."""
    pairs = pairwise(trace)
    limiting = [(a, b) for a, b in pairs if is_limiting(a, voltage_v) and is_limiting(b, voltage_v)]
    return float(sum(b.time_s - a.time_s for a, b in limiting))


def _integral(trace: Sequence[Reading], values: Sequence[float]) -> float:
    pairs = zip(pairwise(trace), pairwise(values), strict=True)
    return sum((x + y) / 2 * (b.time_s - a.time_s) for (a, b), (x, y) in pairs)


def _charge_error(trace: Sequence[Reading]) -> float | None:
    """A current that is off all the time adds up all the time."""
    errors = [r.error_a for r in trace if r.error_a is not None]
    return _integral(trace, errors) if errors and len(errors) == len(trace) else None


def _steady_from(trace: Sequence[Reading], point: SetPoint, plan: FirstPower) -> int | None:
    """Index of the first reading of the last `window_s` in which the current stays within the band.

    At the rail's own voltage: before it was applied the low rung was calm as well.
    """
    if not trace or trace[-1].time_s - trace[0].time_s < plan.window_s:
        return None
    first = next(i for i, r in enumerate(trace) if trace[-1].time_s - r.time_s <= plan.window_s)
    window = trace[first:]
    currents = [r.current_a for r in window]
    band = max(plan.steady_a, _STEADY_SHARE * abs(sum(currents) / len(currents)))
    calm = max(currents) - min(currents) <= 2 * band and not any(is_limiting(r, point.voltage_v) for r in window)
    return first if calm and not any(_is_below(r, point.voltage_v) for r in window) else None


def _found(ramps: Mapping[str, Ramp]) -> Findings:
    return Findings(tuple(m for rail, ramp in sorted(ramps.items()) for m in _measurements(rail, ramp)))


def _measurements(rail: str, ramp: Ramp) -> list[Measurement]:
    gone = ramp.stopped or "the supply gave no reading"
    last, low = None if ramp.stopped else ramp.last, ramp.low
    name = f"rail.{rail}"
    watched = ramp.last is not None
    whole = watched and not ramp.lost_s
    lost = f"nobody measured for {ramp.lost_s:.2f} s of the ramp" if ramp.lost_s else gone
    limiting_s = ramp.limiting_s if watched or ramp.stopped else None
    volts, amperes = (last.voltage_v, last.current_a) if last else (None, None)
    error_v, error_a = (ramp.last.error_v, ramp.last.error_a) if ramp.last else (None, None)
    return [
        Measurement(f"{name}.limiting_s", limiting_s, "s", ramp.stopped if watched else gone),
        _value(f"{name}.inrush_charge_c", ramp.charge_c if whole else None, "C", ramp.charge_error_c, lost),
        _value(f"{name}.inrush_peak_a", ramp.peak_a if whole else None, "A", error_a, lost),
        _value(f"{name}.settle_s", ramp.settle_s, "s", None, ramp.stopped or "not steady in time"),
        _value(f"{name}.voltage_v", volts, "V", error_v, gone),
        _value(f"{name}.current_a", amperes, "A", error_a, gone),
        *([_value(f"{name}.low_a", low.current_a, "A", low.error_a, "")] if low else []),
    ]


def _value(name: str, value: float | None, unit: str, error: float | None, gone: str) -> Measurement:
    return Measurement(name, value, unit, "" if value is not None else gone, error=None if value is None else error)
