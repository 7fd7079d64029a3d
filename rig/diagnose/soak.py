"""A rule about what failed now and then: which joint to look at, and how many good trials show that it is mended.

Ref: domain notes on symptoms, sections 1 (width from lanes) and 2 (direction from the end that errs; LaneErrStat).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from rig.diagnose.case import Case, shown
from rig.diagnose.physics import RECEIVER, WIDTHS
from rig.model import Cause, Judged, Pin

_NAMED, _GUESSED = (0.8, 0.15), (0.5, 0.4)
"""How sure: the joint, and a contact elsewhere; where LaneErrStat named the lane, and where it did not."""
_NO_LINK = ("REFCLK+", "REFCLK-", "PERST#", "PWROK")
_WAYS = {"endpoint": "host to card", "root": "card to host"}


def intermittent(case: Case) -> Iterator[Cause]:
    """Two causes: a joint of the lanes that fit what was seen, and a contact that is not the adapter's."""
    found = case.failed("soak.*.failures")
    if not found:
        return
    where, pins, (joint, elsewhere) = _suspects(case)
    evidence = tuple(line for j in found for line in (shown(j), j.measurement.note) if line)
    evidence += tuple(_worst(case))
    again = _again(case, found)
    listed = _sides(pins)
    yield Cause(
        f"intermittent joint, {where}" if pins else "fails now and then",
        tuple(p.name for p in pins),
        evidence,
        f"clean fingers, reseat, soak again; if it stays: reflow {listed}; {again}"
        if pins
        else f"read the trials in the evidence; {again}",
        joint,
        tuple(round(joint / len(pins), 4) for _ in pins),
    )
    yield Cause(
        "intermittent contact of slot, riser or card",
        evidence=evidence[:1],
        action="the same soak with a proven adapter under this card, in this slot: what fails there too is not the "
        "adapter's joint",
        probability=elsewhere,
    )


def _suspects(case: Case) -> tuple[str, list[Pin], tuple[float, float]]:
    """Where, which pins, how sure: by lane names first, then by width, then by who counted errors."""
    named = {end: _lanes(case, end) for end in RECEIVER.values()}
    if any(named.values()):
        pins = _lane_pins(case, {(lane, end) for end, lanes in named.items() for lane in lanes})
        lanes = sorted({lane for found in named.values() for lane in found})
        return f"lane {', '.join(map(str, lanes))}", pins, _NAMED
    full, width = _full(case), case.number("soak.narrowest_width")
    if width == 0:
        others = [p for p in case.board.adapter.pins.values() if p.function in _NO_LINK]
        return "REFCLK, PERST# or lane 0", [*others, *_lane_pins(case, _both({0}))], _GUESSED
    if width is not None and width < full:
        next_wider = min((w for w in WIDTHS if w > width), default=full)
        lanes = list(range(int(width), min(next_wider, full)))
        span = f"{lanes[0]}-{lanes[-1]}" if len(lanes) > 1 else str(lanes[0])
        return f"lane {span}", _lane_pins(case, _both(lanes)), _GUESSED
    erring = [end for end in _WAYS if (case.number(f"soak.aer.{end}.correctable") or 0) > 0]
    if erring:
        way = " and ".join(_WAYS[end] for end in erring)
        return f"{way} pairs", _lane_pins(case, {(n, end) for n in range(full) for end in erring}), _GUESSED
    return "", [], _GUESSED


def _lanes(case: Case, end: str) -> list[int]:
    told = case.value(f"soak.lane_errors.{end}")
    return [int(word) for word in str(told or "").split() if word.isdecimal()]


def _full(case: Case) -> int:
    """Lanes of a good link here."""
    card = case.card.lanes or int(case.number("pcie.link.max_width") or 0) or case.board.adapter.lanes
    return min(card, case.board.adapter.lanes, case.slot.lanes)


def _both(lanes: Iterable[int]) -> set[tuple[int, str]]:
    return {(lane, end) for lane in lanes for end in RECEIVER.values()}


def _lane_pins(case: Case, wanted: set[tuple[int, str]]) -> list[Pin]:
    pins = case.board.adapter.pins.values()
    return [p for p in pins if p.lane is not None and (p.lane, RECEIVER[p.direction or ""]) in wanted]


def _worst(case: Case) -> Iterator[str]:
    names = ("soak.narrowest_width", *(f"soak.lane_errors.{end}" for end in _WAYS))
    for j in case.judged:
        if j.measurement.name in names and j.measurement.value not in (None, "none"):
            yield shown(j)


def _sides(pins: Iterable[Pin]) -> str:
    sides: dict[str, list[str]] = {}
    for pin in pins:
        sides.setdefault(pin.side, []).append(pin.name)
    return ", ".join(f"{' '.join(names)} ({side} side)" for side, names in sides.items())


def _again(case: Case, found: Iterable[Judged]) -> str:
    """How many good trials would be a surprise (1 in 20) if nothing had changed."""
    told = []
    for j in found:
        name = j.measurement.name.removesuffix(".failures")
        trials, failures = case.number(f"{name}.trials"), case.number(j.measurement.name)
        if trials and failures:
            rate = min(failures / trials, 1.0)
            needed = 1 if rate == 1 else math.ceil(math.log(0.05) / math.log1p(-rate))
            told.append(f"{needed} good of {needed} ({name.removeprefix('soak.').replace('_', ' ')})")
    return f"then {' and '.join(told)} show that it is better" if told else "then soak again"
