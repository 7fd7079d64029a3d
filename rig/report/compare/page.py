"""A comparison as one HTML page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from jinja2 import Environment
from markupsafe import Markup

from rig.report import html
from rig.report.compare import aligned, conditions, draw, words
from rig.report.compare.comparison import Comparison
from rig.report.compare.cost import Costs
from rig.report.compare.inserts import Insert
from rig.report.quantity import time_text
from rig.report.watts import datasheet


@dataclass(frozen=True, slots=True)
class Page:
    """What the template shows beside the comparison itself."""

    comparison: Comparison
    title: str
    virtual: str
    facts: tuple[tuple[str, str], ...]
    dots: Markup
    differences: Markup
    traces: Markup | None
    shared: bool
    several: bool
    """Whether a model was measured with more than one card."""
    year: tuple[tuple[str, float, str], ...]
    """Name, watts in the duty, data sheet."""
    inserts: tuple[Insert, ...]


def text(comparison: Comparison) -> str:
    """The page: no network, no script, everything in it escaped."""
    environment = html.environment()
    _add_words(environment, comparison)
    template = environment.get_template("compare.html.j2")
    return template.render(page=_page(comparison), level=f"{100 * comparison.level:g} %")


def _add_words(environment: Environment, comparison: Comparison) -> None:
    environment.filters.update(
        watts=words.watts, signed=words.signed, interval=words.interval, group=words.group, needed=words.needed,
        pairs=words.pairs, drift=words.drift, bootstrap=words.bootstrap, warmth=words.warmth,
        short=partial(words.short, comparison=comparison),
        verdict=partial(words.verdict, comparison=comparison),
        instrument=partial(words.instrument, comparison=comparison),
    )  # fmt: skip


def _page(comparison: Comparison) -> Page:
    lines = aligned.traces(comparison)
    every = sorted((*comparison.found.a, *comparison.found.b), key=lambda i: i.order)
    return Page(
        comparison, words.title(comparison), "VIRTUAL" if comparison.found.virtual else "",
        _facts(comparison, every), draw.dots(comparison), draw.differences(comparison),
        draw.traces(lines, comparison) if lines else None, conditions.shared_source(comparison.found),
        any(s.estimate.a.cards > 1 or s.estimate.b.cards > 1 for s in comparison.states),
        _year(comparison), tuple(every),
    )  # fmt: skip


def _facts(comparison: Comparison, inserts: list[Insert]) -> tuple[tuple[str, str], ...]:
    starts = [i.run.start for i in inserts]
    supply = starts[0].instruments.get("supply", {})
    named = " ".join(str(supply[k]) for k in ("maker", "model", "serial") if supply.get(k))
    return (
        ("Margin", f"{comparison.margin_w:g} W"),
        ("Inserts", f"{len(comparison.found.a)} and {len(comparison.found.b)}"),
        ("Bench", ", ".join(dict.fromkeys(s.bench for s in starts if s.bench)) or "unknown"),
        ("Supply", named or "unknown"),
        ("Adapter", ", ".join(dict.fromkeys(s.adapter.serial for s in starts))),
        ("First insert", time_text(starts[0].started_s)),
        ("Last insert", time_text(starts[-1].started_s)),
    )


def _year(comparison: Comparison) -> tuple[tuple[str, float, str], ...]:
    if not isinstance(comparison.costs, Costs):
        return ()
    e = comparison.costs.estimate
    cards = (comparison.a, comparison.b)
    means = (e.a.mean_w, e.b.mean_w)
    return tuple((n, w, datasheet(c)) for n, w, c in zip(comparison.names, means, cards, strict=True))
