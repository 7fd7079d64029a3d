"""Rules about the PCIe link: not there, too narrow, too slow, errors.

Ref: domain notes on symptoms, sections 0 (straps), 1 (width from lanes), 2 (table), 4 (localising).
"""

from __future__ import annotations

from collections.abc import Iterator

from rig.diagnose.case import Case, shown
from rig.model import Cause
from rig.netlist import card_needs

_LANES_BEHIND = {4: (4, 5, 6, 7), 2: (2, 3), 1: (1,)}
"""Negotiated width to the lanes of which one is bad, on an x8 link."""
_RECEIVER = ("RxErr", "BadTLP", "BadDLLP")
_DEAD_BOARD = ("A16", "A17", "A14", "A19", "A20", "B17", "B18")


def not_seen(case: Case) -> Iterator[Cause]:
    """Power reaches the card and yet nothing is in lspci."""
    found = case.failed("pcie.present")
    if not found:
        return
    evidence = tuple(map(shown, found))
    if unmet := card_needs(case.board, case.card):
        yield Cause(
            "needs mod",
            tuple(u.pin for u in unmet),
            (*evidence, *(f"{u.pin} must be {u.needs}, is {u.has}" for u in unmet)),
            _mod_text(case),
        )
        return
    yield Cause(
        "joint open in REFCLK, PERST# or lane 0",
        _DEAD_BOARD,
        (*evidence, _power_evidence(case)),
        "try the card in a proven adapter first; then reflow A16 A17 A14 A19 A20 (bottom side), B17 B18 (top side)",
    )
    yield Cause("card dead or without firmware", evidence=evidence, action="the same card in a proven adapter decides")


def narrow_or_slow(case: Case) -> Iterator[Cause]:
    """x8 became x4, x2, x1; or the speed fell."""
    width = case.number("pcie.link.width")
    narrow = [*case.failed("pcie.link.width"), *case.failed("pcie.link.lanes_missing")]
    if narrow and width:
        lanes = _LANES_BEHIND.get(int(width), ())
        pins = tuple(p.name for lane in lanes for p in case.board.lane_pins(lane))
        bottom = " ".join(p for p in pins if p.startswith("A"))
        top = " ".join(p for p in pins if p.startswith("B"))
        named = (
            f"lane {lanes[0]}"
            if len(lanes) == 1
            else f"one of lanes {'-'.join(map(str, (lanes[0], lanes[-1])))}"
            if lanes
            else "a lane"
        )
        yield Cause(
            f"joint open in {named}",
            pins,
            tuple(map(shown, narrow)),
            f"prove the slot with a good unit; then reflow {bottom} (bottom side), {top} (top side)",
        )
    slow = [*case.failed("pcie.link.speed_gtps"), *case.failed("pcie.link.speed_missing_gtps")]
    if slow:
        yield Cause(
            "link slower than both ends can",
            evidence=tuple(map(shown, slow)),
            action="slot speed in the BIOS, riser; then every lane joint: excess solder, flux",
        )


def poor_pairs(case: Case) -> Iterator[Cause]:
    """Correctable errors: the end that *receives* badly names the direction, hence the side of the board.

    RxErr, BadTLP and BadDLLP are counted by the receiver; Timeout and Rollover by the sender, whose packets or whose
    acknowledgements were lost: they tell nothing more where the other end receives badly.
    """
    ends = {"endpoint": ("A", "bottom", "host to card"), "root": ("B", "top", "card to host")}
    found = {end: [*case.bad(f"pcie.aer.{end}.*"), *case.bad(f"traffic.aer.{end}.*")] for end in ends}
    receiving = [end for end in ends if found[end] and _received_badly(case, end)]
    for end in receiving:
        row, side, way = ends[end]
        lanes = _error_lanes(case, end)
        pins = tuple(p.name for lane in lanes for p in case.board.lane_pins(lane) if p.name.startswith(row))
        where = " ".join(pins) if pins else f"the {way} pairs of row {row}"
        evidence = tuple(map(shown, [*found[end], *(j for other in ends if other != end for j in found[other])]))
        yield Cause(f"poor joint, {way} pairs", pins, evidence, f"reflow {where} ({side} side)")
    if not receiving and (rest := [*found["endpoint"], *found["root"]]):
        yield Cause(
            "packets or acknowledgements lost without receiver errors",
            evidence=tuple(map(shown, rest)),
            action="suspect firmware or ASPM before a joint: pcie_aspm=off and repeat",
        )


def _received_badly(case: Case, end: str) -> bool:
    return any(case.number(f"{prefix}.aer.{end}.{kind}") for prefix in ("pcie", "traffic") for kind in _RECEIVER)


def _error_lanes(case: Case, end: str) -> tuple[int, ...]:
    """Lanes that LaneErrStat of that end names (8 GT/s links only)."""
    text = case.value(f"pcie.lane_errors.{end}")
    return tuple(int(w) for w in text.split() if w.isdigit() and int(w) < 8) if isinstance(text, str) else ()


def _mod_text(case: Case) -> str:
    """The published mod of this design after which the card has all it needs."""
    adapter = case.board.adapter
    for mod in adapter.mods.values():
        if not card_needs(case.board.modified(mod.name), case.card):
            return f"not a bad joint; {mod.text}"
    return f"not a bad joint; no published mod makes a {case.card.model} work on {adapter.design}: use another layout"


def _power_evidence(case: Case) -> str:
    current = case.number("rail.12v.current_a")
    return (
        f"12 V current {current:.3f} A: the supply path is good"
        if current and current > 0.02
        else "12 V current unknown"
    )
