"""One layout with any soldering faults on the twin, in this process: what the rig's own steps read, as judged rows.

Short check and first power are the rig's real steps, on ports that stand directly before the twin's circuit. Of the
enumeration the twin's link and errors are written down as the step would; no host boots, so that 200 faults take a
second. What comes after the enumeration (firmware, network, traffic, power profile) goes through the same joints and
is not rehearsed. Every row is virtual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rig.config.bench import SetPoints
from rig.config.plan import PlanFile
from rig.config.twin import Joint, TwinSlot
from rig.expect import Parts, expectation
from rig.judge import judge, overall
from rig.model import (
    GENERATION_GTPS,
    Adapter,
    AdapterUnit,
    Card,
    Identity,
    Judged,
    Measurement,
    RailAccuracy,
    Reading,
    Sample,
    Slot,
    Step,
    Verdict,
)
from rig.netlist import Board, probe_pairs
from rig.ports import ProbePort, SupplyPort
from rig.steps import first_power, short_check
from rig.twin.board import Soldered
from rig.twin.circuit import Terminal
from rig.twin.endpoint import Host, link_of
from rig.twin.inserted import CARD_12V, CARD_AUX, Slotted
from rig.twin.link import Link
from rig.twin.power import Activity, CardPower
from rig.twin.silicon import CardState
from rig.twin.stepper import Stepper

AER_WINDOW_S = 10.0
LEAK_OHM = 20e6
"""Leads and fixture. Ref: rig.twin.inserted."""
_STEPS = (Step.SHORT_CHECK, Step.FIRST_POWER, Step.ENUMERATION)
_RECEIVED = ("RxErr", "BadTLP", "BadDLLP")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a rehearsed run came to: its rows, and the step that failed it."""

    judged: tuple[Judged, ...]
    failed_in: Step | None

    @property
    def verdict(self) -> Verdict:
        return overall(self.judged)


class Rehearsal:
    """A layout as its owner says it is, a card and a slot; faults in, judged rows out."""

    def __init__(
        self, adapter: Adapter, card: Card, slot: Slot, plan: PlanFile, unit: AdapterUnit | None = None
    ) -> None:
        self.card, self.slot = card, slot
        self.board = Board(adapter, unit or AdapterUnit(adapter.design, "rehearsal"))
        self._first_power_plan = plan.first_power
        self._short_check_plan = plan.short_check.model_copy(update={"settle_s": 0.0})
        pairs = probe_pairs(self.board)
        self._parts = Parts(adapter, card, slot, partner_bps=10e9, cabled_ports=1, pairs=pairs)
        self._expected = expectation(self._parts, plan)
        self._read: dict[object, list[Judged]] = {}
        self._powered: dict[object, tuple[list[Judged], Mapping[str, float], Mapping[str, float]]] = {}

    def run(self, joints: Sequence[Joint]) -> Shown:
        """Step by step, until one fails; UsageError when a joint cannot be on this layout."""
        soldered = Soldered(self.board, joints)
        rows = self._short_check(soldered)
        if overall(rows) is Verdict.FAIL:
            return Shown(tuple(rows), Step.SHORT_CHECK)
        unit = self._insert(soldered)
        rows += self._first_power(unit)
        if overall(rows) is Verdict.FAIL:
            return Shown(tuple(rows), Step.FIRST_POWER)
        rows += self._judged(Step.ENUMERATION, self._enumeration(unit))
        return Shown(tuple(rows), Step.ENUMERATION if overall(rows) is Verdict.FAIL else None)

    def _judged(self, step: Step, found: Sequence[Measurement]) -> list[Judged]:
        return judge(found, self._expected.get(step, {}))

    def _short_check(self, soldered: Soldered) -> list[Judged]:
        """Boards whose solder between the probed points is the same read the same: measured once."""
        probed = {point for pair in self._parts.pairs for point in pair if point in self.board.adapter.pins}
        key = (frozenset(soldered.solder()), frozenset(soldered.joint(pin) for pin in probed))
        if key not in self._read:
            leads, plan = Meter(soldered), self._short_check_plan
            found = short_check.measure(leads, short_check.Leads("probe"), leads, self._parts.pairs, plan)
            self._read[key] = self._judged(Step.SHORT_CHECK, found.measurements)
        return list(self._read[key])

    def _insert(self, soldered: Soldered) -> Slotted:
        rng = np.random.default_rng(1)
        state = CardState(self.card, "rehearsal", "eth", mac=bytes(6))
        return Slotted(self.board.unit, soldered, state, CardPower(self.card, None, rng), rng)

    def _first_power(self, unit: Slotted) -> list[Judged]:
        """Boards whose supply circuit is the same draw the same: it is stepped through time once."""
        key = frozenset(unit.circuit.resistors)
        if key not in self._powered:
            feeds = Feeds(unit)
            rails = SetPoints().by_name()
            found = first_power.measure(feeds, rails, self._first_power_plan, sleep=feeds.sleep)
            volts = {node: load.volt for node, load in unit.circuit.loads.items()}
            self._powered[key] = (self._judged(Step.FIRST_POWER, found.measurements), volts, dict(unit.state.damaged))
        rows, charged, damaged = self._powered[key]
        for node in (CARD_12V, CARD_AUX):
            unit.circuit.loads[node].volt = charged[node]
        unit.state.damaged.update(damaged)
        return list(rows)

    def _enumeration(self, unit: Slotted) -> list[Measurement]:
        generation, lanes = link_of(self.card)
        link = unit.link(min(generation, self.slot.gen), min(lanes, self.slot.lanes, unit.lanes))
        boot = Measurement("host.boot_s", 30.0, "s")
        if not link.width:
            return [boot, Measurement("pcie.present", 0, "1", f"virtual: {link.why}")]
        return [
            boot,
            Measurement("pcie.present", 1, "1"),
            Measurement("pcie.id", self.card.pci_id, ""),
            Measurement("pcie.subsystem_id", self.card.subsystem_id, ""),
            Measurement("pcie.driver", self.card.drivers[0] if self.card.drivers else "none", ""),
            *self._link(link, generation, lanes),
            Measurement("pcie.bars.unassigned", 0, "1"),
            *self._errors(unit, link),
            Measurement("pcie.answers", "yes", ""),
        ]

    def _link(self, link: Link, generation: int, lanes: int) -> list[Measurement]:
        speed = GENERATION_GTPS[link.generation]
        could = GENERATION_GTPS[min(generation, self.slot.gen)]
        missing = min(lanes, self.slot.lanes, self.board.adapter.lanes) - link.width
        return [
            Measurement("pcie.link.width", link.width, "1"),
            Measurement("pcie.link.speed_gtps", speed, "GT/s"),
            Measurement("pcie.link.lanes_missing", missing, "1"),
            Measurement("pcie.link.speed_missing_gtps", could - speed, "GT/s"),
            Measurement("pcie.link.max_width", lanes, "1"),
        ]

    def _errors(self, unit: Slotted, link: Link) -> list[Measurement]:
        """Counts of both ends over a window, as the twin's root port and endpoint count them."""
        host = Host(TwinSlot.model_validate({"gen": self.slot.gen, "lanes": self.slot.lanes}), aer=True)
        if link.poor:
            host.train(unit.state, link)
            host.lose_bits(link, AER_WINDOW_S, False, np.random.default_rng(1))
        functions = host.functions(None) if link.poor else ()
        counts = {
            "endpoint": dict(functions[0].correctable or {}) if functions else {},
            "root": dict(host.root_port().correctable or {}),
        }
        return [m for end, kinds in counts.items() for m in self._end(end, kinds, link)]

    def _end(self, end: str, kinds: Mapping[str, int], link: Link) -> list[Measurement]:
        name = f"pcie.aer.{end}"
        grown = {kind: n for kind, n in kinds.items() if n}
        way = {"endpoint": "host_to_card", "root": "card_to_host"}[end]
        bad = [p.lane for p in link.poor if p.direction == way and any(grown.get(kind) for kind in _RECEIVED)]
        told = " ".join(map(str, bad)) or "none"
        return [
            Measurement(f"{name}.correctable_per_s", sum(grown.values()) / AER_WINDOW_S, "1/s"),
            Measurement(f"{name}.uncorrectable", 0, "1"),
            *(Measurement(f"{name}.{kind}", n, "1") for kind, n in grown.items()),
            *([Measurement(f"pcie.lane_errors.{end}", told, "")] if link.generation >= 3 else []),
        ]


class _Supply(SupplyPort):
    """What both stand-ins need not do."""

    def identity(self) -> Identity:
        return Identity("virtual", "rehearsal", "0", "0", "virtual")

    def accuracy(self) -> Mapping[str, RailAccuracy]:
        return {}

    def samples(self, since_s: float) -> Sequence[Sample]:
        return ()

    def mark(self, label: str) -> float:
        return 0.0


class Meter(_Supply, ProbePort):
    """A supply and two leads on a bare board: current from the twin's resistance between the two points."""

    def __init__(self, soldered: Soldered) -> None:
        self._soldered = soldered
        self._siemens = 0.0
        self._set = (0.0, 0.0)

    def connect(self, plus: str, minus: str, hint: str = "") -> None:
        ohm = self._soldered.resistance_ohm(plus, minus)
        self._siemens = 1 / LEAK_OHM + 1 / max(ohm, 1e-3)

    def release(self) -> None:
        self._siemens = 0.0

    def apply(self, rail: str, voltage_v: float, limit_a: float) -> None:
        self._set = (voltage_v, limit_a)

    def off(self, rail: str | None = None) -> None:
        self._set = (0.0, 0.0)

    def read(self) -> Mapping[str, Reading]:
        voltage_v, limit_a = self._set
        limiting = voltage_v * self._siemens > limit_a
        current_a = limit_a if limiting else voltage_v * self._siemens
        return {"probe": Reading(0.0, current_a / self._siemens if limiting else voltage_v, current_a, limiting)}


class Feeds(_Supply):
    """Both rails of a unit in the slot, its host off, on a clock that only `sleep` moves."""

    def __init__(self, unit: Slotted) -> None:
        self._unit, self._stepper, self._now_s = unit, Stepper(), 0.0
        self._terminals = {rail: Terminal() for rail in ("12v", "3v3")}
        self._samples: list[Sample] = []

    def apply(self, rail: str, voltage_v: float, limit_a: float) -> None:
        t = self._terminals[rail]
        t.voltage_v, t.limit_a, t.on = voltage_v, limit_a, True
        self._stepper.disturb()

    def off(self, rail: str | None = None) -> None:
        for name, t in self._terminals.items():
            t.on = t.on and rail not in (None, name)
        self._stepper.disturb()

    def read(self) -> Mapping[str, Reading]:
        there = self._terminals.items()
        return {rail: Reading(self._now_s, t.out_v, t.out_a, t.mode == "CC") for rail, t in there if t.on}

    def samples(self, since_s: float) -> Sequence[Sample]:
        return [s for s in self._samples if s.time_s >= since_s]

    def mark(self, label: str) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Take the circuit forward, and a sample at the end."""
        attached = {self._unit.node(rail) or rail: t for rail, t in self._terminals.items()}
        self._unit.load(self._now_s, Activity())
        self._stepper.advance(self._unit.circuit, attached, seconds, self._unit.harm)
        self._now_s += seconds
        self._samples.append(Sample(self._now_s, self.read()))
