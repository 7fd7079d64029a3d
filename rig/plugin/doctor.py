"""`rig doctor`: every plug of a bench, the twin started for it where the bench is virtual."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from rig.bench.doctor import Check, check
from rig.bench.plugs import plug_in
from rig.plugin.order import bench_options
from rig.plugin.twin_process import TwinProcess


def examine(bench_path: Path, *, boot: bool) -> list[Check]:
    """One check a plug; UsageError when the bench file is wrong, BenchError when the twin does not start."""
    bench = bench_options(bench_path)
    if bench.twin is None:
        return check(bench_path, boot=boot)
    with tempfile.TemporaryDirectory(prefix="rig-twin-") as folder:
        state = Path(folder)
        with closing(TwinProcess((bench_path.parent / bench.twin).resolve(), state)) as twin:
            return check(plug_in(bench_path, twin.plugs, state / "bench.yaml"), boot=boot)
