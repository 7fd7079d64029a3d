"""Everything that may be wrong with one unit on one bench, each with its rate and what the bench would show of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from rig.diagnose import priors
from rig.diagnose.physics import SURE, Fault, Setup, Signs, setup, signs_of
from rig.diagnose.priors import NO_HISTORY, History
from rig.errors import UsageError
from rig.model import Card, Slot
from rig.netlist import RAILS, Board, card_needs

NO_FAULT = Fault()

ADAPTER, CARD, SLOT, BENCH = "adapter", "card", "slot", "bench"


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """One explanation; `signs` None: something nobody thought of, which may show anything."""

    kind: str
    """`open`, `bridge`, `poor`, `debris`, `jumper`, `mod`, or another part: `card`, `slot`, `bench`; `unknown`."""
    rate: float
    signs: Signs | None
    fault: Fault = NO_FAULT
    title: str = ""
    """Of what is no joint; joints are named together with those that look the same."""
    where: str = ADAPTER
    action: str = ""
    pins: tuple[str, ...] = ()


UNKNOWN = Hypothesis("unknown", priors.UNKNOWN, None, title="unexplained", where=BENCH)


class Hypotheses:
    """All of them for one unit on one bench, made once."""

    def __init__(self, board: Board, card: Card, slot: Slot, history: History | None = None) -> None:
        self.board, self.card, self.slot, self.history = board, card, slot, history or NO_HISTORY
        self._made: dict[int | None, tuple[Setup, tuple[Hypothesis, ...]]] = {}

    def all(self, card_lanes: int | None = None) -> tuple[Hypothesis, ...]:
        """`card_lanes`: what the card says of itself, where its file has no lanes."""
        return self._of(card_lanes)[1]

    def on(self, card_lanes: int | None = None) -> Setup:
        """What they are looked for on."""
        return self._of(card_lanes)[0]

    def _of(self, card_lanes: int | None) -> tuple[Setup, tuple[Hypothesis, ...]]:
        if card_lanes not in self._made:
            on = setup(self.board, self.card, self.slot, card_lanes)
            every = (*_joints(on, self.history), *_settings(on), *_others(on), UNKNOWN)
            self._made[card_lanes] = (on, every)
        return self._made[card_lanes]


def _joints(on: Setup, history: History) -> Iterator[Hypothesis]:
    board = on.board
    for name in board.adapter.pins:
        fault = Fault(opens=frozenset([name]))
        yield Hypothesis("open", priors.open_rate(history, name), signs_of(on, fault), fault, pins=(name,))
    for pair in board.neighbours():
        if board.can_bridge(*pair):
            fault = Fault(bridges=frozenset([pair]))
            yield Hypothesis("bridge", priors.bridge_rate(history, pair), signs_of(on, fault), fault, pins=pair)
    for pins in _lane_pairs(board):
        fault = Fault(poor=frozenset(pins))
        yield Hypothesis("poor", priors.poor_rate(history, pins), signs_of(on, fault), fault, pins=pins)
    yield from _debris(on)


def _lane_pairs(board: Board) -> Iterator[tuple[str, ...]]:
    for lane in range(board.adapter.lanes):
        pins = board.lane_pins(lane)
        for way in ("host_to_card", "card_to_host"):
            yield tuple(p.name for p in pins if p.direction == way)


def _debris(on: Setup) -> Iterator[Hypothesis]:
    """Between fingers of two rails: the same reading as a bridge on the connector."""
    fingers = on.board.adapter.edge
    for row in "AB":
        names = sorted((f for f in fingers if f[0] == row), key=lambda f: int(f[1:]))
        for a, b in pairwise(names):
            nets = (on.board.net_of(f"edge:{a}"), on.board.net_of(f"edge:{b}"))
            if nets[0] != nets[1] and set(nets) <= set(RAILS):
                met = frozenset(f"{p}_{m}" for p, m in on.pairs if {on.board.net_of(p), on.board.net_of(m)} == {*nets})
                signs = Signs(conducting=met, absent=SURE, overload=0.5)
                yield Hypothesis("debris", priors.DEBRIS, signs, title=f"{a}-{b}")
    for plus, minus in on.pairs:
        signs = Signs(conducting=frozenset([f"{plus}_{minus}"]), absent=0.5, overload=0.5)
        yield Hypothesis("debris", priors.OTHER_PATH, signs)


# --- settings -----------------------------------------------------------------------------------------------


def _settings(on: Setup) -> Iterator[Hypothesis]:
    """The card is not made for the board as it is, or the board is not as the batch says."""
    yield from _layout(on)
    for ref, jumper in on.board.adapter.jumpers.items():
        others = list(_other_settings(on, ref))
        for setting, board in others:
            rate = priors.JUMPER / len(others)
            told = f"look at {ref}: joined are pads {setting}, should be {_as_told(on.board, ref)}; {jumper.effect}"
            yield Hypothesis("jumper", rate, _elsewhere(on, board), title=f"wrong jumper {ref}", action=told)
    for mod in on.board.unit.mods:
        without = replace(on.board.unit, mods=tuple(m for m in on.board.unit.mods if m != mod))
        told = f"the batch says that it was done; look at every wire of it: {on.board.adapter.mods[mod].text}"
        signs = _elsewhere(on, Board(on.board.adapter, without))
        yield Hypothesis("mod", priors.MOD, signs, title=f"mod {mod} not as published", action=told)


def _layout(on: Setup) -> Iterator[Hypothesis]:
    unmet = card_needs(on.board, on.card)
    if unmet:
        pins = tuple(u.pin for u in unmet)
        yield Hypothesis("layout", priors.GOOD_BOARD, signs_of(on, NO_FAULT), title="needs mod", pins=pins)
        return
    told = [r for r in on.card.reports if r.design == on.board.adapter.design and r.result != "ok"]
    if told and not on.board.unit.mods:
        signs, note = Signs(absent=SURE), "; ".join(f"{r.result}: {r.note} ({r.source})" for r in told)
        title = "card reported not to work on this layout"
        yield Hypothesis("layout", priors.REPORTED, signs, title=title, action=f"another layout; {note}")


def _other_settings(on: Setup, ref: str) -> Iterator[tuple[str, Board]]:
    pads = len(on.board.adapter.jumpers[ref].pads)
    for setting in ("open", "closed") if pads == 2 else ("open", "1-2", "2-3", "1-2-3"):
        unit = replace(on.board.unit, jumpers={**on.board.unit.jumpers, ref: setting})
        try:
            board = Board(on.board.adapter, unit)
        except UsageError:
            continue
        if _netlist(board) != _netlist(on.board):
            yield setting, board


def _netlist(board: Board) -> tuple[object, ...]:
    names = (*board.adapter.pins, *(f"edge:{f}" for f in board.adapter.edge))
    return (*(board.net_of(name) for name in names), board.resistors())


def _as_told(board: Board, ref: str) -> str:
    told = board.unit.jumpers.get(ref)
    by_mod = (board.adapter.mods[m].jumpers.get(ref) for m in board.unit.mods)
    default = "-".join(dict.fromkeys(p for pair in board.adapter.jumpers[ref].default for p in pair)) or "open"
    return told or next(filter(None, by_mod), default)


def _elsewhere(on: Setup, board: Board) -> Signs:
    """What another netlist shows of itself; its pairs are still probed where the batch says they are."""
    signs = signs_of(Setup(board, on.card, on.slot, on.lanes), NO_FAULT)
    met = frozenset(f"{a}_{b}" for a, b in on.pairs if board.joined(a, b))
    return replace(signs, conducting=met)


# --- other parts --------------------------------------------------------------------------------------------


def _others(on: Setup) -> Iterable[Hypothesis]:
    narrow = ((1, 0.2), (2, 0.2), (4, 0.6)) if on.lanes > 4 else ((1, 0.6), (2, 0.4)) if on.lanes > 1 else ()
    power_pins = tuple(p.name for p in on.board.adapter.pins.values() if p.function == "+12V")
    rows = (
        (CARD, priors.CARD_DEAD, Signs(absent=SURE), "card dead or without firmware",
         "the same card in a proven adapter decides", ()),
        (CARD, priors.CARD_SHORTED, Signs(absent=SURE, overload=SURE), "overload at power-up",
         "card out, check the bare adapter; the same card on a proven adapter tells card from board", ()),
        (CARD, priors.CARD_LANE, Signs(widths=narrow, any_lane=0.1), "card: one of its own lanes",
         "the same card in a proven adapter decides", ()),
        (CARD, priors.CARD_PAIR, Signs(errors=(("endpoint", 0.9),), slow=0.3, any_lane=0.12),
         "card: its own receivers", "the same card in a proven adapter decides", ()),
        (CARD, priors.CARD_PAIR, Signs(errors=(("root", 0.9),), slow=0.3, any_lane=0.12),
         "card: its own transmitters", "the same card in a proven adapter decides", ()),
        (BENCH, priors.NOT_SEATED, Signs(unfed=SURE, absent=SURE), "no 12 V at the card",
         _NO_12V, power_pins),
        (SLOT, priors.SLOT_DEAD, Signs(absent=SURE), "slot or riser dead, or the slot is off in the BIOS",
         "a proven unit in this slot decides; then BIOS (slot width, hot-plug), PRSNT2# jumper, riser", ()),
        (SLOT, priors.SLOT_NARROW, Signs(widths=narrow, incapable=0.95), "slot narrower than the bench file says",
         "read max_link_width of the port above the slot; BIOS (bifurcation, shared lanes); another slot", ()),
        (SLOT, priors.SLOT_CONTACT, Signs(widths=narrow, any_lane=0.1), "slot or riser: a contact of a lane",
         "a proven unit in this slot decides; clean fingers and slot, reseat", ()),
        (SLOT, priors.SLOT_SLOW, Signs(slow=SURE), "link slower than both ends can",
         "slot speed in the BIOS, riser; then every lane joint: excess solder, flux", ()),
        (SLOT, priors.RISER, Signs(errors=(("endpoint", 0.8), ("root", 0.8)), slow=0.5, any_lane=0.12),
         "riser or slot: signal margin", "without the riser, or in another slot", ()),
    )  # fmt: skip
    return (Hypothesis(where, rate, signs, title=title, where=where, action=action, pins=pins)
            for where, rate, signs, title, action, pins in rows)  # fmt: skip


_NO_12V = "seat the card; reflow A2 A3 (bottom side) and B2 B3 (top side)"
