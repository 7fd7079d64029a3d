"""What is on the bench now, electrically: nothing, a bare adapter on the fixture, or a unit in the slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rig.model import AdapterUnit, Pin
from rig.twin.board import Soldered, contact, copper, lane_ohm
from rig.twin.circuit import Circuit, Load, Terminal
from rig.twin.link import Link, blocked, train
from rig.twin.network import Resistor, reached
from rig.twin.power import NOISE_PART, Activity, CardPower, aux_a
from rig.twin.silicon import CardState

STEP_S = 0.002
MOST_STEPS = 800
"""So many steps after a change; then whatever still moves is taken as it is."""
STILL_V, SLOW_V = 1e-4, 1e-2
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
CARD_12V, CARD_AUX, FEED_12V, FEED_3V3 = "card:12V", "card:3V3AUX", "feed:12v", "feed:3v3"


@dataclass(slots=True)
class Nothing:
    """An empty bench: every channel open."""

    circuit: Circuit = field(default_factory=lambda: Circuit((), "ground"))

    def node(self, rail: str) -> str | None:
        del rail
        return None


@dataclass(slots=True)
class Bare:
    """An adapter without a card; the leads go where they are put."""

    adapter: AdapterUnit
    board: Soldered
    leads: tuple[str, str] | None = None
    circuit: Circuit = field(default_factory=lambda: Circuit((), "ground"))

    def connect(self, plus: str, minus: str) -> None:
        """Put the leads on two points; UsageError when the board has no such point."""
        nodes = self.board.node(plus), self.board.node(minus)
        touched = [self.board.joint(p) for p in (plus, minus) if p in self.board.board.adapter.pins]
        leak = Resistor(*nodes, LEAKAGE_OHM)
        self.circuit = Circuit((*self.board.solder(), *touched, leak), nodes[1])
        self.leads = (plus, minus)

    def release(self) -> None:
        self.circuit, self.leads = Circuit((), "ground"), None

    def node(self, rail: str) -> str | None:
        return self.board.node(self.leads[0]) if rail == "probe" and self.leads else None


class Slotted:
    """A unit in the slot, its rails fed by the supply."""

    def __init__(self, adapter: AdapterUnit, board: Soldered, state: CardState, rng: np.random.Generator) -> None:
        self.adapter, self.board, self.state = adapter, board, state
        self._rng = rng
        self._power = CardPower(state.card, state.power_w, rng)
        self._bulk = Load(BULK_F, start_v=7.0, full_v=9.5)
        self._aux = Load(AUX_F, start_v=1.5, full_v=2.9)
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
        return {"12v": FEED_12V, "3v3": FEED_3V3}.get(rail)

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
        """The rails, and whatever solder joins to them; all the rest of the board carries no supply."""
        board = self.board.board
        feeds = [
            Resistor(feed, copper(board, net), FEED_OHM)
            for feed, net in ((FEED_12V, "12V"), (FEED_3V3, "3V3"), (FEED_3V3, "3V3AUX"))
        ]
        ground = copper(board, "GND")
        joints = [self.board.joint(pin) for pin in board.adapter.pins if copper(board, pin) != ground]
        inside = [Resistor(contact(p.name), node, 1e-3) for p in board.adapter.pins.values()
                  if (node := _rail_of(p))]  # fmt: skip
        everything = (*feeds, *self.board.solder(), *joints, *inside)
        above_ground = [r for r in everything if ground not in (r.a, r.b)]
        live = reached(above_ground, FEED_12V) | reached(above_ground, FEED_3V3)
        wires = tuple(r for r in everything if r.a in live or r.b in live)
        loads = {CARD_12V: self._bulk, CARD_AUX: self._aux}
        return Circuit(wires, ground, loads, self._shorts())


def _rail_of(pin: Pin) -> str | None:
    return {"+12V": CARD_12V, "3V3AUX": CARD_AUX}.get(pin.function)


OnBench = Nothing | Bare | Slotted


class Stepper:
    """Moves what is on the bench through time, and switches a channel off when its protection trips."""

    def __init__(self, terminals: Mapping[int, Terminal], wiring: Mapping[int, tuple[str, ...]]) -> None:
        self._terminals, self._wiring = terminals, wiring
        self._still = False

    def disturb(self) -> None:
        """Something changed: look closely until it is still again."""
        self._still = False

    def advance(self, on_bench: OnBench, seconds: float) -> None:
        """Take the electricity `seconds` forward."""
        attached = self._attached(on_bench)
        step_s = STEP_S
        for n in range(MOST_STEPS + 1):
            if seconds <= 0:
                return
            dt = seconds if self._still or n == MOST_STEPS else min(seconds, step_s)
            before = {node: load.volt for node, load in on_bench.circuit.loads.items()}
            volts = on_bench.circuit.step(dt, attached)
            moved = max((abs(volts[node] - v) for node, v in before.items()), default=0.0)
            harmed = isinstance(on_bench, Slotted) and on_bench.harm(volts)
            self._still = not (_trip(attached) or harmed) and moved < STILL_V
            step_s = 2 * step_s if moved < SLOW_V else STEP_S
            seconds -= dt

    def _attached(self, on_bench: OnBench) -> dict[str, Terminal]:
        """Every channel at its node; one that goes nowhere has a node of its own."""
        found: dict[str, Terminal] = {}
        for channel, rails in self._wiring.items():
            nodes = [node for rail in rails if (node := on_bench.node(rail))]
            found[nodes[0] if nodes else f"open:{channel}"] = self._terminals[channel]
        return found


def _trip(attached: Mapping[str, Terminal]) -> bool:
    tripped = False
    for t in attached.values():
        reason = _reason(t) if t.on else ""
        if reason:
            t.tripped, t.on, tripped = reason, False, True
    return tripped


def _reason(t: Terminal) -> str:
    if t.ovp_v is not None and t.out_v > t.ovp_v:
        return "OVP"
    return "OCP" if t.ocp_a is not None and t.out_a > t.ocp_a else ""
