"""`rig doctor`: every plug of a bench, the twin started for it where the bench is virtual."""

from __future__ import annotations

from pathlib import Path

from rig.bench.doctor import Check, check
from rig.config.library import project_root
from rig.errors import RigError
from rig.plugin.golden_check import standing
from rig.plugin.order import bench_options
from rig.plugin.twin_process import plugged


def examine(bench_path: Path, *, boot: bool, results: Path | None = None) -> list[Check]:
    """One check a plug; UsageError when the bench file is wrong, BenchError when the twin does not start."""
    with plugged(bench_path) as path:
        found = check(path, boot=boot, results=results or project_root() / "results")
    return [*found, standing(bench_path)]


def is_virtual(bench_path: Path) -> bool | None:
    """Whether the bench is a twin; None: its file cannot be read."""
    try:
        return bench_options(bench_path).is_virtual
    except RigError:
        return None
