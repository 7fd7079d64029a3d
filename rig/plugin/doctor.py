"""`rig doctor`: every plug of a bench, the twin started for it where the bench is virtual."""

from __future__ import annotations

from pathlib import Path

from rig.bench.doctor import Check, check
from rig.plugin.twin_process import plugged


def examine(bench_path: Path, *, boot: bool) -> list[Check]:
    """One check a plug; UsageError when the bench file is wrong, BenchError when the twin does not start."""
    with plugged(bench_path) as path:
        return check(path, boot=boot)
