"""The virtual bench as a process of its own, for as long as a batch needs it."""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rig.bench.place.lease import leased
from rig.bench.plugs import plug_in
from rig.config.twin import load_twin
from rig.errors import BenchError, UsageError
from rig.plugin.order import bench_options

_PLUGS = ("mains", "console", "supply", "operator", "second", "meter", "relays")
_START_S = 40.0
_OUTLIVES_S = "8"
"""Seconds the twin stays after this process died, so that the guardian can switch its supply off."""
_STOP_S = 10.0


class TwinProcess:
    """`rig.twin` on free ports; it ends with this process, however that ends (its standard input closes)."""

    def __init__(self, twin_path: Path, state: Path) -> None:
        if load_twin(twin_path).host.kind == "linux":
            # here, where somebody sees what takes a minute the first time; the twin then finds it done
            from rig.twin.linux.host import prepare

            prepare(_tell)
        ports = [a for plug in _PLUGS for a in (f"--{plug}-port", "0")]
        self._log = state / "twin.log"
        state.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "rig.twin",
                    str(twin_path),
                    "--with-parent",
                    _OUTLIVES_S,
                    "--state",
                    str(state),
                    *ports,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.plugs: dict[str, Any] = json.loads(self._first_line())
        except BaseException:
            self.close()
            raise

    def _first_line(self) -> bytes:
        out = self._process.stdout
        if out is None:
            raise BenchError("twin: it has no standard output")
        with selectors.DefaultSelector() as ready:
            ready.register(out, selectors.EVENT_READ)
            if not ready.select(_START_S):
                raise BenchError(f"twin: did not say where its plugs are within {_START_S:.0f} s; see {self._log}")
        line = out.readline()
        if not line:
            self._process.wait(_STOP_S)
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            error = UsageError if self._process.returncode == 2 else BenchError
            raise error((said[-1] if said else "the twin ended without a word").removeprefix("rig: "))
        return line

    def close(self) -> None:
        """End it and wait until it is gone."""
        self._process.terminate()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def plugged(bench_path: Path) -> Iterator[Path]:
    """The bench file as it is, of a place a copy with its resources, of a virtual bench one with those of its own twin.

    UsageError when the bench file is wrong, BenchError when the twin does not start.
    """
    bench = bench_options(bench_path)
    if bench.twin is None:
        with leased(bench_path) as reached:
            yield reached.bench_path
        return
    with tempfile.TemporaryDirectory(prefix="rig-twin-") as folder:
        state = Path(folder)
        with contextlib.closing(TwinProcess((bench_path.parent / bench.twin).resolve(), state)) as twin:
            yield plug_in(bench_path, twin.plugs, state / "bench.yaml")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
