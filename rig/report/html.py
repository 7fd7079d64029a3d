"""One HTML file for a folder of results: no network, no script, everything in it escaped."""

from __future__ import annotations

import contextlib
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rig.errors import UsageError
from rig.report import board, chart, frames, journal, quantity, trace
from rig.report.page import RunView, page, pin_groups
from rig.report.text import brief, visible


def write(path: Path | str, out: Path | str | None = None) -> Path:
    """Write the report on `path` to `out` (default: `report.html` in it), whole or not at all; returns where.

    UsageError when there is no such folder of results, or `out` cannot be written.
    """
    found = journal.read(path)
    target = Path(out) if out is not None else found.root / "report.html"
    put(target, environment().get_template("report.html.j2").render(page=page(found, target.parent)))
    return target


def put(target: Path, text: str) -> None:
    """Write a report, whole or not at all; UsageError when it cannot be written."""
    temporary = target.with_name(f"{target.name}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as e:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UsageError(f"{target}: the report cannot be written there: {e.strerror}; name another file") from e


def environment() -> Environment:
    """Templates of this room: everything that enters a page is escaped and made visible."""
    env = Environment(
        loader=PackageLoader("rig.report"), autoescape=True, undefined=StrictUndefined,
        finalize=_shown, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    env.filters.update(
        brief=brief, value=quantity.value_text, unit=quantity.unit_text, limit=quantity.limit_text,
        marginal=quantity.marginal_text, digits=quantity.digits, pin_groups=pin_groups, trace=_trace, board=_board,
    )  # fmt: skip
    return env


def _shown(value: object) -> object:
    """Every text that enters the page passes here; what is markup already was made by this room."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _trace(view: RunView) -> Markup | None:
    """The run's power over time, None where nothing was sampled."""
    found = trace.trace(frames.power(view.run.folder), view.events)
    return chart.svg(found, view.anchor) if found else None


def _board(view: RunView) -> Markup | None:
    """The board with what the causes suspect, None where they name no pin or nobody has its layout."""
    return board.inline(view.run.start.adapter, view.outcome.causes, virtual=view.outcome.virtual)
