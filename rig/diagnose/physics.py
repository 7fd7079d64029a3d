"""What a bench shows of a fault: a pure function of copper, card and slot, written from physics alone.

The twin has its own view of the same physics; the two share nothing but the netlist, so that one checks the other
(`rig diagnose --matrix`). Where physics leaves a choice to the parts (does a port narrow to x2? does one leg of a clock
carry?) the answer is a probability, and a guess of the engineer's: the figures below are assumptions, not statistics.
Ref: domain notes on symptoms, sections 0 (nets), 1 (width from lanes) and 2 (table).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from rig.model import Card, Pin, Slot
from rig.netlist import HIGH, TAKES_12V, Board, Pair, card_needs, probe_pairs

SURE = 0.97
"""What must follow as far as anybody knows: no reset, no clock pair, no lane 0, no strap: not in lspci."""
ONE_CLOCK_LEG = 0.85
"""The rest: one leg of REFCLK carries a clock that errs at every width."""
CARD_RESET_LOW = 0.9
"""The card's own PERST# pin tied low on a board that takes PERST# elsewhere (revA, A14): four later layouts, two
published modifications and the 560FLR say that it is PERST#; held low nobody has tried."""
TAKES_HARM = 0.7
"""12 V on a pin that is not made for it."""
NAMED = 0.2
"""LaneErrStat names a lane that dropped out before or in training."""
POOR_ERRS, POOR_SLOWS, POOR_NAMED = 0.8, 0.3, 0.8
"""A poor pair: receiver errors at its receiving end, a lower speed of the link, its lane in LaneErrStat."""
WIDTHS = (16, 8, 4, 2, 1)
RECEIVER = {"host_to_card": "endpoint", "card_to_host": "root"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a board's joints: pins that are open, neighbours that are bridged, pins that are resistive."""

    opens: frozenset[str] = frozenset()
    bridges: frozenset[Pair] = frozenset()
    poor: frozenset[str] = frozenset()

    def __or__(self, other: Fault) -> Fault:
        return Fault(self.opens | other.opens, self.bridges | other.bridges, self.poor | other.poor)

    @property
    def pins(self) -> frozenset[str]:
        return self.opens | self.poor | {pin for pair in self.bridges for pin in pair}


@dataclass(frozen=True, slots=True)
class Signs:
    """What the bench would show; the defaults are those of a good unit, the numbers are probabilities."""

    conducting: frozenset[str] = frozenset()
    """Pairs of the bare-board check that conduct, `12V_GND`."""
    unfed: float = 0.0
    """No current on 12 V."""
    overload: float = 0.0
    """Still in current limit at first power."""
    absent: float = 0.0
    widths: tuple[tuple[int, float], ...] = ()
    """Narrower widths a link that comes up may have; the rest is the full one."""
    incapable: float = 0.0
    """The slot's own port says that it has no more lanes than the link."""
    slow: float = 0.0
    errors: tuple[tuple[str, float], ...] = ()
    """End (`endpoint`, `root`) that receives badly."""
    lanes: tuple[tuple[str, int, float], ...] = ()
    """End and lane that LaneErrStat names."""
    any_lane: float = 0.01
    """LaneErrStat names a lane that is not among `lanes`."""


GOOD = Signs()


@dataclass(frozen=True)
class Setup:
    """What the fault is looked for on: `lanes` are those that card, adapter and slot all have."""

    board: Board
    card: Card
    slot: Slot
    lanes: int
    pairs: tuple[Pair, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", probe_pairs(self.board))


def setup(board: Board, card: Card, slot: Slot, card_lanes: int | None = None) -> Setup:
    """`card_lanes`: what the card says of itself, where its file has no lanes."""
    lanes = card.lanes or card_lanes or board.adapter.lanes
    return Setup(board, card, slot, min(lanes, board.adapter.lanes, slot.lanes))


def signs_of(on: Setup, fault: Fault) -> Signs:
    """What the bench shows of the fault, with this card in this slot."""
    groups = _joined(on.board, fault.bridges)
    dead, poor = _dead(on, fault, groups), _lanes(on, fault.poor)
    unfed = SURE if _starved(on.board, fault.opens) else 0.0
    harm, short = _harm(on.board, groups), _short(groups)
    ways = [*_silence(on, fault, groups), unfed, TAKES_HARM if harm else 0.0, SURE if short else 0.0]
    return Signs(
        conducting=frozenset(f"{a}_{b}" for a, b in on.pairs if _meet(on.board, groups, a, b)),
        unfed=unfed,
        overload=_either([0.5 if harm else 0.0, 0.9 if short else 0.0]),
        absent=_either([*ways, _lane_0(on, dead)]),
        widths=_widths(on, dead),
        slow=POOR_SLOWS if poor else 0.0,
        errors=tuple(sorted({(RECEIVER[p.direction or ""], POOR_ERRS) for p in poor})),
        lanes=tuple(sorted({*_named(dead, NAMED), *_named(poor, POOR_NAMED)})),
    )


def narrower(lanes: int, first_bad: int) -> int:
    """The widest link of consecutive lanes from lane 0 below the first bad one; 0: none."""
    return next((w for w in WIDTHS if w <= min(lanes, first_bad)), 0)


# --- copper -------------------------------------------------------------------------------------------------


def _joined(board: Board, bridges: Iterable[Pair]) -> Mapping[str, frozenset[str]]:
    """Net to all nets that solder makes one with it; nets that no bridge touches are not in it."""
    groups: dict[str, frozenset[str]] = {}
    for a, b in bridges:
        nets = [board.net_of(a), board.net_of(b)]
        one = frozenset(nets).union(*(groups.get(n, frozenset()) for n in nets))
        if len(one) > 1:
            groups |= dict.fromkeys(one, one)
    return groups


def _meet(board: Board, groups: Mapping[str, frozenset[str]], a: str, b: str) -> bool:
    first, second = board.net_of(a), board.net_of(b)
    return second in groups.get(first, ())


def _harm(board: Board, groups: Mapping[str, frozenset[str]]) -> bool:
    """12 V is joined to a net that has a pin it can harm."""
    reached = groups.get("12V", frozenset()) - {"12V"}
    return any(board.net_of(p.name) in reached and p.function not in TAKES_12V for p in board.adapter.pins.values())


def _short(groups: Mapping[str, frozenset[str]]) -> bool:
    return any("GND" in groups.get(supply, ()) for supply in ("12V", *HIGH))


def _starved(board: Board, opens: Collection[str]) -> bool:
    return all(p.name in opens for p in board.adapter.pins.values() if p.function == "+12V")


# --- presence -----------------------------------------------------------------------------------------------


def _silence(on: Setup, fault: Fault, groups: Mapping[str, frozenset[str]]) -> Iterable[float]:
    """Probabilities that something other than the lanes keeps the card out of lspci."""
    board, pins = on.board, on.board.adapter.pins.values()
    if card_needs(board, on.card, fault.opens):
        yield SURE
    low = groups.get("GND", frozenset())
    if any(need == "high" and board.net_of(pin) in low for pin, need in on.card.needs.items()):
        yield SURE
    if "PERST#" in low:
        yield SURE
    elif any(p.function == "PERST#" and board.net_of(p.name) in low for p in pins):
        yield CARD_RESET_LOW
    legs = [p.name for p in pins if p.function in ("REFCLK+", "REFCLK-")]
    if any(board.net_of(leg) in groups for leg in legs):
        yield SURE
    if lost := [leg for leg in legs if leg in fault.opens]:
        yield SURE if len(lost) > 1 else ONE_CLOCK_LEG


# --- lanes --------------------------------------------------------------------------------------------------


def _lanes(on: Setup, names: Iterable[str]) -> list[Pin]:
    """Those of the pins that belong to a lane that carries something here."""
    pins = (on.board.pin(name) for name in sorted(names))
    return [p for p in pins if p.lane is not None and p.lane < on.lanes]


def _dead(on: Setup, fault: Fault, groups: Mapping[str, frozenset[str]]) -> list[Pin]:
    """Lane pins that are open, or whose wire is joined to another net."""
    touched = {pin for pair in fault.bridges for pin in pair if on.board.net_of(pin) in groups}
    return _lanes(on, fault.opens | touched)


def _named(pins: Iterable[Pin], p: float) -> Iterable[tuple[str, int, float]]:
    return ((RECEIVER[pin.direction or ""], pin.lane or 0, p) for pin in pins)


def _lane_0(on: Setup, dead: Collection[Pin]) -> float:
    """x4 on reversed lanes 7 to 4 needs both ends to narrow while reversed: rare."""
    return SURE if on.lanes and any(p.lane == 0 for p in dead) else 0.0


def _widths(on: Setup, dead: Collection[Pin]) -> tuple[tuple[int, float], ...]:
    if not dead:
        return ()
    likely = narrower(on.lanes, min(p.lane or 0 for p in dead))
    less = [w for w in WIDTHS if w < (likely or on.lanes)]
    shares = dict.fromkeys(less, 0.08 / len(less)) if less else {}
    if likely:
        # a port need not do x2 or x4; reversed lanes may give x4 all the same
        shares[likely] = 0.9
        if likely < 4 < on.lanes:
            shares[4] = shares.get(4, 0.0) + 0.02
    return tuple(sorted(shares.items()))


def _either(ways: Iterable[float]) -> float:
    return 1.0 - math.prod(1.0 - p for p in ways)
