"""Journals of repeated runs of one board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from report_journals import row, unit, write_run

WATTS = "power.idle.total_w"
BEFORE = (8.00, 8.02, 7.98, 8.01, 7.99)


def runs(folder: Path, values: tuple[float, ...], name: str = WATTS, units: str = "W", **more: Any) -> Path:
    """One run a value, of the same board unless `more` says otherwise."""
    for n, value in enumerate(values):
        serials = more.get("board", unit())
        start = {k: v for k, v in more.items() if k not in ("board", "stop")}
        judged = row("power_profile", name, value, units, verdict=None)
        write_run(
            folder / f"{folder.name}{n}",
            [judged],
            stop=more.get("stop"),
            batch_id=f"{folder.name}{n}",
            **{**serials, **start},
        )
    return folder
