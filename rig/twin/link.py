"""Does the PCIe link come up, how wide, how fast, and which pair loses bits: pure functions of the joints.

Where physics leaves a choice the bench is deterministic (the thresholds below are its own):
a pair with an open or bridged leg, or 1 kΩ in a leg, does not train; 300 Ω does not carry 5 GT/s, 100 Ω does
not carry 8 GT/s, and one such pair slows the whole link; less than that costs bit errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rig.model import Card
from rig.twin.board import SHORT_OHM, Soldered, contact, copper
from rig.twin.network import resistance_ohm

DEAD_OHM = 1000.0
GENERATION_OHM = {1: DEAD_OHM, 2: 300.0, 3: 100.0, 4: 50.0}
"""The worst leg a pair may have to carry a generation."""
ERRORS_PER_S = {1: 0.02, 2: 0.4, 3: 4.0, 4: 40.0}
"""Damaged symbols a second of one pair with 30 Ω in a leg; grows with the square of the resistance."""
CLEAN_OHM = 3.0
STRAP_OHM = 200e3
"""A strap reads high through this much, so the optional 100 kΩ pull-ups count."""
RESET_OHM = 10e3
WIDTHS = (16, 8, 4, 2, 1)
HOST_TO_CARD, CARD_TO_HOST = "host_to_card", "card_to_host"


@dataclass(frozen=True, slots=True)
class Poor:
    """A pair that trains and loses bits."""

    lane: int
    direction: str
    errors_per_s: float


@dataclass(frozen=True, slots=True)
class Link:
    """A trained link; `width` 0: none, `why` says what stops it."""

    generation: int
    width: int
    poor: tuple[Poor, ...] = ()
    why: str = ""


def train(ohm: Mapping[tuple[int, str], float], generation: int, lanes: int) -> Link:
    """The link that pairs of these resistances make between ends that both can do `generation` and `lanes`.

    Ref: rules of width negotiation: consecutive good lanes from lane 0, widths x16, x8, x4, x2, x1.
    """
    good = _good_from_zero(ohm, lanes)
    width = next((w for w in WIDTHS if w <= min(good, lanes)), 0)
    if not width:
        return Link(0, 0, why="lane 0 does not train")
    used = {key: r for key, r in ohm.items() if key[0] < width}
    worst = max(used.values())
    speed = max(g for g in range(1, generation + 1) if g == 1 or worst < GENERATION_OHM[g])
    poor = (Poor(lane, way, error_rate(r, speed)) for (lane, way), r in sorted(used.items()))
    return Link(speed, width, tuple(p for p in poor if p.errors_per_s > 0))


def error_rate(ohm: float, generation: int) -> float:
    """Damaged symbols a second of a pair with `ohm` in its worse leg."""
    return 0.0 if ohm <= CLEAN_OHM else ERRORS_PER_S[generation] * (ohm / 30.0) ** 2


def _good_from_zero(ohm: Mapping[tuple[int, str], float], lanes: int) -> int:
    for lane in range(lanes):
        if any(ohm.get((lane, way), math.inf) >= DEAD_OHM for way in (HOST_TO_CARD, CARD_TO_HOST)):
            return lane
    return lanes


def blocked(soldered: Soldered, card: Card) -> str:
    """Why a powered card stays silent on this board whatever its lanes do; `` when nothing stops it."""
    return _clock_fault(soldered) or _reset_fault(soldered, card) or _strap_fault(soldered, card)


def _clock_fault(soldered: Soldered) -> str:
    for pin in soldered.board.adapter.pins.values():
        if pin.function in ("REFCLK+", "REFCLK-"):
            if soldered.joint_ohm(pin.name) >= DEAD_OHM:
                return f"{pin.function} does not arrive: joint {pin.name}"
            if soldered.bridge_at(pin.name):
                return f"{pin.function} is bridged at {pin.name}"
    return ""


def _reset_fault(soldered: Soldered, card: Card) -> str:
    if _to(soldered, "PERST#", "GND", from_copper=True) < SHORT_OHM:
        return "PERST# is held low by a bridge to ground"
    for pin in soldered.board.adapter.pins.values():
        # the card takes PERST# here whether or not this layout feeds it: floating it rises by itself, grounded never
        pad, ground = copper(soldered.board, pin.name), soldered.node("GND")
        if pin.function == "PERST#" and resistance_ohm(soldered.solder(), pad, ground) < SHORT_OHM:
            return f"the card's PERST# pin {pin.name} is held low by a bridge to ground"
    pins = [p for p, need in card.needs.items() if need == "PERST#"] or ["A1", "A14"]
    if not any(_to(soldered, p, "PERST#") < RESET_OHM for p in pins):
        return f"PERST# does not arrive at {' or '.join(pins)}"
    return ""


def _strap_fault(soldered: Soldered, card: Card) -> str:
    for pin, need in card.needs.items():
        if not any(_satisfied(soldered, pin, one.strip()) for one in need.split("|")):
            return f"{pin} is not {need}"
    return ""


def _satisfied(soldered: Soldered, pin: str, need: str) -> bool:
    if need == "high":
        return min(_to(soldered, pin, net) for net in ("3V3", "3V3AUX")) < STRAP_OHM
    return _to(soldered, pin, need) < RESET_OHM


def _to(soldered: Soldered, point: str, net: str, from_copper: bool = False) -> float:
    resistors = soldered.solder() if from_copper else (*soldered.solder(), soldered.joint(point))
    start = soldered.node(point) if from_copper else contact(point)
    return resistance_ohm(resistors, start, soldered.node(net))
