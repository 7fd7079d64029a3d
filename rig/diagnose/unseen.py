"""Faults that no step of the rig can see with this card in this slot: why, and which extra check would see them.

Ref: domain notes on symptoms, section 0 (nets), 2 and 4 (multimeter points).
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.diagnose.actions import finger_of
from rig.diagnose.physics import GOOD, Fault, Setup, signs_of
from rig.netlist import HIGH, Board, Pair

_HINTS = {
    "3V3AUX": "the 3.3 V current at first power, beside that of a good unit (`rig envelope`), is nearly nothing",
    "WAKE#": "wake on LAN, which no step tries",
}
_SIDEBAND = "the bench reads no sideband pin (NC-SI, ID, WAKE#)"


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why a fault shows nothing, and what would show it."""

    why: str
    check: str

    def __str__(self) -> str:
        return f"{self.why}; {self.check}"


def of_open(on: Setup, pin: str) -> Unseen | None:
    """None: this open joint shows on the bench."""
    if signs_of(on, Fault(opens=frozenset([pin]))) != GOOD:
        return None
    board, net = on.board, on.board.net_of(pin)
    meter = f"multimeter, card out: {pin} to {finger_of(board, pin)}"
    alike = [p for p in board.adapter.pins if p != pin and board.net_of(p) == net]
    if board.pin(pin).lane is not None:
        return Unseen(
            f"lane {board.pin(pin).lane} carries nothing with this card and slot", f"an x8 card in an x8 slot; {meter}"
        )
    if net == "GND":
        return Unseen(f"one of {len(alike) + 1} ground pins in parallel", meter)
    if net == "12V" and board.pin(pin).function == "+12V":
        share = f"each of the others carries 1/{_supply(board) - 1} in place of 1/{_supply(board)}"
        return Unseen(f"one of {_supply(board)} 12 V pins in parallel: {share}", f"{meter}; heat under load")
    if not board.on_edge(pin):
        return Unseen("no copper leaves this pad on this layout: nothing is lost", "looking at it; no electrical check")
    hint = _HINTS.get(board.pin(pin).function)
    what = board.pin(pin).function or "a pin of unknown function"
    return Unseen(f"{what} is not needed by this card", f"{meter}" + (f"; {hint}" if hint else ""))


def of_bridge(on: Setup, pair: Pair) -> Unseen | None:
    """None: this bridge shows on the bench."""
    board = on.board
    a, b = pair
    meter = f"multimeter, card out: {a} to {b}"
    if not board.can_bridge(a, b):
        return Unseen("no fault: the connector's key lies between them, 3 mm apart", "none needed")
    if board.joined(a, b):
        return Unseen(f"no fault: both are {board.net_of(a)}", "none needed")
    is_seen = signs_of(on, Fault(bridges=frozenset([pair]))) != GOOD
    return None if is_seen else _harmless(board, pair, meter)


def _harmless(board: Board, pair: Pair, meter: str) -> Unseen:
    nets = {board.net_of(pin) for pin in pair}
    lanes = sorted({lane for pin in pair if (lane := board.pin(pin).lane) is not None})
    if lanes:
        return Unseen(f"lane {lanes[0]} carries nothing with this card and slot", f"an x8 card in an x8 slot; {meter}")
    names = " and ".join(board.pin(pin).function or f"pin {pin} (function unknown)" for pin in pair)
    if nets & set(HIGH):
        return Unseen(f"holds a pin of the card high that no step reads ({names})", meter)
    if "12V" in nets:
        return Unseen(f"12 V on a pin that takes it ({names})", meter)
    return Unseen(f"{names}: {_SIDEBAND}", meter)


def _supply(board: Board) -> int:
    return sum(p.function == "+12V" for p in board.adapter.pins.values())
