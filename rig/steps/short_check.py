"""Bare adapter, no card: does anything conduct between nets that must not?

Ref: domain notes on power, section 3: levels, order of pairs, what a bench supply can resolve.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from rig.config.plan import Level, ShortCheck
from rig.expect import pair_name
from rig.model import Findings, Measurement, Reading
from rig.ports import ProbePort, SupplyPort

RATED_V = {"12V": 12.0, "3V3": 3.3, "3V3AUX": 3.3, "PERST#": 3.3}
"""Voltage the plus net of a pair has in a slot."""
SUSPECT_OHM = 200.0
"""Below this a pair conducts: higher rungs would only burn it."""


def measure(
    supply: SupplyPort, rail: str, probe: ProbePort, pairs: Sequence[tuple[str, str]], plan: ShortCheck
) -> Findings:
    """Resistance of every pair from V/I at rising voltage; `rail` feeds the leads and is off at the end."""
    found = []
    try:
        for plus, minus in pairs:
            probe.connect(plus, minus)
            found.append(_pair(supply, rail, plus, minus, plan))
    finally:
        try:
            supply.off(rail)
        finally:
            probe.release()
    return Findings(tuple(found))


def _pair(supply: SupplyPort, rail: str, plus: str, minus: str, plan: ShortCheck) -> Measurement:
    name = f"short.{pair_name((plus, minus))}.ohm"
    found = Measurement(name, None, "Ohm", "the supply gave no reading")
    for level in _rungs(plus, plan):
        reading = _reading(supply, rail, level, plan.settle_s)
        found = _resistance(name, level, reading, plan.floor_a)
        if (
            isinstance(found.value, float)
            and found.value < SUSPECT_OHM
            and found.value < level.voltage_v / plan.floor_a
        ):
            break
    return found


def _rungs(plus: str, plan: ShortCheck) -> list[Level]:
    rated = (
        [Level(voltage_v=RATED_V[plus], limit_a=plan.rated_limit_a)] if plan.rated_limit_a and plus in RATED_V else []
    )
    return [*plan.levels, *rated]


def _reading(supply: SupplyPort, rail: str, level: Level, settle_s: float) -> Reading:
    supply.apply(rail, level.voltage_v, level.limit_a)
    try:
        time.sleep(settle_s)
        return supply.read()[rail]
    finally:
        supply.off(rail)


def _resistance(name: str, level: Level, reading: Reading, floor_a: float) -> Measurement:
    read = f"{reading.voltage_v:.3f} V, {reading.current_a * 1e3:.1f} mA"
    at = f"at {level.voltage_v:g} V, limit {level.limit_a * 1e3:g} mA: {read}"
    if reading.current_a <= floor_a:
        ohm = level.voltage_v / floor_a
        return Measurement(name, ohm, "Ohm", f"more than {ohm:.0f} Ohm, all this supply can tell; {at}")
    return Measurement(name, max(reading.voltage_v, 0.0) / reading.current_a, "Ohm", at)
