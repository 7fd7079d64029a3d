"""From rates and fits to probabilities: of every hypothesis, and of every cause a person can tell apart.

One fault at a time, until no single one explains what was seen; then two.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from rig.diagnose.hypotheses import NO_FAULT, Hypotheses, Hypothesis
from rig.diagnose.physics import GOOD, Setup, Signs, signs_of
from rig.diagnose.seen import Seen, fit, log_fit

TWO_FAULTS_FROM = 0.2
"""Something unknown being this likely, two faults at once are tried; so they are for several signs and no joint."""
EXPLAINS = 3.0
"""A hypothesis speaks for a bad observation that it makes so many times as likely as a good board does."""
ALIKE = math.log(2.5)
"""Fits this near to each other are not told apart by one run: the figures behind them are not better than that."""
MOST_PAIRED = 40


@dataclass(frozen=True, slots=True)
class Group:
    """Hypotheses of one kind that the run cannot tell apart, and what each one's share is."""

    kind: str
    title: str
    members: tuple[tuple[Hypothesis, float], ...]
    """Most likely first."""

    @property
    def probability(self) -> float:
        return sum(p for _, p in self.members)

    @property
    def first(self) -> Hypothesis:
        return self.members[0][0]

    def shares(self) -> dict[str, float]:
        """Pin to its part of the probability; a hypothesis of several pins has an equal part at each."""
        found: dict[str, float] = defaultdict(float)
        for h, p in self.members:
            for pin in h.pins:
                found[pin] += p / len(h.pins)
        return dict(found)


@dataclass(frozen=True, slots=True)
class Posterior:
    """What a run makes of the hypotheses; with two faults at once the sum is above 1."""

    groups: tuple[Group, ...]
    """Causes, the most likely first; what says nothing about the run is not in them."""
    unexplained: float
    """Probability that none of them is it."""
    two: bool
    """Two faults at once: no single one explains what was seen."""


def posterior(found: Sequence[Seen], known: Hypotheses, card_lanes: int | None = None) -> Posterior:
    """Every hypothesis's probability after what was seen, in groups that the run cannot tell apart."""
    every, on = known.all(card_lanes), known.on(card_lanes)
    fits = {signs: log_fit(found, signs, on.lanes) for signs in {h.signs for h in every}}
    helps, moot = _helps(found, fits, signs_of(on, NO_FAULT), on.lanes)
    weights = {h: h.rate * math.exp(fits[h.signs]) for h in every if not (h.fault.pins and h.signs in moot)}
    speaking = [h for h in weights if h.signs in helps]
    total = sum(weights.values())
    silent = total - sum(weights[h] for h in speaking)
    best = max(speaking, key=lambda h: weights[h], default=None)
    several = sum(seen.bad for seen in found) > 1 and best is not None and not best.fault.pins
    if silent < TWO_FAULTS_FROM * total and not several:
        return _result({h: weights[h] / total for h in speaking}, silent / total, two=False)
    pairs = _two(found, on, [h for h in speaking if h.fault.pins])
    total += sum(w for _, _, w in pairs)
    both: dict[Hypothesis, float] = defaultdict(float, {h: weights[h] / total for h in speaking})
    for a, b, w in pairs:
        both[a] += w / total
        both[b] += w / total
    paired = sum(w for _, _, w in pairs) / total
    return _result(both, silent / total, two=paired > 0.5)


def _helps(
    found: Sequence[Seen], there: Iterable[Signs | None], usual: Signs, lanes: int
) -> tuple[set[Signs], set[Signs]]:
    """Signs that speak for something bad; and those that add nothing where the card is not made for the board.

    `usual` is what a board without a fault shows with this card.
    """
    bad = [seen for seen in found if seen.bad]

    def beyond(base: Signs) -> set[Signs]:
        limits = [(seen, EXPLAINS * fit(seen, base, lanes)) for seen in bad]
        return {s for s in there if s is not None and any(fit(seen, s, lanes) > limit for seen, limit in limits)}

    helps = beyond(GOOD)
    return helps, set() if usual == GOOD else helps - beyond(usual)


def _two(found: Sequence[Seen], on: Setup, joints: Sequence[Hypothesis]) -> list[tuple[Hypothesis, Hypothesis, float]]:
    """Every two joint faults that show different things, with their weight."""
    classes: dict[Signs | None, list[Hypothesis]] = defaultdict(list)
    for h in joints:
        classes[h.signs].append(h)

    def weight(alike: list[Hypothesis]) -> float:
        return sum(h.rate for h in alike) * math.exp(log_fit(found, alike[0].signs, on.lanes))

    ranked = sorted(classes.values(), key=weight, reverse=True)
    weighed = []
    for one, other in combinations(ranked[:MOST_PAIRED], 2):
        signs = signs_of(on, one[0].fault | other[0].fault)
        likelihood = math.exp(log_fit(found, signs, on.lanes))
        weighed += [(a, b, a.rate * b.rate * likelihood) for a in one for b in other]
    return weighed


# --- groups -------------------------------------------------------------------------------------------------


def _result(marginal: Mapping[Hypothesis, float], unexplained: float, *, two: bool) -> Posterior:
    by_kind: dict[tuple[str, str], list[tuple[Hypothesis, float]]] = defaultdict(list)
    for h, p in marginal.items():
        if p > 0:
            by_kind[_kind(h)].append((h, p))
    groups = [g for (kind, title), members in by_kind.items() for g in _split(kind, title, members)]
    return Posterior(tuple(sorted(groups, key=lambda g: -g.probability)), unexplained, two)


def _kind(h: Hypothesis) -> tuple[str, str]:
    """What may stand under one title: bridges that join the same nets, debris between their fingers included."""
    if h.kind in ("bridge", "debris"):
        return "bridge", " ".join(sorted(h.signs.conducting)) if h.signs else ""
    if h.kind == "poor":
        return h.kind, " ".join(end for end, _ in h.signs.errors) if h.signs else ""
    return h.kind, "" if h.kind == "open" else h.title


def _split(kind: str, title: str, members: Iterable[tuple[Hypothesis, float]]) -> Iterable[Group]:
    """Members whose fit is nearly the same stand together."""
    left = sorted(members, key=lambda m: -m[1] / m[0].rate)
    while left:
        best = math.log(left[0][1] / left[0][0].rate)
        alike = [m for m in left if best - math.log(m[1] / m[0].rate) <= ALIKE]
        left = left[len(alike) :]
        yield Group(kind, title, tuple(sorted(alike, key=lambda m: -m[1])))
