"""What is on the bench now, electrically: nothing, an adapter on the fixture, or in the slot an adapter or a unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from rig.errors import UsageError
from rig.model import AdapterUnit, Pin
from rig.twin.board import Soldered, contact, copper, lane_ohm
from rig.twin.circuit import Circuit, Load
from rig.twin.link import DEAD_OHM, Link, blocked, train
from rig.twin.network import Resistor, reached, resistance_ohm
from rig.twin.power import NOISE_PART, Activity, CardPower, aux_a
from rig.twin.silicon import CardState

FEED_OHM = 0.015
"""Leads, riser and edge fingers."""
SURVIVES_V = 4.6
"""More than this at a pin made for 3.3 V breaks it."""
BROKEN_S = 1 / 5.0
"""A broken input leads to ground through some 5 Ω: a card that was hit draws all the supply gives."""
WORKS_V = 10.0
"""The card's converters need this much at the card to run it."""
BULK_F, AUX_F = 470e-6, 47e-6
"""The twin's cards; a slot allows 1000 uF on 12 V and 150 uF on aux. Ref: Analog Devices design note 346."""
SIGNAL_SUPPLIES = ("+12V", "GND", "VDET")
LEAKAGE_OHM = 20e6
"""Probe fixture and leads."""
HELD_OHM, RELAY_OHM = 1e-3, 0.05
"""A lead held on a point, and one contact of the relay board with its wires."""
CARD_12V, CARD_AUX, FEED_12V, FEED_3V3 = "card:12V", "card:3V3AUX", "feed:12v", "feed:3v3"
FEEDS = MappingProxyType({"12v": FEED_12V, "3v3": FEED_3V3})
PLUS, MINUS = "lead:plus", "lead:minus"
Contacts = frozenset[tuple[str, str]]
"""(lead, point) of every relay that is closed."""


@dataclass(slots=True)
class Nothing:
    """An empty bench: every channel open."""

    circuit: Circuit = field(default_factory=lambda: Circuit((), "ground"))

    def node(self, rail: str) -> str | None:
        del rail
        return None


class Bare:
    """An adapter without a card on the probe fixture; the leads go where they are put, and where relays close."""

    def __init__(self, adapter: AdapterUnit, board: Soldered) -> None:
        self.adapter, self.board = adapter, board
        self.leads: tuple[str, str] | None = None
        self._closed: Contacts = frozenset()
        self.circuit = Circuit((), "ground")

    def connect(self, plus: str, minus: str) -> None:
        """Put the leads on two points; UsageError when the board has no such point."""
        self.board.node(plus), self.board.node(minus)
        self.leads = (plus, minus)
        self._wire()

    def release(self) -> None:
        self.leads = None
        self._wire()

    def resistance_ohm(self, a: str, b: str) -> float:
        """Between two points, with nothing else on the board; UsageError when the board has no such point."""
        nodes = self.board.node(a), self.board.node(b)
        joints = [self.board.joint(pin) for pin in {a, b} & set(self.board.board.adapter.pins)]
        return resistance_ohm((*self.board.solder(), *joints), *nodes)

    def relays(self, closed: Contacts) -> None:
        """The relay board's contacts as they are now; a point that this board has not leads nowhere."""
        self._closed = closed
        self._wire()

    def node(self, rail: str) -> str | None:
        return PLUS if rail == "probe" and (self.leads or self._closed) else None

    def _wire(self) -> None:
        held = [(lead, point, HELD_OHM) for lead, point in zip(("plus", "minus"), self.leads or (), strict=False)]
        touched = [*held, *((lead, point, RELAY_OHM) for lead, point in sorted(self._closed))]
        there = [(lead, point, ohm) for lead, point, ohm in touched if self._has(point)]
        wires = [Resistor(f"lead:{lead}", self.board.node(point), ohm) for lead, point, ohm in there]
        pins = {point for _, point, _ in there if point in self.board.board.adapter.pins}
        joints = [self.board.joint(pin) for pin in sorted(pins)]
        self.circuit = Circuit((*self.board.solder(), *joints, *wires, Resistor(PLUS, MINUS, LEAKAGE_OHM)), MINUS)

    def _has(self, point: str) -> bool:
        try:
            self.board.node(point)
        except UsageError:
            return False
        return True


class Carrier:
    """An adapter in the slot without a card: its copper, and what solder joins."""

    def __init__(self, adapter: AdapterUnit, board: Soldered) -> None:
        self.adapter, self.board = adapter, board
        self.circuit = Circuit(slot_wires(board, ()), copper(board.board, "GND"))

    def node(self, rail: str) -> str | None:
        return FEEDS.get(rail)


class Slotted:
    """A unit in the slot, its rails fed by the supply or by the slot."""

    def __init__(
        self, adapter: AdapterUnit, board: Soldered, state: CardState, power: CardPower, rng: np.random.Generator
    ) -> None:
        self.adapter, self.board, self.state = adapter, board, state
        self._power, self._rng = power, rng
        self._bulk = Load(BULK_F, start_v=7.0, full_v=9.5)
        self._aux = Load(AUX_F, start_v=1.5, full_v=2.9)
        self._contacts = board
        self._ohm = lane_ohm(board)
        self._blocked = blocked(board, state.card)
        self.circuit = self._wire()
        self.awake = False

    @property
    def lanes(self) -> int:
        return self.board.board.adapter.lanes

    @property
    def powered(self) -> bool:
        """12 V reaches the card's converters and they run."""
        return self._bulk.volt >= WORKS_V

    def node(self, rail: str) -> str | None:
        return FEEDS.get(rail)

    @property
    def temperature_c(self) -> float:
        """Of the card's controller."""
        return self._power.die.celsius

    def follow_power(self) -> None:
        """Firmware starts when the card's converters run, and is gone with them."""
        if self.powered != self.awake:
            self.awake = self.powered
            (self.state.cold_start if self.awake else self.state.power_off)()

    def load(self, now_s: float, activity: Activity) -> None:
        """Set what the card draws from now on."""
        total = self._power.total_w(now_s, activity, self.powered)
        aux = aux_a(activity)
        noise = 1.0 + NOISE_PART * float(np.clip(self._rng.standard_normal(), -4, 4))
        self._bulk.watt = max(total - 3.3 * aux, 0.0) * noise
        self._aux.ampere = aux * noise

    def link(self, generation: int, lanes: int) -> Link:
        """The link to a host that is on and out of reset."""
        if not self.powered:
            return Link(0, 0, why="the card has no 12 V")
        if self.state.damaged:
            return Link(0, 0, why="the card is damaged")
        if self._blocked:
            return Link(0, 0, why=self._blocked)
        return train(self._ohm, generation, lanes)

    def train_anew(self, rng: np.random.Generator) -> list[Pin]:
        """Draw what the intermittent joints do in this training; the lane pins that have just parted."""
        flaky = self.board.intermittent
        if not flaky:
            return []
        parted = [pin for pin, p in flaky.items() if rng.random() < p]
        before, self._contacts = self._contacts, self.board.parted(parted)
        self._ohm, self._blocked = lane_ohm(self._contacts), blocked(self._contacts, self.state.card)
        pins = (self.board.board.pin(name) for name in parted if before.joint_ohm(name) < DEAD_OHM)
        return [pin for pin in pins if pin.lane is not None]

    def harm(self, volts: Mapping[str, float]) -> bool:
        """Break every input that sees more than it takes; True when one broke just now."""
        hit = [pin for pin in self._signals() if volts.get(contact(pin.name), 0.0) > SURVIVES_V]
        fresh = [pin.name for pin in hit if pin.name not in self.state.damaged]
        self.state.damaged.update(dict.fromkeys(fresh, BROKEN_S))
        if fresh:
            self.circuit.shorts = self._shorts()
        return bool(fresh)

    def _signals(self) -> list[Pin]:
        pins = self.board.board.adapter.pins.values()
        return [p for p in pins if p.function not in SIGNAL_SUPPLIES and p.lane is None]

    def _shorts(self) -> dict[str, float]:
        return {contact(pin): siemens for pin, siemens in self.state.damaged.items()}

    def _wire(self) -> Circuit:
        pins = self.board.board.adapter.pins.values()
        inside = [Resistor(contact(p.name), node, 1e-3) for p in pins if (node := _rail_of(p))]
        loads = {CARD_12V: self._bulk, CARD_AUX: self._aux}
        return Circuit(slot_wires(self.board, inside), copper(self.board.board, "GND"), loads, self._shorts())


def slot_wires(board: Soldered, inside: Iterable[Resistor]) -> tuple[Resistor, ...]:
    """The rails, and whatever solder joins to them; all the rest of the board carries no supply."""
    layout = board.board
    feeds = [
        Resistor(feed, copper(layout, net), FEED_OHM)
        for feed, net in ((FEED_12V, "12V"), (FEED_3V3, "3V3"), (FEED_3V3, "3V3AUX"))
    ]
    ground = copper(layout, "GND")
    joints = [board.joint(pin) for pin in layout.adapter.pins if copper(layout, pin) != ground]
    everything = (*feeds, *board.solder(), *joints, *inside)
    above_ground = [r for r in everything if ground not in (r.a, r.b)]
    live = reached(above_ground, FEED_12V) | reached(above_ground, FEED_3V3)
    return tuple(r for r in everything if r.a in live or r.b in live)


def _rail_of(pin: Pin) -> str | None:
    return {"+12V": CARD_12V, "3V3AUX": CARD_AUX}.get(pin.function)


OnBench = Nothing | Bare | Carrier | Slotted
