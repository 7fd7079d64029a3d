"""Two card models over all their stored inserts: what is said of each state, and of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from rig.errors import UsageError
from rig.report.compare import conditions, cost, instrument
from rig.report.compare.drift import apart
from rig.report.compare.estimate import EARLY_LEVEL, LEVEL, Estimate, Point, estimate
from rig.report.compare.inserts import Gathered, Insert, StateValue, gather
from rig.report.compare.planning import Needed, needed, pooled_sd
from rig.report.compare.verdict import Decision, decide
from rig.report.journal import Journal
from rig.report.schema import CardPart
from rig.report.watts import state_order

MARGIN_W = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """What the reader may ask for; None: what was stated before the first insert, else the default."""

    margin_w: float | None = None
    price: float = 0.30
    """Per kWh."""
    currency: str = "EUR"
    duty: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({cost.IDLE: 1.0}))
    """State to its share of the year; the shares add up to 1."""
    any_link: bool = False
    """Judge states although PCIe link or number of linked ports differ."""
    out: Path | None = None
    """Folder for the report."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What batches of these two models stated before their first insert."""

    margins_w: tuple[float, ...]
    stops_early: bool
    """The inserts could end before the last one, whether or not they did."""


@dataclass(frozen=True, slots=True)
class StateResult:
    """What is said of one state."""

    state: str
    estimate: Estimate
    decision: Decision
    instrument_w: float | None
    """Bound of the instrument's error of the difference, beside the interval; None: not known."""
    with_instrument: Decision | None
    """The verdict with that bound added on both sides."""
    needed: Needed | None
    unlike: tuple[str, ...]
    notes: tuple[str, ...]
    a: tuple[Insert, ...]
    b: tuple[Insert, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that a report shows."""

    a: CardPart
    b: CardPart
    found: Gathered
    margin_w: float
    level: float
    states: tuple[StateResult, ...]
    only_one: tuple[str, ...]
    """States that only one of the two was measured in."""
    claim: str
    warnings: tuple[str, ...]
    costs: cost.Costs | str
    per_gbit: tuple[cost.PerGbit, ...]
    problems: tuple[str, ...]

    @property
    def names(self) -> tuple[str, str]:
        return conditions.name_of(self.a.model), conditions.name_of(self.b.model)


def compare(journal: Journal, models: tuple[str, str] | None, options: Options) -> Comparison:
    """Judge the inserts of two models in `journal`; UsageError when there is nothing to compare, or a wrong option."""
    check_options(options)
    found = gather(journal, models)
    stated = _stated(journal, found)
    margin = options.margin_w or next(iter(stated.margins_w), MARGIN_W)
    level = EARLY_LEVEL if stated.stops_early else LEVEL
    measured = [{s for i in side for s in i.states} for side in (found.a, found.b)]
    states = tuple(
        _state(found, state, margin, level, any_link=options.any_link)
        for state in sorted(measured[0] & measured[1], key=state_order)
    )
    if not states:
        raise UsageError(f"{journal.root}: the two models share no state in which their power was measured")
    a, b = (side[-1].run.start.card for side in (found.a, found.b))
    rates = [r for side in (found.a, found.b) for r in cost.per_gbit(conditions.model(side), side)]
    return Comparison(
        a, b, found, margin, level, states, tuple(sorted(measured[0] ^ measured[1], key=state_order)),
        _claim(found), (*_warnings(found, stated, options, margin, states), *found.notes),
        cost.costs(found.a, found.b, options.duty, options.price, options.currency, level),
        tuple(sorted(rates, key=lambda r: cost.TRAFFIC_STATES.index(r.state))), journal.problems,
    )  # fmt: skip


def check_options(options: Options) -> None:
    """UsageError for what cannot be asked."""
    if options.margin_w is not None and not 0 < options.margin_w < float("inf"):
        raise UsageError(f"--margin {options.margin_w}: the margin is a difference in watts above 0")
    if not 0 <= options.price < float("inf"):
        raise UsageError(f"--price {options.price}: the price of a kWh is 0 or more")
    shares = options.duty.values()
    if not shares or not all(0 < share <= 1 for share in shares) or abs(sum(shares) - 1) > 0.001:
        told = ", ".join(f"{state}={share:g}" for state, share in options.duty.items()) or "nothing"
        raise UsageError(f"--duty {told}: the shares of the states are above 0 and add up to 1")


def _stated(journal: Journal, found: Gathered) -> Stated:
    names = (found.a[0].run.start.card.model, found.b[0].run.start.card.model)
    margins: list[float] = []
    early = False
    for batch in journal.batches:
        told = batch.start.compare
        if {told.get("a"), told.get("b")} != set(names):
            continue
        margin = told.get("margin_w")
        if isinstance(margin, int | float) and margin > 0:
            margins.append(float(margin))
        early |= told.get("stops_early") is True
    return Stated(tuple(dict.fromkeys(margins)), early)


def _state(found: Gathered, state: str, margin: float, level: float, *, any_link: bool) -> StateResult:
    a, b = (tuple(i for i in side if state in i.states) for side in (found.a, found.b))
    values: list[list[StateValue]] = [[i.states[state] for i in side] for side in (a, b)]
    estimated = estimate(_points(a, state), _points(b, state), level)
    unlike = conditions.unlike(found, state)
    bound = instrument.bound_w(*values, shared=conditions.shared_source(found))
    claim = estimated.claim
    refused = Decision.NOT_COMPARABLE if unlike and not any_link else None
    decision = refused or decide(claim, margin)
    with_bound = None if bound is None else refused or decide(claim.widened(bound) if claim else None, margin)
    return StateResult(
        state, estimated, decision, bound, with_bound,
        _needed(estimated, margin) if decision is Decision.NOT_DECIDED else None,
        unlike, (*conditions.state_notes(found, state), *_design_notes(estimated, a, b, state)), a, b,
    )  # fmt: skip


def _points(inserts: tuple[Insert, ...], state: str) -> list[Point]:
    return [Point(i.states[state].total.value, i.order, i.card, i.session) for i in inserts]


def _needed(e: Estimate, margin: float) -> Needed | None:
    if e.a.sd_w is None or e.b.sd_w is None or e.welch is None:
        return None
    return needed(pooled_sd(e.a.sd_w, e.a.inserts, e.b.sd_w, e.b.inserts), e.difference_w, margin)


def _design_notes(e: Estimate, a: tuple[Insert, ...], b: tuple[Insert, ...], state: str) -> list[str]:
    notes = []
    if e.drift and e.drift.credible:
        way = "rose" if e.drift.slope_w > 0 else "fell"
        notes.append(
            f"both cards {way} by {abs(e.drift.slope_w):.3f} W from one insert to the next: "
            + (
                "the interval over cards has that drift in it"
                if e.cards
                else "the difference is told without that drift"
            )
        )
    if apart(_points(a, state), _points(b, state)):
        notes.append("all inserts of one card came before all of the other: a drift would look like a difference")
    if e.why_not:
        notes.append(e.why_not)
    return notes


def _claim(found: Gathered) -> str:
    """What the numbers are about, and what they are not about."""
    cards = [list(dict.fromkeys(i.card for i in side)) for side in (found.a, found.b)]
    names = [conditions.model(side) for side in (found.a, found.b)]
    counts = list(map(len, cards))
    if counts == [1, 1]:
        serials = [conditions.name_of(c[0]) for c in cards]
        return (
            f"This is about these two cards, {serials[0]} ({names[0]}) and {serials[1]} ({names[1]}), "
            "not about all cards of the two models."
        )
    told = " and ".join(f"{n} of {name}" for n, name in zip(counts, names, strict=True))
    if min(counts) == 1:
        return (
            f"Cards measured: {told}. This is about these cards, not about all cards of the two models: "
            "of a model with one card nobody knows how its cards differ."
        )
    return (
        f"Cards measured: {told}. The intervals take one card as one value: they are about all cards of the two models "
        "as far as those measured were picked by chance."
    )


def _warnings(
    found: Gathered, stated: Stated, options: Options, margin: float, states: tuple[StateResult, ...]
) -> tuple[str, ...]:
    told = list(conditions.common_notes(found))
    if unlike := {s.state: s.unlike for s in states if s.unlike}:
        first = next(iter(unlike.values()))[0]
        consequence = (
            "judged all the same, as asked" if options.any_link else "not judged, and its cost is no comparison"
        )
        told.insert(0, f"not like with like in {', '.join(unlike)}: {first}; {consequence}")
    if stated.margins_w and margin not in stated.margins_w:
        told.append(f"the margin of {margin:g} W is not the one stated before the first insert "
                    f"({', '.join(f'{m:g} W' for m in stated.margins_w)})")  # fmt: skip
    elif len(stated.margins_w) > 1:
        told.append(f"several margins were stated beforehand, {margin:g} W is used")
    elif not stated.margins_w:
        told.append(f"no record says that the margin of {margin:g} W was stated before the first insert")
    if stated.stops_early:
        told.append("the inserts could stop early: 96 % intervals are shown, which keep the chance of an error at 5 %")
    return tuple(told)
