"""One board as a netlist: a layout with one unit's jumpers and mods, and what follows from its copper.

Names: connector pins are `A1` to `B49`; nets of the PCIe edge have bench names (`12V`, `3V3`, `3V3AUX`,
`PERST#`, `GND`, `REFCLK+`, `PETp0` ...); one finger is `edge:A11`; everything else is a net of the layout.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from rig.errors import UsageError
from rig.model import Adapter, AdapterUnit, Card, Mod, Pin

RAILS = ("12V", "3V3", "3V3AUX", "PERST#", "GND")
"""Edge nets that must not conduct to each other on a bare board; the slot joins all fingers of each."""
HIGH = ("3V3", "3V3AUX")
"""Edge nets that hold a strap high."""
KEY_AFTER = 11
"""The connector's key lies between pins 11 and 12 of both rows: contacts 3 mm apart, no bridge of solder.

Ref: TobleMiner/HPE-FlexibleLOM-adapter, footprint UMAX_3126-10102T_PCIe_x8_edge_launch.
"""
TAKES_12V = ("+12V", "VDET")
"""Card-side functions that 12 V cannot harm: revA feeds VDET (B1) from 12 V as delivered."""
RESET = ("PERST#", "PWROK")
"""Functions of the pins (A14, A1) at which cards were seen to take PERST#: every later design, and revA."""

_BENCH_NAMES = {"+12V": "12V", "+3V3": "3V3"}
_PROBE_ORDER = (
    ("12V", "PERST#"),
    ("12V", "3V3"),
    ("12V", "3V3AUX"),
    ("12V", "GND"),
    ("3V3", "GND"),
    ("3V3AUX", "GND"),
    ("PERST#", "GND"),
)
"""Rail to rail first: a test of each rail to ground passes the bridges that kill motherboards."""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Unmet:
    """A card needs something at a pin that the board does not give: `A10` needs `high`, has `nothing`."""

    pin: str
    needs: str
    has: str


@dataclass(frozen=True)
class Board:
    """A layout with one unit's jumpers and mods; UsageError when the unit names what the layout has not.

    What the unit says of a jumper is how the board is, and wins over what a mod would have set.
    """

    adapter: Adapter
    unit: AdapterUnit

    def __post_init__(self) -> None:
        _ = self._groups

    def pin(self, name: str) -> Pin:
        """The connector pin `A1` ... `B49`; UsageError for any other name."""
        if name not in self.adapter.pins:
            raise UsageError(f"{self.adapter.design} has no connector pin {name!r}; {_extent(self.adapter.pins)}")
        return self.adapter.pins[name]

    def net_of(self, name: str) -> str:
        """The net a pin, finger, edge net or layout net is on: its edge name where it reaches the edge."""
        return self._labels[self._layout_net(name)]

    def edge_nets(self) -> tuple[str, ...]:
        """Names of the nets at the edge fingers, whether or not the board takes them any further."""
        return tuple(self._edge_nets)

    def joined(self, a: str, b: str) -> bool:
        """True when copper, a jumper or a wire joins them; a fitted resistor does not."""
        return self.net_of(a) == self.net_of(b)

    def on_edge(self, name: str) -> bool:
        """False: a card-only net, which nobody can measure at the fingers."""
        return any(finger.net in self._groups[self._layout_net(name)] for finger in self.adapter.edge.values())

    def lane_pins(self, lane: int) -> tuple[Pin, ...]:
        """The four pins of a lane, as they stand on the connector."""
        return tuple(pin for pin in self.adapter.pins.values() if pin.lane == lane)

    def neighbours(self) -> tuple[Pair, ...]:
        """Every two pins next to each other in a row, the two across the key included (see `can_bridge`)."""
        pins = self.adapter.pins
        following = ((name, f"{name[0]}{int(name[1:]) + 1}") for name in pins)
        return tuple((a, b) for a, b in following if b in pins)

    def can_bridge(self, a: str, b: str) -> bool:
        """Whether one blob of solder can join two pins: next to each other, and not across the key."""
        first, second = sorted(int(self.pin(name).name[1:]) for name in (a, b))
        return a[0] == b[0] and second - first == 1 and first != KEY_AFTER

    def resistors(self) -> tuple[tuple[str, str, float], ...]:
        """Net, net and ohm of every optional resistor that is fitted."""
        pairs = ((pair, self.adapter.jumpers[ref].ohm) for ref, pair in self._set_jumpers())
        return tuple((self._labels[a], self._labels[b], ohm) for (a, b), ohm in pairs if ohm > 0)

    def modified(self, mod: str) -> Board:
        """The same board with one more published mod done, its jumpers included."""
        kept = {ref: s for ref, s in self.unit.jumpers.items() if ref not in self._mod(mod).jumpers}
        return Board(self.adapter, replace(self.unit, jumpers=kept, mods=(*self.unit.mods, mod)))

    # --- how the names above come about ---------------------------------------------------------------------

    @cached_property
    def _layout_nets(self) -> frozenset[str]:
        pins, fingers = self.adapter.pins.values(), self.adapter.edge.values()
        return frozenset({pin.net for pin in pins} | {finger.net for finger in fingers})

    @cached_property
    def _edge_nets(self) -> Mapping[str, tuple[str, ...]]:
        """Edge net to the layout's nets at its fingers; a function such as RSVD names no net."""
        nets: dict[str, tuple[str, ...]] = {}
        for finger in self.adapter.edge.values():
            name = _BENCH_NAMES.get(finger.function, finger.function)
            nets[name] = (*nets.get(name, ()), finger.net)
        return {name: found for name, found in nets.items() if name in RAILS or len(found) == 1}

    @cached_property
    def _groups(self) -> Mapping[str, set[str]]:
        """Layout net to all layout nets that are one with it."""
        slot = (pair for nets in self._edge_nets.values() for pair in pairwise(nets))
        jumpers = (pair for ref, pair in self._set_jumpers() if not self.adapter.jumpers[ref].ohm)
        wires = ((self._layout_net(a), self._layout_net(b)) for m in self.unit.mods for a, b in self._mod(m).joins)
        return _merge(self._layout_nets, (*slot, *jumpers, *wires))

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        """Layout net to the name everybody uses for it."""
        labels = {net: min(group) for net, group in self._groups.items()}
        names = (*RAILS, *(n for n in self._edge_nets if n not in RAILS))
        for name in reversed([n for n in names if n in self._edge_nets]):
            labels |= dict.fromkeys(self._groups[self._edge_nets[name][0]], name)
        return labels

    def _layout_net(self, name: str) -> str:
        if name in self.adapter.pins:
            return self.adapter.pins[name].net
        if name in self._edge_nets:
            return self._edge_nets[name][0]
        if (finger := name.removeprefix("edge:")) != name and finger in self.adapter.edge:
            return self.adapter.edge[finger].net
        if name in self._layout_nets:
            return name
        near = difflib.get_close_matches(name, [*self._edge_nets, *self._layout_nets], n=1)
        guess = f", did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"{self.adapter.design} has no pin or net {name!r}{guess}; {_extent(self.adapter.pins)}, "
            f"fingers as edge:A1, and edge nets {', '.join(self._edge_nets)}"
        )

    def _set_jumpers(self) -> tuple[tuple[str, Pair], ...]:
        """Jumper and the two layout nets it joins, for every join on this board."""
        settings = {**self._mod_jumpers(), **self.unit.jumpers}
        if unknown := [ref for ref in settings if ref not in self.adapter.jumpers]:
            there = _listed("jumpers", self.adapter.jumpers)
            raise UsageError(f"{self.adapter.design} has no jumper {unknown[0]!r}; {there}")
        joins = []
        for ref, jumper in self.adapter.jumpers.items():
            pads = joined_pads(ref, jumper.pads, settings[ref]) if ref in settings else jumper.default
            joins += [(ref, (jumper.pads[a], jumper.pads[b])) for a, b in pads]
        return tuple(joins)

    def _mod_jumpers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self.unit.mods:
            for ref, setting in self._mod(name).jumpers.items():
                if found.setdefault(ref, setting) != setting and ref not in self.unit.jumpers:
                    raise UsageError(
                        f"{self.adapter.design}: the mods {', '.join(self.unit.mods)} set {ref} differently; "
                        "say under jumpers how it is on this board"
                    )
        return found

    def _mod(self, name: str) -> Mod:
        if name not in self.adapter.mods:
            there = _listed("mods", self.adapter.mods)
            raise UsageError(f"{self.adapter.design} has no published mod {name!r}; {there}")
        return self.adapter.mods[name]


def joined_pads(ref: str, pads: Collection[str], setting: str) -> tuple[Pair, ...]:
    """Pairs of pads joined by `open`, `closed` (of two pads), `2-3`, `1-2-3`; UsageError for any other."""
    if setting == "open":
        return ()
    named = tuple(pads) if setting == "closed" and len(pads) == 2 else tuple(setting.split("-"))
    if len(named) < 2 or len(set(named)) < len(named) or not set(named) <= set(pads):
        closed = " or 'closed'" if len(pads) == 2 else ""
        raise UsageError(
            f"jumper {ref} has pads {', '.join(pads)}: expected 'open'{closed} or the pads joined, "
            f"such as {'-'.join(tuple(pads)[:2])!r}, got {setting!r}"
        )
    return tuple(pairwise(named))


def probe_pairs(board: Board) -> tuple[Pair, ...]:
    """(plus, minus) of the bare-board check: seven pairs of edge nets, then 12 V to card-only pins beside it.

    Bridges into card-only pins cannot be seen from the fingers: those leads go to the connector.
    Ref: domain notes on power, section 3; TobleMiner/HPE-FlexibleLOM-adapter issue 4 (a card burnt so).
    """
    at_edge = tuple(pair for pair in _PROBE_ORDER if set(pair) <= set(board.edge_nets()))
    beside = (pin for pair in dangerous_bridges(board) for pin in pair if not board.on_edge(pin))
    return (*at_edge, *(("12V", pin) for pin in beside))


def dangerous_bridges(board: Board) -> Mapping[Pair, str]:
    """Neighbouring pins that one blob of solder makes dangerous to card or host, and what it would do."""
    pairs = (pair for pair in board.neighbours() if board.can_bridge(*pair) and not board.joined(*pair))
    harms = {pair: _harm(board, *pair) for pair in pairs}
    return {pair: harm for pair, harm in harms.items() if harm}


def card_needs(board: Board, card: Card, open_pins: Collection[str] = ()) -> tuple[Unmet, ...]:
    """What the card needs and this board does not give; empty: the layout carries the card.

    `open_pins` have an open joint. Whether the card has a PCIe function at all is not a matter of pins.
    """
    wanted = list(card.needs.items())
    reset = [p.name for f in RESET for p in board.adapter.pins.values() if p.function == f]
    resets = "PERST#" in card.needs.values() or any(_gives(board, pin, "PERST#", open_pins) for pin in reset)
    if reset and not resets:
        wanted.append((reset[0], "PERST#"))
    return tuple(
        Unmet(pin, needs, _has(board, pin, open_pins))
        for pin, needs in wanted
        if not any(_gives(board, pin, one, open_pins) for one in needs.split("|"))
    )


def _gives(board: Board, pin: str, needs: str, open_pins: Collection[str]) -> bool:
    nets = HIGH if needs == "high" else (needs,)
    return pin not in open_pins and board.net_of(pin) in nets


def _has(board: Board, pin: str, open_pins: Collection[str]) -> str:
    if pin in open_pins:
        return "an open joint"
    return board.net_of(pin) if board.on_edge(pin) else "nothing"


def _harm(board: Board, a: str, b: str) -> str:
    """What joining two pins on different nets would do, `` when neither card nor host is in danger."""
    nets = {board.net_of(a): a, board.net_of(b): b}
    if "12V" in nets:
        return _harm_of_12v(board, next(pin for net, pin in nets.items() if net != "12V"))
    supply = next((net for net in HIGH if net in nets), None)
    return f"shorts {supply} to ground" if supply and "GND" in nets else ""


def _harm_of_12v(board: Board, pin: str) -> str:
    net, function = board.net_of(pin), board.pin(pin).function
    if net == "GND":
        return "shorts 12 V to ground"
    if board.on_edge(pin):
        return f"puts 12 V on {net}, into the card and the motherboard"
    if function in TAKES_12V:
        return ""
    return f"puts 12 V into the card's pin {pin} ({function or 'function unknown'}), unseen at the fingers"


def _merge(nets: Iterable[str], joins: Iterable[Pair]) -> dict[str, set[str]]:
    groups = {net: {net} for net in nets}
    for a, b in joins:
        groups[a] |= groups[b]
        groups |= dict.fromkeys(groups[a], groups[a])
    return groups


def _listed(kind: str, names: Collection[str]) -> str:
    return f"it has the {kind} {', '.join(names)}" if names else f"it has no {kind}"


def _extent(pins: Collection[str]) -> str:
    """`it has pins A1 to A49 and B1 to B49`, for a complete connector or a part of one."""
    rows = sorted({name[0] for name in pins})
    numbers = {row: sorted(int(name[1:]) for name in pins if name[0] == row) for row in rows}
    return "it has pins " + " and ".join(f"{row}{n[0]} to {row}{n[-1]}" for row, n in numbers.items())
