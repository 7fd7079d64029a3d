"""Which pins of the connector the causes of a run suspect, and how strongly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rig.report.schema import CausePart

PIN = re.compile(r"[AB](?:[1-9]|[1-4][0-9])")
"""A pin of the connector; a cause may name fingers and jumpers too."""
STEPS = (0.5, 0.2, 0.05)
"""Where the colour changes, as shares of the likeliest pin's probability."""
RANKS = ("first cause", "second cause", "third cause", "later causes")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A pin that a cause names; `heat` 1 is the likeliest, 4 the least."""

    pin: str
    heat: int
    share: float | None
    """Probability that the fault is at this very pin; None: only its cause has one, or none has."""


def side_of(pin: str) -> str:
    """The side of the board on which a connector pin is soldered."""
    return "bottom" if pin.startswith("A") else "top"


def suspects(causes: Sequence[CausePart]) -> dict[str, Suspect]:
    """Every connector pin that a cause names, coloured by its probability, or by rank where no cause has one."""
    shares, likely = probabilities(causes)
    if not likely:
        ranked = [(pin, n) for n, c in enumerate(causes, start=1) for pin in c.pins if PIN.fullmatch(pin)]
        return {pin: Suspect(pin, min(n, len(RANKS)), None) for pin, n in reversed(ranked)}
    top = max(likely.values()) or 1.0
    return {pin: Suspect(pin, 1 + sum(p < step * top for step in STEPS), shares.get(pin)) for pin, p in likely.items()}


def probabilities(causes: Sequence[CausePart]) -> tuple[dict[str, float], dict[str, float]]:
    """Of pins where causes share their probability out, and of all pins by the likeliest cause that names them."""
    shares: dict[str, float] = {}
    likely: dict[str, float] = {}
    for cause in (c for c in causes if c.probability is not None):
        shared = len(cause.shares) == len(cause.pins)
        of = cause.shares if shared else (cause.probability or 0.0,) * len(cause.pins)
        for pin, p in zip(cause.pins, of, strict=True):
            if not PIN.fullmatch(pin):
                continue
            if shared:
                shares[pin] = min(1.0, shares.get(pin, 0.0) + p)
            likely[pin] = max(likely.get(pin, 0.0), shares.get(pin, 0.0) if shared else p)
    return shares, likely


def together(causes: Sequence[CausePart], pins: Sequence[str]) -> float | None:
    """Probability that the fault is at one of `pins`, a bridge counted once though it has two ends; None: unknown."""
    parts = []
    for cause in (c for c in causes if c.probability is not None and len(c.shares) == len(c.pins)):
        named = [share for pin, share in zip(cause.pins, cause.shares, strict=True) if pin in pins]
        if named:
            parts.append(min(cause.probability or 0.0, sum(named)))
    return min(1.0, sum(parts)) if parts else None
