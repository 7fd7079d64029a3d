"""How likely each fault is before anything was measured, and how a workshop's own rework history changes that.

Nobody has published rates for hand-soldered FlexibleLOM connectors; factories count 20 to 1000 defects in a million
joints, by machine. The defaults are the project's assumption: a hand is ten to a hundred times worse than a machine, an
open joint is four times as common as a bridge, a card is dead about as often as four joints are open. What matters is
their order; `History` replaces the joints' part by counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rig.netlist import Pair

OPEN, BRIDGE, POOR_PAIR = 2e-3, 5e-4, 1e-3
"""Per joint, per two neighbours, and per lane pair (one of its two joints is resistive)."""
DEBRIS = 5e-5
"""Per two neighbouring fingers of the edge."""
OTHER_PATH = 2e-5
"""Per pair of the bare-board check: it conducts somewhere else."""
GOOD_BOARD = 0.8
"""No fault at all: what is left when card and layout do not fit each other."""
REPORTED = 0.1
"""A report says that this model does not work on this layout, and no pin says why."""
JUMPER, MOD = 3e-3, 1e-2
"""A jumper is not as the batch says; a modification was not done as the batch says."""
CARD_DEAD, CARD_SHORTED, CARD_LANE, CARD_PAIR = 8e-3, 2e-3, 1e-3, 7e-4
NOT_SEATED = 4e-3
SLOT_DEAD, SLOT_NARROW, SLOT_CONTACT, SLOT_SLOW, RISER = 3e-3, 5e-3, 2e-3, 6e-3, 1e-3
UNKNOWN = 2e-4
"""Something that is not in this list."""
BOARDS_EQUAL = 50.0
"""The assumption weighs as much as so many boards of a history."""


@dataclass(frozen=True, slots=True)
class History:
    """Rework that cured a board: joint (`A35`) or bridge (`A35-A36`) to how often, out of so many boards.

    Ref: rework entries of a batch ("reflowed A35, A36" and the next attempt passed).
    """

    boards: int
    cured: Mapping[str, int] = field(default_factory=dict)

    def rate(self, name: str, assumed: float) -> float:
        """Share of boards with this fault: the counts, with the assumption as if seen on 50 boards more."""
        return (self.cured.get(name, 0) + assumed * BOARDS_EQUAL) / (self.boards + BOARDS_EQUAL)


NO_HISTORY = History(0)


def open_rate(history: History, pin: str) -> float:
    """Probability of an open joint at this pin."""
    return history.rate(pin, OPEN)


def bridge_rate(history: History, pair: Pair) -> float:
    """Probability of a bridge between two neighbours, named in either order."""
    a, b = sorted(pair, key=lambda pin: (pin[0], int(pin[1:])))
    name = f"{b}-{a}" if f"{b}-{a}" in history.cured else f"{a}-{b}"
    return history.rate(name, BRIDGE)


def poor_rate(history: History, pins: Iterable[str]) -> float:
    """Probability that one of the joints of a lane pair is resistive: it moves with their open rates."""
    rates = [open_rate(history, pin) for pin in pins]
    return POOR_PAIR * sum(rates) / (len(rates) * OPEN)
