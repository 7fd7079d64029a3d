"""The files of a yield."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rig.errors import UsageError
from rig.report import frames, html, journal
from rig.report.yields import markdown, page, tables
from rig.report.yields.study import Yield, study


@dataclass(frozen=True, slots=True)
class Written:
    """Where the report is, and what it says."""

    html: Path
    markdown: Path
    csv: tuple[Path, ...]
    found: Yield


def write(folder: Path | str, out: Path | None = None) -> Written:
    """Study the runs below `folder`; write `yield.html`, `.md`, `.csv`, `yield-units.csv`, `-joints`, `-measurements`.

    They go to `out` (default: `folder`). UsageError when there is nothing there or a file cannot be written.
    """
    found = study(journal.read(folder))
    where = out or Path(folder)
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"{where}: the report cannot be written there: {e.strerror}; name another folder") from e
    name = Path(folder).resolve().name
    written = Written(where / "yield.html", where / "yield.md", _csvs(found, where), found)
    html.put(written.html, page.text(found, name))
    html.put(written.markdown, markdown.text(found, name))
    return written


def _csvs(found: Yield, where: Path) -> tuple[Path, ...]:
    made = {
        "yield.csv": tables.groups(found), "yield-units.csv": tables.units(found),
        "yield-joints.csv": tables.joints(found), "yield-measurements.csv": tables.measurements(found),
    }  # fmt: skip
    for name, table in made.items():
        frames.export(table, csv=where / name)
    return tuple(where / name for name in made)
