"""Which action separates the candidates best: expected information per minute over a few things a person can do.

The minutes are the project's assumption (bench with a riser, operator beside it).
Ref: domain notes on symptoms, section 4: swap tests, LaneErrStat, multimeter points.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rig.diagnose.hypotheses import ADAPTER, CARD, SLOT, Hypothesis
from rig.netlist import Board

SWAP_MIN, SLOT_MIN, READ_MIN, UNIT_OUT_MIN, POINT_MIN, REFLOW_MIN, RETEST_MIN = 6.0, 6.0, 1.0, 3.0, 0.5, 0.5, 5.0
FIXES = 0.9
"""A reflowed joint that was bad is good afterwards."""
MOST_POINTS = 24
_TOLD = 4

Outcomes = Mapping[Hashable, float]
Candidates = Sequence[tuple[Hypothesis, float]]


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do, how long it takes, and what it would tell (`outcome`: of one hypothesis)."""

    text: str
    minutes: float
    outcome: Callable[[Hypothesis], Outcomes]


@dataclass(frozen=True, slots=True)
class Advice:
    """The action that tells most a minute, and how much of the open question it answers."""

    text: str
    bits: float
    of_bits: float
    minutes: float

    def __str__(self) -> str:
        return f"{self.text} (tells {self.bits:.1f} of {self.of_bits:.1f} bit, about {self.minutes:.0f} min)"


def best(candidates: Candidates, board: Board, *, host_up: bool, lanes_read: bool) -> Advice | None:
    """The best action for these hypotheses; None where nothing is left to separate."""
    total = sum(p for _, p in candidates)
    if total <= 0 or len(candidates) < 2:
        return None
    shares = [(h, p / total) for h, p in candidates]
    asked = _entropy([p for _, p in shares])
    actions = list(_actions(shares, board, host_up=host_up, lanes_read=lanes_read))
    told = [(gain(action, shares), action) for action in actions]
    bits, action = max(told, key=lambda t: t[0] / t[1].minutes)
    return Advice(action.text, bits, asked, action.minutes) if bits > 0.05 else None


def gain(action: Action, shares: Candidates) -> float:
    """Expected information of an action, in bit, about which hypothesis is true."""
    total: dict[Hashable, float] = defaultdict(float)
    known = 0.0
    for h, p in shares:
        outcomes = action.outcome(h)
        known += p * _entropy(list(outcomes.values()))
        for what, q in outcomes.items():
            total[what] += p * q
    return _entropy(list(total.values())) - known


def _entropy(shares: Sequence[float]) -> float:
    return -sum(p * math.log2(p) for p in shares if p > 0)


# --- what a person can do -----------------------------------------------------------------------------------


def _actions(shares: Candidates, board: Board, *, host_up: bool, lanes_read: bool) -> Iterator[Action]:
    yield _swap("put a proven adapter under the same card, in the same slot", SWAP_MIN, ADAPTER)
    yield _swap("put a proven card of this model into this adapter", SWAP_MIN, CARD)
    yield _swap("put the unit into another, proven slot", SLOT_MIN, SLOT)
    if host_up and not lanes_read:
        text = "clear LaneErrStat at both ends, run traffic, read it again (lspci -vvv)"
        yield Action(text, READ_MIN, _lane_named)
    ranked = sorted(shares, key=lambda s: (-round(s[1], 4), s[0].pins[:1], s[0].pins))
    joints = [h for h, _ in ranked if h.kind in ("open", "bridge", "poor")]
    if joints:
        yield _meter(joints[:1], board)
        yield _meter(joints[:MOST_POINTS], board)
        yield _reflow(joints[:1])
        yield _reflow(joints[:MOST_POINTS])


def _swap(text: str, minutes: float, where: str) -> Action:
    return Action(text, minutes, lambda h: {h.where == where: 1.0})


def _lane_named(h: Hypothesis) -> Outcomes:
    """The lane with the best chance to be named, or none."""
    lanes = h.signs.lanes if h.signs else ()
    if not lanes:
        return {None: 1.0}
    end, lane, p = max(lanes, key=lambda told: told[2])
    return {(end, lane): p, None: 1 - p}


def _meter(joints: Sequence[Hypothesis], board: Board) -> Action:
    there = set(joints)
    points = list(dict.fromkeys(point for h in joints for point in _points(h, board)))
    more = f" and so on, {len(points)} points" if len(points) > _TOLD else ""
    text = f"multimeter, card out (a joint reads below 1 Ohm, neighbours read open): {', '.join(points[:_TOLD])}{more}"
    return Action(text, UNIT_OUT_MIN + POINT_MIN * len(points), lambda h: {h if h in there else None: 1.0})


def _points(h: Hypothesis, board: Board) -> list[str]:
    """Between which pads."""
    if h.kind == "bridge":
        return ["-".join(h.pins)]
    return [f"{pin} to {finger_of(board, pin)}" for pin in h.pins]


def finger_of(board: Board, pin: str) -> str:
    """Where the other end of a pin's wire can be measured: its finger, or the net's nearest one."""
    net = board.net_of(pin)
    fingers = [name for name in board.adapter.edge if board.net_of(f"edge:{name}") == net]
    return f"edge finger {fingers[0]}" if fingers else "its pad"


def _reflow(joints: Sequence[Hypothesis]) -> Action:
    there, pins = set(joints), list(dict.fromkeys(pin for h in joints for pin in h.pins))
    minutes = RETEST_MIN + REFLOW_MIN * len(pins)
    listed = " ".join(pins[:8]) + (f" and {len(pins) - 8} more" if len(pins) > 8 else "")
    return Action(
        f"reflow {listed} and test again",
        minutes,
        lambda h: {True: FIXES, False: 1 - FIXES} if h in there else {False: 1},
    )
