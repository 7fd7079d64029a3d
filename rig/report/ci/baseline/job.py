"""Runs against a baseline file: what `rig ci` and `rig baseline` ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rig.report.ci.baseline import file
from rig.report.ci.baseline.compare import compare
from rig.report.ci.baseline.directions import parsed
from rig.report.ci.baseline.gathered import Gathered, gather
from rig.report.ci.baseline.result import Comparison
from rig.report.journal import Journal


def compare_job(journals: Iterable[Journal], baseline: Path) -> Comparison:
    """Every finished run against the file; UsageError when that is no baseline."""
    known = file.load(baseline)
    return compare(known.numbers(), gather(journals, good=False), known.tolerances)


def learn(journals: Iterable[Journal], target: Path, tolerances: Mapping[str, str]) -> tuple[Gathered, int]:
    """Make `target` of every good run; tolerances it had stay, new ones go before them. What was gathered, and
    how many of its entries have a spread."""
    for pattern, text in tolerances.items():
        parsed(pattern, text)
    had = file.load(target).tolerances if target.exists() else {}
    gathered = gather(journals, good=True)
    written = file.write(target, gathered, {**tolerances, **{k: v for k, v in had.items() if k not in tolerances}})
    return gathered, sum(bool(e.sd) for e in written.entries)
