"""What is said of a cause: its title, what speaks for and against it, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rig.diagnose.actions import Advice
from rig.diagnose.case import Case, shown
from rig.diagnose.hypotheses import Hypothesis
from rig.diagnose.posterior import Group, Posterior
from rig.diagnose.seen import Seen, fit
from rig.model import Cause
from rig.netlist import Board, card_needs

_FOR, _AGAINST = 0.2, 0.1
"""An observation this likely under a cause speaks for it; one this many times less likely than the best, against it."""
_WAYS = {"endpoint": ("A", "bottom", "host to card"), "root": ("B", "top", "card to host")}
_MOST_LINES = 4
_TWO = "two faults at once: no single one explains what was seen"


def cause(case: Case, group: Group, found: Sequence[Seen], rest: Posterior, advice: Advice | None, lanes: int) -> Cause:
    """One group of hypotheses as a cause; `advice`: the next action, told with the first cause alone."""
    shares = _ranked(group.shares())
    action = _action(case, group, shares)
    return Cause(
        title=title(case.board, group),
        pins=tuple(shares),
        evidence=(*_evidence(case, group, found, rest, lanes), *_alike(group, shares), *([_TWO] if rest.two else [])),
        action=f"first {advice}; then {action}" if advice else action,
        probability=round(group.probability, 4),
        shares=tuple(round(p, 4) for p in shares.values()),
    )


# --- title --------------------------------------------------------------------------------------------------


def title(board: Board, group: Group) -> str:
    """Short and stable: `joint open in one of lanes 4-7`, `bridge 12V to GND`, `needs mod`."""
    if group.kind == "open":
        return f"joint open in {place(board, group)}"
    if group.kind == "bridge":
        met = sorted(group.first.signs.conducting) if group.first.signs else []
        return " and ".join(f"bridge {_nets(pair)}" for pair in met) or f"bridge at {place(board, group)}"
    if group.kind == "poor":
        way = _way(group)
        return f"poor joint, {way[2]} pairs" if way else "poor joint"
    return group.first.title


def _nets(pair: str) -> str:
    plus, _, minus = pair.partition("_")
    return f"{plus} to {minus}"


def _way(group: Group) -> tuple[str, str, str] | None:
    errors = group.first.signs.errors if group.first.signs else ()
    return _WAYS[errors[0][0]] if errors else None


def place(board: Board, group: Group) -> str:
    """`REFCLK, PERST# or lane 0`; `one of lanes 4-7`; `lane 1`."""
    names: list[str] = []
    lanes = set()
    for h, _ in group.members:
        for pin in h.pins:
            lane = board.pin(pin).lane
            lanes |= {lane} if lane is not None else set()
            names += [] if lane is not None else _named(board, pin)
    parts = sorted(set(names), key=lambda n: (n not in _FIRST, _FIRST.index(n) if n in _FIRST else 0, n))
    parts += [_lanes(sorted(lanes))] if lanes else []
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


_FIRST = ["REFCLK", "PERST#"]


def _named(board: Board, pin: str) -> list[str]:
    """What a pin outside the lanes is called; ground beside a lane or a clock is not named."""
    function = board.pin(pin).function
    if function.startswith("REFCLK"):
        return ["REFCLK"]
    if "PERST#" in (function, board.net_of(pin)):
        return ["PERST#"]
    return [] if board.net_of(pin) == "GND" else [f"{function or 'pin'} {pin}"]


def _lanes(lanes: Sequence[int]) -> str:
    if len(lanes) == 1:
        return f"lane {lanes[0]}"
    whole = list(range(lanes[0], lanes[-1] + 1)) == list(lanes)
    return f"one of lanes {lanes[0]}-{lanes[-1]}" if whole else f"one of lanes {', '.join(map(str, lanes))}"


# --- evidence -----------------------------------------------------------------------------------------------


def _evidence(case: Case, group: Group, found: Sequence[Seen], rest: Posterior, lanes: int) -> Iterable[str]:
    """Bad rows it explains; other rows that speak for it; then what speaks against it."""
    signs = group.first.signs
    others = [g.first.signs for g in rest.groups[:6]]
    speaks = [(seen, fit(seen, signs, lanes), max(fit(seen, s, lanes) for s in others)) for seen in found]
    for seen, here, _ in speaks:
        if seen.bad and here >= _FOR:
            yield from (text for j in seen.rows for text in (shown(j), j.measurement.note) if text)
    if group.kind == "layout":
        yield from (f"{u.pin} must be {u.needs}, is {u.has}" for u in card_needs(case.board, case.card))
    if (signs.absent if signs else 0) > _FOR and any(seen.kind == "absent" and seen.bad for seen in found):
        yield _power(case)
    for seen, here, top in speaks:
        if here < _AGAINST * top:
            yield from (f"against: {shown(j)}" for j in seen.rows[:_MOST_LINES])


def _power(case: Case) -> str:
    current = case.number("rail.12v.current_a")
    if current is None:
        return "12 V current unknown"
    return f"12 V current {current:.3f} A" + (": the supply path is good" if current > 0.02 else "")


def _alike(group: Group, shares: dict[str, float]) -> Iterable[str]:
    """That these are one cause because nothing measured tells them apart, with each one's share."""
    joints = _ranked({_joint(h): p for h, p in group.members if h.kind in ("open", "bridge", "poor")})
    if len(joints) > 1:
        by_share: dict[str, list[str]] = {}
        for name, p in joints.items():
            by_share.setdefault(f"{p:.1%}", []).append(name)
        told = "; ".join(f"{' '.join(names)} {p}{' each' if len(names) > 1 else ''}" for p, names in by_share.items())
        yield f"electrically alike in this run: {told}"


def _ranked(shares: dict[str, float]) -> dict[str, float]:
    """The most likely first; equal ones along the connector."""
    return dict(sorted(shares.items(), key=lambda s: (-round(s[1], 4), s[0][0], _number(s[0]))))


def _number(name: str) -> int:
    return int(re.findall(r"\d+", name)[0])


def _joint(h: Hypothesis) -> str:
    return ("-" if h.kind == "bridge" else "/").join(h.pins)


# --- action -------------------------------------------------------------------------------------------------


def _action(case: Case, group: Group, shares: dict[str, float]) -> str:
    if group.kind == "layout" and group.first.title == "needs mod":
        return _mod(case)
    if group.kind == "bridge":
        return _wick(case.board, group)
    if group.kind in ("open", "poor"):
        return f"reflow {by_side(case.board, shares)}"
    return group.first.action


def _wick(board: Board, group: Group) -> str:
    pairs = [h.pins for h, _ in group.members if h.kind == "bridge"]
    if group.first.signs is None or not group.first.signs.conducting:
        return f"look for a bridge along {_runs(board, pairs)}; wick it, clean, and run the check again"
    debris = ", ".join(h.title for h, _ in group.members if h.kind == "debris" and h.title)
    fingers = f"look for debris at the edge fingers {debris}".rstrip()
    sides = ", ".join(sorted({board.pin(pin).side for pair in pairs for pin in pair}))
    wick = f"wick {' or '.join('-'.join(sorted(p, key=_number)) for p in sorted(pairs))} ({sides} side); else {fingers}"
    told = wick if pairs else f"no neighbours on the connector join them: {fingers}"
    return f"do not put it into a host; {told}, clean, and run the check again"


def _runs(board: Board, pairs: Iterable[Sequence[str]]) -> str:
    """`A34 to A37, A38 to A41 (bottom side)`: neighbours that follow each other, told once."""
    told = []
    for row, side in (("A", "bottom"), ("B", "top")):
        runs: list[list[int]] = []
        for a, b in sorted(sorted(map(_number, pair)) for pair in pairs if pair[0][0] == row):
            if runs and runs[-1][1] == a:
                runs[-1][1] = b
            else:
                runs.append([a, b])
        told += [f"{', '.join(f'{row}{a} to {row}{b}' for a, b in runs)} ({side} side)"] if runs else []
    return ", ".join(told)


def by_side(board: Board, pins: Iterable[str]) -> str:
    """`A35 A36 (bottom side), B33 B34 (top side)`, along the connector."""
    rows = {side: [p for p in pins if board.pin(p).side == side] for side in ("bottom", "top")}
    told = [(sorted(row, key=lambda p: int(p[1:])), side) for side, row in rows.items() if row]
    return ", ".join(f"{' '.join(row)} ({side} side)" for row, side in told)


def _mod(case: Case) -> str:
    """The published mod of this design after which the card has all it needs."""
    adapter = case.board.adapter
    for mod in adapter.mods.values():
        if mod.name not in case.board.unit.mods and not card_needs(case.board.modified(mod.name), case.card):
            return f"not a bad joint; {mod.text}"
    return f"not a bad joint; no published mod makes a {case.card.model} work on {adapter.design}: use another layout"
