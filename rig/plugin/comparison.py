"""`rig compare A B`: two card models put in by turns (A B A B) on one adapter, each insert a run of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.config.batch import BatchFile, UnitEntry
from rig.config.library import Library, default_library
from rig.config.plan import load_plan
from rig.errors import UsageError
from rig.model import AdapterUnit, Card, CardUnit, Step, Unit
from rig.netlist import Board, card_needs
from rig.plugin.order import Enough, Order, bench_options, order_of, plan_path
from rig.record import unit_row

PLAN, VIRTUAL_PLAN = "compare", "compare-virtual"
INSERTS, MOST_INSERTS = 8, 200
MARGIN_W = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is compared, where, and what was stated before the first insert."""

    a: str
    b: str
    bench: Path
    inserts: int
    """Of each model."""
    margin_w: float
    cards_a: tuple[str, ...] = ()
    cards_b: tuple[str, ...] = ()
    """Serials; several of a model take turns."""
    design: str | None = None
    adapter: str | None = None
    plan: Path | None = None
    twin: Path | None = None
    out: Path | None = None


Decided = Callable[[Mapping[str, Sequence[float]], Mapping[str, Sequence[float]], float, int], str | None]
"""Watts by state of A and of B in order of time, margin, most inserts: why that is enough, or None."""


def order(wanted: Wanted, decided: Decided | None) -> Order:
    """The comparison as an order of 2 N inserts; `decided` None: never stops early.

    UsageError when a model, design or plan cannot be compared so.
    """
    library = default_library()
    a, b = library.card(wanted.a), library.card(wanted.b)
    _check(wanted, a, b)
    design = wanted.design or _design_for(library, (a, b))
    adapter = AdapterUnit(library.adapter(design).design, wanted.adapter or "adapter")
    units = _by_turns(
        _units(adapter, a, wanted.cards_a or (f"{a.model}-1",)),
        _units(adapter, b, wanted.cards_b or (f"{b.model}-1",)),
        wanted.inserts,
    )
    path = wanted.plan or plan_path(wanted.bench, VIRTUAL_PLAN if bench_options(wanted.bench).is_virtual else PLAN)
    plan = load_plan(path)
    if Step.POWER_PROFILE not in plan.steps:
        raise UsageError(f"{path}: a comparison needs the step {Step.POWER_PROFILE} in its plan")
    name = f"{a.model} vs {b.model}"[:64]
    batch = BatchFile(name=name, plan=plan.name, units=[UnitEntry.model_validate(dict(unit_row(u))) for u in units])
    return order_of(
        library, batch, units, plan, path, wanted.bench, wanted.twin, wanted.out, None, [path],
        compare={"a": a.model, "b": b.model, "margin_w": wanted.margin_w, "inserts": wanted.inserts,
                 "stops_early": decided is not None},
        enough=None if decided is None else _enough(decided, a.model, b.model, wanted),
    )  # fmt: skip


def models(wanted: Wanted) -> tuple[str, str]:
    """The two models by their own names; UsageError for one that nobody knows."""
    library = default_library()
    return library.card(wanted.a).model, library.card(wanted.b).model


def _check(wanted: Wanted, a: Card, b: Card) -> None:
    if a.model == b.model:
        raise UsageError(f"{wanted.a} and {wanted.b} are the same model: two cards of one model are no comparison")
    if not 1 <= wanted.inserts <= MOST_INSERTS:
        raise UsageError(f"--inserts {wanted.inserts}: 1 to {MOST_INSERTS} inserts of each card can be compared")
    if not 0 < wanted.margin_w < float("inf"):
        raise UsageError(f"--margin {wanted.margin_w}: the margin is a difference in watts above 0")
    for card in (a, b):
        if not card.pcie_card:
            raise UsageError(f"{card.model} is not a PCIe card, no adapter can make it work: {card.quirks}")
    if both := set(wanted.cards_a) & set(wanted.cards_b):
        raise UsageError(f"card {sorted(both)[0]!r} cannot be of both models")


def _design_for(library: Library, cards: Sequence[Card]) -> str:
    """The first layout that gives every card what it needs, as delivered."""
    for design in library.designs():
        board = Board(library.adapter(design), AdapterUnit(design, "adapter"))
        if not any(card_needs(board, card) for card in cards):
            return design
    names = " and ".join(c.model for c in cards)
    raise UsageError(f"no layout carries {names} as delivered; name one with --design, its mods in a batch file")


def _units(adapter: AdapterUnit, card: Card, serials: Sequence[str]) -> list[Unit]:
    return [Unit(adapter, CardUnit(card.model, serial)) for serial in serials]


def _by_turns(a: Sequence[Unit], b: Sequence[Unit], inserts: int) -> tuple[Unit, ...]:
    """A B A B ...: drift over the session hits both alike; several cards of a model take turns within it."""
    return tuple(units[n % len(units)] for n in range(inserts) for units in (a, b))


def _enough(decided: Decided, a: str, b: str, wanted: Wanted) -> Enough:
    def enough(inserts: Sequence[tuple[Unit, Mapping[str, float]]]) -> str | None:
        # only whole pairs: the next half would weigh drift on one side
        if len(inserts) % 2:
            return None
        return decided(_watts(inserts, a), _watts(inserts, b), wanted.margin_w, wanted.inserts)

    return enough


def _watts(inserts: Sequence[tuple[Unit, Mapping[str, float]]], model: str) -> dict[str, list[float]]:
    """State to the watts of every insert of `model`, in order of time."""
    found: dict[str, list[float]] = {}
    for unit, numbers in inserts:
        if unit.card.model == model:
            for name, value in numbers.items():
                words = name.split(".")
                if len(words) == 3 and words[0] == "power" and words[2] == "total_w":
                    found.setdefault(words[1], []).append(value)
    return found
