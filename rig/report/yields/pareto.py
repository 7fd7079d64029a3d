"""What units failed of, and at which joints, the most frequent first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rig.model import Verdict
from rig.report.summary import Outcome
from rig.report.suspects import PIN, side_of
from rig.report.yields.attempts import History, cause_title
from rig.report.yields.mending import Mending


@dataclass(frozen=True, slots=True)
class CauseCount:
    """A cause by its title, at the first failure of each unit."""

    title: str
    units: int
    share: float
    """Of all units that ever failed."""
    cumulative: float
    attempts: int
    """Failed attempts of any unit with this as their first cause."""
    examples: tuple[str, ...]
    """Serials of adapters."""


@dataclass(slots=True)
class _Joint:
    weight: float = 0.0
    units: set[tuple[str, ...]] = field(default_factory=set)
    reworked: int = 0
    fixed: int = 0


@dataclass(frozen=True, slots=True)
class JointCount:
    """A pin: how often it was suspected, worked on, and good after that."""

    pin: str
    side: str
    weight: float
    """Units: each failed unit gives 1, spread over the pins of its causes by their probability."""
    units: int
    """Failed units that name the pin at all."""
    reworked: int
    fixed: int


def causes(histories: Iterable[History]) -> tuple[CauseCount, ...]:
    """One line a cause; each unit counts once, with what it failed of first."""
    failed = [(h, h.first_failure) for h in histories]
    units: dict[str, list[str]] = {}
    attempts: dict[str, int] = {}
    for history, first in failed:
        if first is not None:
            units.setdefault(cause_title(first), []).append(first.adapter.serial)
        for outcome in (o for o in history.judged if o.verdict is Verdict.FAIL):
            title = cause_title(outcome)
            attempts[title] = attempts.get(title, 0) + 1
    total = sum(map(len, units.values()))
    later = [title for title in attempts if title not in units]  # seen only once something else was mended
    ranked = [*sorted(units, key=lambda t: (-len(units[t]), -attempts[t], t)), *later]
    return tuple(_ranked(ranked, units, attempts, total))


def _ranked(
    titles: list[str], units: dict[str, list[str]], attempts: dict[str, int], total: int
) -> Iterable[CauseCount]:
    before = 0
    for title in titles:
        serials = units.get(title, [])
        before += len(serials)
        share, cumulative = (n / total if total else 0.0 for n in (len(serials), before))
        yield CauseCount(title, len(serials), share, cumulative, attempts[title], tuple(serials))


def joints(histories: Iterable[History], mended: Iterable[Mending]) -> tuple[JointCount, ...]:
    """One line a pin, what was mended there first: a joint that was good after work on it is more than a suspect."""
    found: dict[str, _Joint] = {}
    for history in histories:
        if (first := history.first_failure) is not None:
            for pin, weight in pin_weights(first).items():
                joint = found.setdefault(pin, _Joint())
                joint.weight += weight
                joint.units.add(history.key)
    for mending in mended:
        for pin in mending.pins:
            joint = found.setdefault(pin, _Joint())
            joint.reworked += 1
            joint.fixed += mending.fixed
    counts = [JointCount(p, side_of(p), j.weight, len(j.units), j.reworked, j.fixed) for p, j in found.items()]
    return tuple(sorted(counts, key=lambda c: (-c.fixed, -c.weight, c.pin[0], int(c.pin[1:]))))


def pin_weights(o: Outcome) -> dict[str, float]:
    """One unit shared out over the connector pins of its causes: by probability, or evenly over the first's."""
    rated = [c for c in o.causes if c.probability is not None]
    ranked = [(c, c.probability or 0.0) for c in rated] if rated else [(c, 1.0) for c in o.causes[:1]]
    whole = max(1.0, sum(p for _, p in ranked))
    weights: dict[str, float] = {}
    for cause, probability in ranked:
        shares = cause.shares if len(cause.shares) == len(cause.pins) else (1.0,) * len(cause.pins)
        parts = [(pin, s) for pin, s in zip(cause.pins, shares, strict=True) if PIN.fullmatch(pin)]
        total = sum(s for _, s in parts) or 1.0
        for pin, part in parts:
            weights[pin] = weights.get(pin, 0.0) + probability / whole * part / total
    return weights
