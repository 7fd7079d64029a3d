"""What the controller hands a worker, and what a worker says of its bench and its units."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rig.model import Verdict
from rig.plugin.campaign import Part
from rig.plugin.order import Order

KEY = "rig_fleet"
"""In xdist's `workerinput`, in its `workeroutput`, and in the properties of a report."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A worker's part: the order for its bench, and the batch that it belongs to."""

    order: Order
    part: Part


def packed(hand: Hand) -> bytes:
    """For the worker's pipe."""
    return pickle.dumps(hand)


def unpacked(data: bytes) -> Hand:
    """From the controller's pipe, on which nobody else writes."""
    hand = pickle.loads(data)
    if not isinstance(hand, Hand):
        raise TypeError(f"{type(hand).__name__} is no hand")
    return hand


@dataclass(frozen=True, slots=True)
class Word:
    """What a worker says when its bench was opened (no `verdict`) or a unit has ended."""

    verdict: Verdict | None = None
    error: str | None = None
    """Why the bench could not judge this unit, or could not be opened."""
    hands_off: str | None = None
    broken: str | None = None
    """Why the bench takes no more units."""

    def property(self) -> tuple[str, str]:
        """For a report."""
        return KEY, json.dumps(asdict(self))


def word(properties: Sequence[tuple[str, object]]) -> Word | None:
    """The word in a report's properties, where there is one."""
    text = dict(properties).get(KEY)
    if not isinstance(text, str):
        return None
    row: Mapping[str, Any] = json.loads(text)
    verdict = row["verdict"]
    return Word(Verdict(verdict) if verdict else None, row["error"], row["hands_off"], row["broken"])
