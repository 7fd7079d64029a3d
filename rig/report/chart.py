"""A trace as an SVG that lives inside a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform

from rig.report.drawing import BAND, CHAR_PT, FAINT, FONT_PT, INK, RAILS, Drawing, label
from rig.report.trace import RAIL_NAMES, Band, Trace, reduced

_WIDTH_PT, _HEIGHT_PT = 648, 187
_PLOT = (0.045, 0.15, 0.885, 0.70)
"""Left, bottom, width and height of the axes, as shares of the picture."""
_DASHES = ("-", (0, (4, 1.5)), (0, (1.5, 1)), (0, (6, 1, 1, 1)))


def svg(trace: Trace, name: str) -> Markup:
    """The trace as inline SVG; `name` makes its ids unique in the page (letters, digits, `-`)."""
    with Drawing(name, _WIDTH_PT, _HEIGHT_PT) as drawing:
        axes = drawing.figure.add_axes(_PLOT)
        _dress(axes, trace.span_s)
        _draw_rails(axes, trace.watts)
        _draw_steps(axes, trace.steps)
        _draw_states(axes, trace.states)
        return drawing.inline(trace.sentence)


def _dress(axes: Axes, span_s: float) -> None:
    axes.set_xlim(0, span_s)
    axes.set_xlabel("s", loc="right", color=INK, labelpad=-9)
    axes.set_title("W", loc="left", fontsize=FONT_PT, color=INK, x=-0.035, pad=3)
    axes.xaxis.set_major_locator(MaxNLocator(8))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(color=FAINT, labelcolor=INK, length=3)
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(FAINT)


def _draw_rails(axes: Axes, watts: pd.DataFrame) -> None:
    ends: list[tuple[float, str, str]] = []
    rails = list(watts.groupby("rail"))
    for (rail, samples), color, dashes in zip(rails, RAILS, _DASHES, strict=False):
        points = reduced(samples)
        for _, part in points.groupby("segment"):
            mark = "." if len(part) == 1 else ""
            axes.plot(part["time_s"], part["watts"], color=color, linestyle=dashes, linewidth=1.1, marker=mark)
        ends.append((float(points["watts"].iloc[-1]), color, RAIL_NAMES.get(str(rail), str(rail))))
    axes.set_ylim(top=axes.get_ylim()[1] * 1.12)  # room for the names of the states
    _name_rails(axes, ends)


def _name_rails(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Each rail's name where its line ends, moved up where two would overlap."""
    bottom, top = axes.get_ylim()
    lowest = bottom
    for y, color, name in sorted(ends):
        y = max(y, lowest)
        lowest = y + (top - bottom) * 0.09
        _write(axes, name, (1.008, y), axes.get_yaxis_transform(), color=color, va="center")


def _draw_steps(axes: Axes, steps: Sequence[Band]) -> None:
    for n, (band, room_pt) in enumerate(_visible(axes, steps), start=1):
        if n % 2:
            axes.axvspan(band.start_s, band.end_s, color=BAND, linewidth=0, zorder=0)
        text = _fitting(room_pt, f"{n} {band.name.replace('_', ' ')}", str(n))
        middle = (band.start_s + band.end_s) / 2
        _write(axes, text, (middle, 1.02), axes.get_xaxis_transform(), ha="center", va="bottom")


def _draw_states(axes: Axes, states: Sequence[Band]) -> None:
    for band, room_pt in _visible(axes, states):
        axes.axvline(band.start_s, color=FAINT, linewidth=0.7)
        _write(
            axes,
            _fitting(room_pt, f" {band.name}"),
            (band.start_s, 0.985),
            axes.get_xaxis_transform(),
            va="top",
        )


def _visible(axes: Axes, bands: Sequence[Band]) -> Iterator[tuple[Band, float]]:
    """Each band and the points of width it has in the picture."""
    per_s = _WIDTH_PT * _PLOT[2] / axes.get_xlim()[1]
    return ((band, (band.end_s - band.start_s) * per_s) for band in bands)


def _write(
    axes: Axes, text: str, at: tuple[float, float], xycoords: Transform,
    *, color: str = INK, ha: str = "left", va: str = "top",
) -> None:  # fmt: skip
    axes.annotate(label(text), at, xycoords=xycoords, color=color, ha=ha, va=va, parse_math=False)


def _fitting(room_pt: float, *texts: str) -> str:
    """The first of `texts` that fits into `room_pt`, or nothing."""
    return next((t for t in texts if len(label(t)) * CHAR_PT <= room_pt), "")
