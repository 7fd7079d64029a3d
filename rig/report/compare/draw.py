"""The pictures of a comparison: A is blue and round, B is orange and square."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rig.report.compare.aligned import Line
from rig.report.compare.comparison import Comparison, StateResult
from rig.report.compare.estimate import Estimate, Group
from rig.report.compare.verdict import Decision
from rig.report.drawing import BAND, FAINT, FONT_PT, INK, RAILS, Drawing, label

_WIDTH_PT = 648
_ROW_PT, _EDGE_PT = 34, 46
_PANEL_PT, _PANELS = 118, 4
COLORS = (RAILS[1], RAILS[0])
_MARKS = ("o", "s")
_OFFSETS = ((0.12, 0.31), (-0.31, -0.12))
"""From the middle of a row to a card's mean, and to its inserts."""
_LEFT, _WIDE = 0.105, 0.865


def dots(comparison: Comparison) -> Markup:
    """Every insert as a dot, the mean of each card and its 95 % interval."""
    states = comparison.states
    height_pt = _EDGE_PT + _ROW_PT * len(states)
    with Drawing("dots", _WIDTH_PT, height_pt) as drawing:
        axes = _rows(drawing, height_pt, [s.state for s in states])
        for row, state in enumerate(states):
            for n, (inserts, group) in enumerate(((state.a, state.estimate.a), (state.b, state.estimate.b))):
                watts = [i.states[state.state].total.value for i in inserts]
                y, single = (len(states) - 1 - row + offset for offset in _OFFSETS[n])
                axes.plot(watts, [single] * len(watts), _MARKS[n], color=COLORS[n], markersize=3.4, alpha=0.7, mew=0)
                _mean(axes, group, y, n)
        _name_cards(axes, comparison)
        return drawing.inline(_sentence(comparison, "Watts of every insert"))


def differences(comparison: Comparison) -> Markup:
    """The difference of each state with its interval, the instrument's error outside of it, and the margin."""
    states = comparison.states
    height_pt = _EDGE_PT + _ROW_PT * 0.8 * len(states)
    with Drawing("differences", _WIDTH_PT, height_pt) as drawing:
        axes = _rows(drawing, height_pt, [s.state for s in states])
        axes.axvspan(-comparison.margin_w, comparison.margin_w, color=BAND, linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
        for row, state in enumerate(states):
            _difference(axes, state, len(states) - 1 - row)
        reach = max(map(abs, axes.get_xlim()))
        axes.set_xlim(-max(reach, 1.25 * comparison.margin_w), max(reach, 1.25 * comparison.margin_w))
        _write(axes, f"{comparison.names[0][:40]} draws less", 0.0, "left")
        _write(axes, f"{comparison.names[1][:40]} draws less", 1.0, "right")
        _write(axes, f"margin {comparison.margin_w:g} W", 0.5, "center")
        return drawing.inline(_sentence(comparison, "Difference of the two cards"))


def traces(lines: Mapping[str, Sequence[Line]], comparison: Comparison) -> Markup:
    """One panel a state: the power of every insert since the state began."""
    rows = math.ceil(len(lines) / _PANELS)
    height_pt = 30 + _PANEL_PT * rows
    with Drawing("aligned", _WIDTH_PT, height_pt) as drawing:
        for n, (state, drawn) in enumerate(lines.items()):
            left = 0.045 + (n % _PANELS) * 0.2425
            bottom = 1 - (20 + _PANEL_PT * (n // _PANELS) + _PANEL_PT - 26) / height_pt
            axes = drawing.figure.add_axes((left, bottom, 0.19, (_PANEL_PT - 46) / height_pt))
            _panel(axes, state, drawn)
        return drawing.inline(
            f"Power over time in {len(lines)} states: {comparison.names[0]} and {comparison.names[1]}."
        )


def _panel(axes: Axes, state: str, lines: Sequence[Line]) -> None:
    for line in lines:
        n = 0 if line.of_a else 1
        axes.plot(
            line.time_s, line.watts, color=COLORS[n], linewidth=0.8, alpha=0.75, linestyle=("-", (0, (4, 1.2)))[n]
        )
    axes.set_title(label(state.replace("_", " ")), fontsize=FONT_PT, color=INK, loc="left", pad=4, parse_math=False)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    _dress(axes)
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _rows(drawing: Drawing, height_pt: float, states: Sequence[str]) -> Axes:
    """Axes with a line a state, first on top."""
    axes = drawing.figure.add_axes((_LEFT, 24 / height_pt, _WIDE, 1 - _EDGE_PT / height_pt))
    axes.set_ylim(-0.5, len(states) - 0.5)
    names = [label(s.replace("_", " "), 14) for s in reversed(states)]
    axes.set_yticks(range(len(states)), names, parse_math=False)
    axes.grid(axis="x", color=FAINT, linewidth=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(9))
    axes.annotate(
        "W", (1, 0), xytext=(10, -5), xycoords="axes fraction", textcoords="offset points", color=INK, va="top"
    )
    _dress(axes)
    return axes


def _dress(axes: Axes) -> None:
    axes.tick_params(color=FAINT, labelcolor=INK, length=3)
    axes.tick_params(axis="y", length=0)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(FAINT)


def _mean(axes: Axes, group: Group, y: float, n: int) -> None:
    interval = group.interval()
    if interval is not None:
        axes.plot([interval.low, interval.high], [y, y], color=COLORS[n], linewidth=1.4)
    axes.plot([group.mean_w], [y], _MARKS[n], color=COLORS[n], markersize=6.5, mew=0)


def _difference(axes: Axes, state: StateResult, y: int) -> None:
    e: Estimate = state.estimate
    sign = 0 if state.decision is Decision.NOT_COMPARABLE else e.sign
    color = COLORS[0] if sign < 0 else COLORS[1] if sign > 0 else INK
    if e.claim:
        i = e.claim.interval
        if state.instrument_w is not None:
            wide = i.widened(state.instrument_w)
            axes.plot([wide.low, wide.high], [y, y], color=color, linewidth=0.9, linestyle=(0, (1.5, 1.2)))
        axes.plot([i.low, i.high], [y, y], color=color, linewidth=2.2, solid_capstyle="butt")
    axes.plot([e.difference_w], [y], "D", color=color, markersize=5, mew=0)


def _name_cards(axes: Axes, comparison: Comparison) -> None:
    for n, name in enumerate(comparison.names):
        axes.plot(
            [n * 0.5],
            [1.045],
            _MARKS[n],
            color=COLORS[n],
            transform=axes.transAxes,
            clip_on=False,
            markersize=5.5,
            mew=0,
        )
        _write(axes, name[:48], n * 0.5 + 0.012, "left", COLORS[n])


def _write(axes: Axes, text: str, x: float, ha: str, color: str = INK) -> None:
    axes.annotate(
        label(text, 60), (x, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points", color=color,
        ha=ha, va="bottom", annotation_clip=False, parse_math=False,
    )  # fmt: skip


def _sentence(comparison: Comparison, what: str) -> str:
    a, b = comparison.names
    parts = [f"{s.state} {s.estimate.a.mean_w:.2f} W and {s.estimate.b.mean_w:.2f} W" for s in comparison.states]
    return f"{what}, {a} and {b}: {'; '.join(parts)}."
