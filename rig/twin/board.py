"""A soldered board: a layout with this unit's jumpers and mods, and the faults of its joints."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from rig.config.twin import Joint
from rig.errors import UsageError
from rig.netlist import Board
from rig.twin.network import Resistor, resistance_ohm

GOOD_JOINT_OHM = 0.01
BRIDGE_OHM = 0.1
POOR_JOINT_OHM = 30.0
"""What a `resistive` joint has when the twin file names no figure."""
SHORT_OHM = 500.0
"""A bridge below this upsets a logic or lane pin; above it the pin does not notice."""


SUPPLIES = ("+12V", "3V3AUX", "GND")
"""Their joints are part of the supply circuit, which stays as it is while a unit is in."""


class Soldered:
    """One adapter as it lies on the bench; UsageError when a named joint cannot be on this layout."""

    def __init__(self, board: Board, joints: Sequence[Joint] = ()) -> None:
        self.board = board
        self._joint_ohm: dict[str, float] = {}
        self.bridges: list[tuple[str, str, float]] = []
        self.intermittent: dict[str, float] = {}
        """Pin to the share of trainings in which its joint is open."""
        for joint in joints:
            _check(board, joint)
            self._take(joint)

    def _take(self, joint: Joint) -> None:
        if joint.state == "bridge":
            first, second = joint.pins
            self.bridges.append((first, second, BRIDGE_OHM if joint.ohm is None else joint.ohm))
            return
        if joint.probability is not None:
            self.intermittent |= dict.fromkeys(joint.pins, joint.probability)
            return
        poor = POOR_JOINT_OHM if joint.ohm is None else joint.ohm
        for pin in joint.pins:
            self._joint_ohm[pin] = math.inf if joint.state == "open" else poor

    def parted(self, pins: Collection[str]) -> Soldered:
        """The same board while these joints are open too."""
        other = Soldered(self.board)
        other.bridges, other._joint_ohm = self.bridges, {**self._joint_ohm, **dict.fromkeys(pins, math.inf)}
        return other

    def joint_ohm(self, pin: str) -> float:
        """Between the connector's contact and the board's copper; `inf` when open."""
        return self._joint_ohm.get(pin, GOOD_JOINT_OHM)

    def node(self, point: str) -> str:
        """The network's node of a probe point: an edge net (`12V`), a net, or a connector contact (`A4`)."""
        return contact(point) if point in self.board.adapter.pins else copper(self.board, point)

    def solder(self) -> tuple[Resistor, ...]:
        """What joins nets that the layout keeps apart: bridges, and resistors that were fitted."""
        bridged = [Resistor(copper(self.board, a), copper(self.board, b), ohm) for a, b, ohm in self.bridges]
        fitted = [Resistor(f"net:{a}", f"net:{b}", ohm) for a, b, ohm in self.board.resistors()]
        return tuple(r for r in (*bridged, *fitted) if r.a != r.b)

    def joint(self, pin: str) -> Resistor:
        return Resistor(contact(pin), copper(self.board, pin), self.joint_ohm(pin))

    def resistance_ohm(self, plus: str, minus: str) -> float:
        """What a meter reads between two probe points of the bare board; `inf` when nothing joins them."""
        touched = [self.joint(p) for p in (plus, minus) if p in self.board.adapter.pins]
        return resistance_ohm((*self.solder(), *touched), self.node(plus), self.node(minus))

    def bridge_at(self, pin: str) -> bool:
        """A bridge that a signal on this pin cannot survive."""
        return any(pin in (a, b) and ohm < SHORT_OHM for a, b, ohm in self.bridges)


def contact(pin: str) -> str:
    return f"pin:{pin}"


def copper(board: Board, point: str) -> str:
    return f"net:{board.net_of(point)}"


def _check(board: Board, joint: Joint) -> None:
    for pin in joint.pins:
        board.pin(pin)
        if joint.state == "intermittent" and board.pin(pin).function in SUPPLIES:
            raise UsageError(f"{pin} carries {board.pin(pin).function}: an intermittent supply joint is not built")
    if joint.state == "bridge" and not (len(joint.pins) == 2 and board.can_bridge(*joint.pins)):
        raise UsageError(
            f"{board.adapter.design}: a bridge joins two neighbours of one row such as A4 and A5 "
            f"(11 and 12 are apart, the key is between them), got {' and '.join(joint.pins)}"
        )


def lane_ohm(soldered: Soldered) -> Mapping[tuple[int, str], float]:
    """(lane, direction) to the worse leg's joint; `inf` where a leg is open or bridged: the pair is dead.

    A pair with one open leg may train at 2.5 GT/s on some parts; this bench calls it dead.
    """
    worst: dict[tuple[int, str], float] = {}
    for pin in soldered.board.adapter.pins.values():
        if pin.lane is not None and pin.direction is not None:
            ohm = math.inf if soldered.bridge_at(pin.name) else soldered.joint_ohm(pin.name)
            key = (pin.lane, pin.direction)
            worst[key] = max(worst.get(key, 0.0), ohm)
    return worst
