"""Control charts: individuals, and below them the moving range."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rig.report.drawing import BAND, FAINT, FONT_PT, INK, RAILS, Drawing, label
from rig.report.yields import words
from rig.report.yields.capability import D2, D3_UPPER, Capability

_WIDTH_PT = 648
_BLUE, _ORANGE = RAILS[1], RAILS[0]
_CHART_PT = 205
_INDIVIDUALS, _RANGES = (0.075, 0.40, 0.80, 0.50), (0.075, 0.09, 0.80, 0.22)


def control(c: Capability, name: str) -> Markup:
    """Every unit's value with the chart's own limits, signals marked, and below it the range of each two in a row."""
    with Drawing(name, _WIDTH_PT, _CHART_PT) as drawing:
        _individuals(drawing.figure.add_axes(_INDIVIDUALS), c)
        _ranges(drawing.figure.add_axes(_RANGES), c)
        told = f"; signals: {'; '.join(words.signals(c))}" if c.signals else ""
        return drawing.inline(
            f"Control chart of {c.name}, {len(c.values)} units, mean {words.number(c, c.mean)}{told}."
        )


def _individuals(axes: Axes, c: Capability) -> None:
    by = words.divisor(c)
    numbers = [v.number / by for v in c.values]
    mean, reach = c.mean / by, 3 * c.sd_within / by
    x = list(range(1, len(numbers) + 1))
    axes.axhspan(mean - reach, mean + reach, color=BAND, linewidth=0, zorder=0)
    axes.axhline(mean, color=INK, linewidth=0.8)
    axes.plot(x, numbers, color=_BLUE, linewidth=0.9, marker="o", markersize=3.4, mew=0)
    struck = sorted({s.index for s in c.signals})
    axes.plot([x[i] for i in struck], [numbers[i] for i in struck], "s", color=_ORANGE, markersize=6, mew=0)
    lines = [(mean, "mean"), (mean + reach, "+3s"), (mean - reach, "-3s")]
    low, high = min(*numbers, mean - reach), max(*numbers, mean + reach)
    span = (high - low) or 1.0
    for limit, word in ((c.low, "low limit"), (c.high, "high limit")):
        bound = None if limit is None else limit / by
        # a limit far away would press the values flat; then it is told in the table alone
        if bound is not None and low - 1.5 * span <= bound <= high + 1.5 * span:
            axes.axhline(bound, color=_ORANGE, linewidth=1, linestyle=(0, (4, 2)))
            lines.append((bound, word))
            low, high = min(low, bound), max(high, bound)
    _dress(axes, len(x), low, high, words.unit(c))
    axes.tick_params(labelbottom=False)
    _name_lines(axes, lines)


def _ranges(axes: Axes, c: Capability) -> None:
    by = words.divisor(c)
    numbers = [v.number / by for v in c.values]
    ranges = [abs(b - a) for a, b in pairwise(numbers)]
    upper = D3_UPPER * D2 * c.sd_within / by
    axes.axhspan(0, upper, color=BAND, linewidth=0, zorder=0)
    axes.axhline(c.range_mean / by, color=INK, linewidth=0.8)
    axes.plot(range(2, len(numbers) + 1), ranges, color=_BLUE, linewidth=0.9, marker=".", markersize=5, mew=0)
    _dress(axes, len(numbers), 0, max(*ranges, upper), "")
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.set_xlabel("unit", loc="right", color=INK, labelpad=-8)
    _name_lines(axes, [(c.range_mean / by, "range mean"), (upper, "its limit")])


def _dress(axes: Axes, count: int, low: float, high: float, unit: str) -> None:
    room = 0.08 * (high - low) or 1.0
    axes.set_xlim(0.4, count + 0.6)
    axes.set_ylim(low - (room if low else 0), high + room)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_title(label(unit.replace("Ω", "Ohm")), loc="left", fontsize=FONT_PT, color=INK, x=-0.06, pad=3)
    axes.tick_params(color=FAINT, labelcolor=INK, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(FAINT)


def _name_lines(axes: Axes, lines: Sequence[tuple[float, str]]) -> None:
    """Names at the right, moved up where two would overlap."""
    bottom, top = axes.get_ylim()
    height_pt = axes.get_position().height * _CHART_PT
    lowest = bottom
    for y, word in sorted(lines):
        y = max(y, lowest)
        lowest = y + (top - bottom) * 9.5 / height_pt
        axes.annotate(
            f"{word} ", (1.008, y), xycoords=axes.get_yaxis_transform(), color=INK, va="center", annotation_clip=False
        )
