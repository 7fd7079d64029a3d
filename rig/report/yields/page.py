"""A yield as one HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from jinja2 import Environment
from markupsafe import Markup

from rig.report import html
from rig.report.quantity import duration_text, time_text
from rig.report.yields import draw, words
from rig.report.yields.attempts import started_s
from rig.report.yields.capability import Capability
from rig.report.yields.groups import Group
from rig.report.yields.study import Study, Yield

_MOST_CHARTS = 8
_CAPABLE = 1.33


@dataclass(frozen=True, slots=True)
class Chart:
    """A control chart and what it is of."""

    capability: Capability
    drawing: Markup


@dataclass(frozen=True, slots=True)
class Section:
    """One kind, real or virtual, with its pictures; `anchor` makes ids unique."""

    study: Study
    anchor: str
    title: str
    facts: tuple[tuple[str, str], ...]
    groups: tuple[tuple[str, tuple[Group, ...]], ...]
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What the template shows."""

    found: Yield
    title: str
    virtual: str
    sections: tuple[Section, ...]


def text(found: Yield, name: str) -> str:
    """The page: no network, no script, everything in it escaped; `name` is the folder it is about."""
    environment = html.environment()
    _add_words(environment)
    sections = tuple(_section(s, f"y{n}") for n, s in enumerate(found.studies, start=1))
    title = f"Yield of {name}" if PurePath(name).name else "Yield"
    return environment.get_template("yield.html.j2").render(page=Page(found, title, found.virtual, sections))


def charted(study: Study) -> tuple[Capability, ...]:
    """The measurements whose charts are shown: those with a signal or too little room, then the rest."""
    varied = [c for c in study.capabilities if c.cpk is not None]
    urgent = [c for c in varied if c.signals or (c.cpk or 0) < _CAPABLE]
    calm = [c for c in varied if c not in urgent]
    return tuple((urgent + calm)[:_MOST_CHARTS])


def _section(study: Study, anchor: str) -> Section:
    charts = tuple(Chart(c, draw.control(c, f"{anchor}-c{n}")) for n, c in enumerate(charted(study), start=1))
    return Section(
        study, anchor, "Virtual units" if study.virtual else "Units", _facts(study), _by(study.groups), charts
    )


def _by(groups: Iterable[Group]) -> tuple[tuple[str, tuple[Group, ...]], ...]:
    found: dict[str, list[Group]] = {}
    for group in groups:
        found.setdefault(group.by, []).append(group)
    return tuple((by, tuple(g)) for by, g in found.items())


def _facts(study: Study) -> tuple[tuple[str, str], ...]:
    runs = [o for o in study.kind.outcomes if o.run]
    return (
        ("Units", str(len(study.units))),
        ("Runs", str(len(runs))),
        ("First run", time_text(started_s(runs[0]) if runs else None)),
        ("Last run", time_text(started_s(runs[-1]) if runs else None)),
        ("A run takes", duration_text(study.times.per_run_s)),
        ("A unit takes", duration_text(study.times.per_unit_s)),
        ("Bench", ", ".join(dict.fromkeys(o.run.start.bench for o in runs if o.run)) or "unknown"),
        ("Not good", _lost(study)),
    )


def _lost(study: Study) -> str:
    opened = len(study.losses) - study.written_off
    return f"{study.written_off} written off, {opened} failed at last"


def _add_words(environment: Environment) -> None:
    environment.filters.update(
        percent=words.percent, interval=words.interval, limits=words.limits, index=words.index, grade=words.grade,
        ppk=words.ppk, signals=words.signals, mended=words.mended, spread=words.spread,
        seconds=duration_text,
        loss=words.loss, time=time_text, claim=words.claim, losses=words.losses,
        started=started_s, listed=_listed,
    )  # fmt: skip


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
