"""The board as a picture: both sides with the connector's pins and the edge's fingers, suspects coloured.

Pins lie in their order and spacing on the connector (1 mm, 3 mm across the key); the rest is a schematic. Seen on top
with the fingers down, pin 1 is at the left; the bottom side is drawn as the turned board shows it, pin 1 at the right.
Ref: TobleMiner/HPE-FlexibleLOM-adapter@8cc9fc2, footprints J1 and J2 of the .kicad_pcb.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup

from rig.config.library import default_library
from rig.errors import RigError, UsageError
from rig.model import Adapter, AdapterUnit, Pin
from rig.netlist import KEY_AFTER, Board
from rig.report import journal
from rig.report.schema import AdapterPart, CausePart
from rig.report.summary import Outcome, outcomes
from rig.report.suspects import PIN, RANKS, STEPS, Suspect, probabilities, suspects, together
from rig.report.text import brief

WIDTH = 400.0
_MM, _LEFT = 7.3, 17.0
_PAD = 0.7 * _MM
_KEY_MM = 2.0
"""What the key adds to the millimetre between two contacts."""
_LABEL, _FINGER_LABEL = 92.0, 62.0
_LABELS_A_LINE = 4


@dataclass(frozen=True, slots=True)
class Pad:
    """A contact in the picture."""

    name: str
    x: float
    tip: str
    heat: int


@dataclass(frozen=True, slots=True)
class Label:
    """A big label: neighbours of one colour share one. `at` is the middle of the pads, `x` of the label."""

    text: str
    more: str
    heat: int
    at: float
    x: float


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the board as a person sees it."""

    row: str
    title: str
    hint: str
    pads: tuple[Pad, ...]
    fingers: tuple[Pad, ...]
    above: tuple[Label, ...]
    below: tuple[Label, ...]
    finger_labels: tuple[Label, ...]
    unlabelled: str
    """Suspects for which there was no room, as text."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What the template draws."""

    title: str
    virtual: bool
    sentence: str
    sides: tuple[Side, ...]
    legend: tuple[tuple[int, str], ...]
    legend_title: str
    elsewhere: tuple[str, ...]
    """What causes name beside connector pins: fingers, jumpers."""


def picture(adapter: AdapterPart, causes: Sequence[CausePart], *, virtual: bool) -> Picture | None:
    """The board of `adapter` with what `causes` suspect; None for a design that has no file, or without a cause."""
    board = _board(adapter)
    if board is None or not any(c.pins for c in causes):
        return None
    found = suspects(causes)
    sides = [_side(row, board, causes, found) for row in "BA"]
    weight = {s.row: sum(1 / s_.heat for s_ in found.values() if s_.pin[0] == s.row) for s in sides}
    legend_title, legend = _legend(causes, found.values())
    return Picture(
        f"{brief(adapter.serial, 24)}, {brief(adapter.design, 24)}", virtual, _sentence(adapter, found),
        tuple(sorted(sides, key=lambda s: -weight[s.row])), legend, legend_title,
        tuple(dict.fromkeys(p for c in causes for p in c.pins if not PIN.fullmatch(p))),
    )  # fmt: skip


def inline(adapter: AdapterPart, causes: Sequence[CausePart], *, virtual: bool) -> Markup | None:
    """The picture as an element of a page, in the page's colours."""
    return _drawn(picture(adapter, causes, virtual=virtual), alone=False)


def alone(adapter: AdapterPart, causes: Sequence[CausePart], *, virtual: bool) -> str:
    """The picture as an SVG file; UsageError when there is nothing to draw."""
    drawn = _drawn(picture(adapter, causes, virtual=virtual), alone=True)
    if drawn is None:
        known = _board(adapter) is not None
        why = "no cause of this run names a pin" if known else f"there is no layout {adapter.design!r}"
        raise UsageError(f"{adapter.serial}: no picture can be drawn: {why}")
    return str(drawn)


def outcome(run: Path) -> Outcome:
    """What the run in a folder came to; UsageError when the folder does not hold exactly one."""
    found = outcomes(journal.read(run))
    if len(found) != 1 or found[0].run is None:
        raise UsageError(f"{run}: {len(found)} runs and units are in it; name the folder of one run")
    return found[0]


@functools.cache
def _layout(design: str) -> Adapter:
    """The layout of a design, read once: a report draws many boards."""
    return default_library().adapter(design)


def _board(adapter: AdapterPart) -> Board | None:
    """The unit's board; as delivered where its jumpers cannot be, None where nobody has the layout."""
    try:
        layout = _layout(adapter.design)
    except RigError:
        return None
    jumpers = {ref: str(setting) for ref, setting in adapter.jumpers.items()}
    try:
        return Board(layout, AdapterUnit(layout.design, "", jumpers, tuple(map(str, adapter.mods))))
    except UsageError:
        return Board(layout, AdapterUnit(layout.design, ""))


def _side(row: str, board: Board, causes: Sequence[CausePart], found: Mapping[str, Suspect]) -> Side:
    mine = [found[p] for p in sorted((p for p in found if p[0] == row), key=lambda p: int(p[1:]))]
    fingers = _fingers(board, found)
    groups = sorted(_grouped(mine), key=lambda g: (g[0].heat, -sum(s.share or 0 for s in g)))
    shown = sorted(groups[: 2 * _LABELS_A_LINE], key=lambda g: _middle([s.pin for s in g]))
    up, down = (shown, []) if len(shown) <= _LABELS_A_LINE else (shown[::2], shown[1::2])
    above, below = (_placed([(g, _about(g, board, causes)) for g in line], _LABEL) for line in (up, down))
    bottom = row == "A"
    return Side(
        row, f"{'Bottom' if bottom else 'Top'} side, row {row}",
        "board turned over: pin 1 at the right" if bottom else "fingers down: pin 1 at the left",
        tuple(_pad(board.pin(name), found) for name in _row(row, board.adapter.pins)),
        tuple(
            Pad(name, _x(name), f"finger {name}: {board.adapter.edge[name].function}", fingers.get(name, 0))
            for name in _row(row, board.adapter.edge)
        ),
        above, below,
        _placed([(g, "") for g in _grouped([Suspect(n, fingers[n], None) for n in _row(row, fingers)])], _FINGER_LABEL),
        ", ".join(_names([s.pin for s in g]) for g in groups[2 * _LABELS_A_LINE :]),
    )  # fmt: skip


def _row(row: str, names: Iterable[str]) -> list[str]:
    return sorted((n for n in names if n[0] == row), key=lambda n: int(n[1:]))


def _pad(pin: Pin, found: Mapping[str, Suspect]) -> Pad:
    heat = found[pin.name].heat if pin.name in found else 0
    return Pad(pin.name, _x(pin.name), f"{pin.name}: {pin.function or 'function unknown'}", heat)


def _fingers(board: Board, found: Mapping[str, Suspect]) -> dict[str, int]:
    """The one finger at the other end of each suspect's wire, where a multimeter goes; rails have many and none."""
    by_net: dict[str, list[str]] = {}
    for name in board.adapter.edge:
        by_net.setdefault(board.net_of(f"edge:{name}"), []).append(name)
    ends = {pin: by_net.get(board.net_of(pin), []) for pin in found if pin in board.adapter.pins}
    return {fingers[0]: found[pin].heat for pin, fingers in ends.items() if len(fingers) == 1}


def _grouped(mine: Sequence[Suspect]) -> list[list[Suspect]]:
    """Neighbours of one colour, at most a lane's pair: a longer label says less than it hides."""
    groups: list[list[Suspect]] = []
    for s in mine:
        last = groups[-1][-1] if groups else None
        follows = last and last.heat == s.heat and int(s.pin[1:]) - int(last.pin[1:]) == 1
        if follows and len(groups[-1]) < 2 and int(s.pin[1:]) != KEY_AFTER + 1:
            groups[-1].append(s)
        else:
            groups.append([s])
    return groups


def _placed(groups: Sequence[tuple[list[Suspect], str]], width: float) -> tuple[Label, ...]:
    """Labels near their pads, in the order of the pads, pushed apart where they would overlap."""
    made = []
    for group, more in groups:
        pins = [s.pin for s in group]
        made.append((_middle(pins), _names(pins), more, group[0].heat))
    made.sort(key=lambda m: m[0])
    half, gap, xs = width / 2, 4.0, list[float]()
    for at, *_ in made:
        xs.append(max(at, xs[-1] + width + gap if xs else half + 2))
    limit = WIDTH - half - 2
    for n in range(len(xs) - 1, -1, -1):
        xs[n] = min(xs[n], limit)
        limit = xs[n] - width - gap
    return tuple(Label(text, more, heat, at, x) for (at, text, more, heat), x in zip(made, xs, strict=True))


def _about(group: Sequence[Suspect], board: Board, causes: Sequence[CausePart]) -> str:
    """What the pins are, and how likely: `lane 4, 62 %`."""
    pins = [board.pin(s.pin) for s in group if s.pin in board.adapter.pins]
    lanes = {p.lane for p in pins}
    if len(lanes) == 1 and None not in lanes:
        what = f"lane {next(iter(lanes))}"
    else:
        what = _together([p.function or "?" for p in pins])
    likely = together(causes, [s.pin for s in group])
    return _cut(what, 14) if likely is None else f"{_cut(what, 9)}, {100 * likely:.0f} %"


def _together(functions: Sequence[str]) -> str:
    """`REFCLK±` for the two legs of a pair, else each once."""
    first, last = functions[0], functions[-1]
    if first != last and first[:-1] == last[:-1] and {first[-1], last[-1]} == {"+", "-"}:
        return f"{first[:-1]}±"
    return " ".join(dict.fromkeys(functions))


def _cut(text: str, limit: int) -> str:
    """`text`, cut with an ellipsis where a label has no room."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _names(pins: Sequence[str]) -> str:
    return " ".join(pins if pins[0][0] == "B" else reversed(pins))


def _x(name: str) -> float:
    """The middle of a contact: row B from the left, row A mirrored, as the turned board shows it."""
    n = int(name[1:])
    mm = n - 1 + (_KEY_MM if n > KEY_AFTER else 0)
    x = _LEFT + _PAD / 2 + _MM * mm
    return WIDTH - x if name.startswith("A") else x


def _middle(pins: Sequence[str]) -> float:
    return sum(_x(p) for p in pins) / len(pins)


def _legend(causes: Sequence[CausePart], found: Iterable[Suspect]) -> tuple[str, tuple[tuple[int, str], ...]]:
    """What the colours mean, only those that are there."""
    there = sorted({s.heat for s in found})
    shares, likely = probabilities(causes)
    if not likely:
        return "suspected by", tuple((heat, RANKS[heat - 1]) for heat in there)
    top = 100 * max(likely.values())
    edges = [top, *(step * top for step in STEPS), 0.0]
    texts = [f"{low:.0f} to {high:.0f} %" if low >= 1 else f"below {high:.1g} %" for high, low in pairwise(edges)]
    return f"likelihood of the {'pin' if shares else 'cause'}", tuple((heat, texts[heat - 1]) for heat in there)


def _sentence(adapter: AdapterPart, found: Mapping[str, Suspect]) -> str:
    rows = (("bottom", "A"), ("top", "B"))
    parts = [f"{side} side {' '.join(_row(row, found)[:64])}" for side, row in rows if any(p[0] == row for p in found)]
    return f"Board {brief(adapter.design, 40)}, suspected: {'; '.join(parts) or 'no pin of the connector'}."


def _drawn(found: Picture | None, *, alone: bool) -> Markup | None:
    from rig.report.html import environment

    if found is None:
        return None
    template = environment().get_template("board.svg.j2")
    # the environment escapes every text that enters
    return Markup(template.render(p=found, alone=alone, width=WIDTH, pad=_PAD))
