"""Was it like with like? What differed between the inserts beside the card."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from itertools import chain

from rig.report.compare.inserts import Gathered, Insert, StateValue, spread_of
from rig.report.text import brief, one_line

LIKE = {"link_width": ("PCIe width", "x{:g}"), "link_speed_gtps": ("PCIe speed", "{:g} GT/s"),
        "ports_linked": ("ports linked", "{:g}")}  # fmt: skip
"""What moves a card's power by itself: with a difference the state is not comparable."""
_WARM_C = 5.0
_MAX_NAMES = 4


def unlike(found: Gathered, state: str) -> tuple[str, ...]:
    """A sentence for each condition that moves power and was not the same in all inserts."""
    return tuple(chain.from_iterable(_unlike(found, state, fact) for fact in LIKE))


def _unlike(found: Gathered, state: str, fact: str) -> list[str]:
    name, form = LIKE[fact]
    sides = [_values(side, state, fact) for side in (found.a, found.b)]
    if len(set(chain(*sides))) < 2:
        return []
    told = [f"{model(side)} at {_listed(form.format(v) for v in sorted(values)) or 'an unknown one'}"
            for side, values in zip((found.a, found.b), sides, strict=True)]  # fmt: skip
    return [f"{name} differs: {', '.join(told)}"]


def state_notes(found: Gathered, state: str) -> tuple[str, ...]:
    """What else a reader of this state's numbers must know."""
    return tuple(chain(_unsteady(found, state), _unknown_link(found, state), _warmth(found, state)))


def common_notes(found: Gathered) -> tuple[str, ...]:
    """What differed over the whole comparison."""
    every = (*found.a, *found.b)
    starts = [i.run.start for i in every]
    notes = [
        _several("benches", (s.bench for s in starts)),
        _several("supplies", (" ".join(i.source[1:]) for i in every)),
        _several("adapters", (s.adapter.serial for s in starts)),
        _several("plans", (s.plan for s in starts)),
        _ended(every),
    ]
    return tuple(n for n in notes if n)


def shared_source(found: Gathered) -> bool:
    """Whether one supply of one bench read every insert."""
    return len({i.source for i in (*found.a, *found.b)}) == 1


def model(side: Sequence[Insert]) -> str:
    return name_of(side[0].run.start.card.model)


def name_of(text: str) -> str:
    """A name somebody typed, fit for a sentence."""
    return brief(one_line(text), 60)


def _values(side: Sequence[Insert], state: str, fact: str) -> set[float]:
    found = spread_of(side, state, lambda v: v.facts.get(fact))
    return {v for v in found if isinstance(v, float)}


def _unsteady(found: Gathered, state: str) -> Iterable[str]:
    for side in (found.a, found.b):
        restless = [i for i in side if state in i.states and i.states[state].steady is False]
        if restless:
            runs = _listed(name_of(i.run.start.run) for i in restless)
            yield f"{len(restless)} insert(s) of {model(side)} never became steady and count all the same: {runs}"


def _unknown_link(found: Gathered, state: str) -> Iterable[str]:
    for side in (found.a, found.b):
        values = [i.states[state] for i in side if state in i.states]
        missing = sum("link_width" not in v.facts for v in values)
        if missing and state != "aux":
            yield f"PCIe width of {missing} insert(s) of {model(side)} is not recorded"


def _warmth(found: Gathered, state: str) -> Iterable[str]:
    means = [mean_fact(side, state, "ambient_c") for side in (found.a, found.b)]
    if means[0] is not None and means[1] is not None and abs(means[0] - means[1]) > _WARM_C:
        yield f"ambient {means[0]:.0f} °C with {model(found.a)}, {means[1]:.0f} °C with {model(found.b)}"


def mean_fact(side: Sequence[Insert], state: str, fact: str) -> float | None:
    """Mean of a condition over the inserts that have it, None without one."""
    values: list[StateValue] = [i.states[state] for i in side if state in i.states]
    known = [v.facts[fact] for v in values if fact in v.facts]
    return statistics.fmean(known) if known else None


def _several(what: str, names: Iterable[str]) -> str:
    different = dict.fromkeys(name_of(n) or "unknown" for n in names)
    return f"{len(different)} different {what}: {_listed(different)}" if len(different) > 1 else ""


def _ended(inserts: Sequence[Insert]) -> str:
    broken = [i for i in inserts if i.run.status != "finished"]
    if not broken:
        return ""
    runs = _listed(name_of(i.run.start.run) for i in broken)
    return f"{len(broken)} run(s) did not finish; what they had measured counts: {runs}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MAX_NAMES} more" if len(every) > _MAX_NAMES else ""
    return ", ".join(every[:_MAX_NAMES]) + more
