"""Bare adapter, no card: does anything conduct between nets that must not?

Ref: domain notes on power, section 3: levels, order of pairs, what a bench supply can resolve.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.config.plan import Level, ShortCheck
from rig.errors import UsageError
from rig.expect import pair_name
from rig.model import Findings, Measurement, Reading
from rig.ports import ProbePort, SupplyPort
from rig.steps.first_power import is_limiting

RATED_V = {"12V": 12.0, "3V3": 3.3, "3V3AUX": 3.3, "PERST#": 3.3}
"""Voltage the plus net of a pair has in a slot."""
SUSPECT_OHM = 200.0
"""Below this a pair conducts: higher rungs would only burn it."""

OPEN_OHM = 2e6
"""What a multimeter that shows an open circuit has told at least: the smallest top range in use is 2 MOhm."""

Where = Callable[[str], str]
"""A net or pin to where a person finds it on this board."""
Multimeter = Callable[[str, str, str], float | None]
"""Plus, minus and a hint to ohm, infinite for open; None: nobody measured."""


@dataclass(frozen=True, slots=True)
class Leads:
    """The rail that feeds the test leads, and what is told of the points they go to."""

    rail: str
    where: Where = lambda point: point
    multimeter: Multimeter | None = None
    """Asked where the supply can tell too little; None: nobody is."""


def measure(
    supply: SupplyPort, leads: Leads, probe: ProbePort, pairs: Sequence[tuple[str, str]], plan: ShortCheck
) -> Findings:
    """Resistance of every pair from V/I at rising voltage; the leads' rail is off at the end.

    A pair that nobody can put the leads on is a row without a value.
    """
    floor_a = _floor_a(supply, leads.rail, plan)
    found = []
    try:
        for n, pair in enumerate(pairs, 1):
            try:
                probe.connect(*pair, _hint(n, len(pairs), pair, leads.where))
            except UsageError as e:
                found.append(Measurement(_name(pair), None, "Ohm", str(e)))
                continue
            m = _pair(supply, leads.rail, pair, floor_a, plan)
            if leads.multimeter is not None and m.at_least and _ohm(m) < SUSPECT_OHM:
                probe.release()
                m = _by_hand(m, leads.multimeter(*pair, _hint(n, len(pairs), pair, leads.where)))
            found.append(m)
    finally:
        try:
            supply.off(leads.rail)
        finally:
            probe.release()
    return Findings(tuple(found))


def _by_hand(by_supply: Measurement, ohm: float | None) -> Measurement:
    """What a multimeter showed in place of the supply's bound; the bound where nobody measured."""
    if ohm is None:
        return by_supply
    note = f"multimeter, by hand; by the supply: {by_supply.note}"
    if ohm > OPEN_OHM:
        return Measurement(by_supply.name, OPEN_OHM, "Ohm", f"open: {note}", at_least=True)
    return Measurement(by_supply.name, ohm, "Ohm", note)


def _floor_a(supply: SupplyPort, rail: str, plan: ShortCheck) -> float:
    """Current that cannot be told from none: what the plan says, or the supply's own offset where it is larger."""
    accuracy = supply.accuracy().get(rail)
    offset = accuracy.current.offset if accuracy and accuracy.current else 0.0
    return max(plan.floor_a, offset)


def _hint(n: int, count: int, pair: tuple[str, str], where: Where) -> str:
    return f"pair {n} of {count}: red on {where(pair[0])}; black on {where(pair[1])}"


def _name(pair: tuple[str, str]) -> str:
    return f"short.{pair_name(pair)}.ohm"


def _pair(supply: SupplyPort, rail: str, pair: tuple[str, str], floor_a: float, plan: ShortCheck) -> Measurement:
    """The first rung at which it conducts, else the one that could tell most."""
    best: Measurement | None = None
    for level in _rungs(pair[0], plan):
        found = _resistance(_name(pair), level, _reading(supply, rail, level, plan.settle_s), floor_a)
        if not found.at_least and _ohm(found) < SUSPECT_OHM:
            return found
        if best is None or not found.at_least or (best.at_least and _ohm(found) > _ohm(best)):
            best = found
    return best or Measurement(_name(pair), None, "Ohm", "the plan has no rung")


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
    if reading.current_a > floor_a:
        return Measurement(name, max(reading.voltage_v, 0.0) / reading.current_a, "Ohm", at, error=_error(reading))
    if is_limiting(reading, level.voltage_v):
        # the limit is below what the supply can read: the voltage tells that current flows
        ohm = max(reading.voltage_v, 0.0) / level.limit_a
        return Measurement(name, ohm, "Ohm", f"in current limit, taken at the limit; {at}")
    ohm = level.voltage_v / floor_a
    note = f"more than {ohm:.0f} Ohm, all this supply can tell ({floor_a * 1e3:g} mA are none to it); {at}"
    return Measurement(name, ohm, "Ohm", note, at_least=True)


def _error(reading: Reading) -> float | None:
    """Bound of V/I from the bounds of both; None: not known, or nothing is left of the current."""
    error_v, error_a = reading.error_v, reading.error_a
    if error_v is None or error_a is None or error_a >= reading.current_a:
        return None
    ohm = max(reading.voltage_v, 0.0) / reading.current_a
    return (abs(reading.voltage_v) + error_v) / (reading.current_a - error_a) - ohm


def _ohm(m: Measurement) -> float:
    return float(m.value or 0.0)
