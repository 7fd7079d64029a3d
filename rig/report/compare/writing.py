"""The files of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rig.errors import UsageError
from rig.report import frames, html, journal
from rig.report.compare import markdown, page, tables
from rig.report.compare.comparison import Comparison, Options, compare


@dataclass(frozen=True, slots=True)
class Written:
    """Where the report is, and what it says."""

    html: Path
    markdown: Path
    states_csv: Path
    inserts_csv: Path
    comparison: Comparison

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.html, self.markdown, self.states_csv, self.inserts_csv)


def write(folder: Path | str, models: tuple[str, str] | None = None, options: Options | None = None) -> Written:
    """Compare the runs below `folder` and write `compare.html`, `.md`, `.csv` and `compare-inserts.csv`.

    `models` None: the two that are there. UsageError when there is nothing to compare or a file cannot be written.
    """
    options = options or Options()
    comparison = compare(journal.read(folder), models, options)
    out = options.out or Path(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"{out}: the report cannot be written there: {e.strerror}; name another folder") from e
    written = Written(
        out / "compare.html", out / "compare.md", out / "compare.csv", out / "compare-inserts.csv", comparison
    )
    html.put(written.html, page.text(comparison))
    html.put(written.markdown, markdown.text(comparison))
    frames.export(tables.states(comparison), csv=written.states_csv)
    frames.export(tables.inserts(comparison), csv=written.inserts_csv)
    return written
