"""Virtual benches as places: a coordinator, an exporter and a twin a bench, on this machine's loopback."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.bench.place.exporter import exporter_file
from rig.bench.place.tags import define, slug
from rig.bench.plugs import plug_in
from rig.errors import BenchError, UsageError
from rig.plugin.order import bench_options
from rig.plugin.twin_process import TwinProcess

_START_S = 20.0
_STOP_S = 5.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class VirtualPlaces:
    """What was started: where the coordinator listens, and place to the bench file its exporter was told."""

    coordinator: str
    places: Mapping[str, Path]


@contextlib.contextmanager
def virtual_places(
    benches: Sequence[tuple[str, Path]], folder: Path, listen: str = "127.0.0.1:0"
) -> Iterator[VirtualPlaces]:
    """A place a (name, virtual bench file) until the end; UsageError for a real bench, BenchError for no start.

    The coordinator keeps its places in `folder`; nobody but this machine reaches it.
    """
    if not listen.startswith("127."):
        raise UsageError(
            f"{listen}: virtual places listen on loopback alone: labgrid's coordinator asks nobody who he is"
        )
    with contextlib.ExitStack() as stack:
        address = _coordinator(stack, folder, listen)
        plugged = {name: _twin(stack, name, path, folder) for name, path in benches}
        exporter = folder / "exporter.yaml"
        exporter.write_text(exporter_file(plugged.items()), encoding="utf-8")
        arguments = ["-c", address, "-n", "rig-virtual", "--hostname", "127.0.0.1", str(exporter)]
        _started(stack, "exporter", arguments, "Exporter ready", folder)
        for name, path in plugged.items():
            define(path, address, name)
        yield VirtualPlaces(address, plugged)


def _coordinator(stack: contextlib.ExitStack, folder: Path, listen: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    line = _started(stack, "coordinator", ["-l", listen], "listening on ", folder)
    return line.rpartition("listening on ")[2].strip()


def _twin(stack: contextlib.ExitStack, name: str, path: Path, folder: Path) -> Path:
    bench = bench_options(path)
    if bench.twin is None:
        raise UsageError(f"{path}: this bench is real (no 'twin' in its options); write its exporter's file instead")
    state = folder / f"twin-{name}"
    twin = TwinProcess((path.parent / bench.twin).resolve(), state)
    stack.callback(twin.close)
    return plug_in(path, twin.plugs, state / "bench.yaml")


def _started(stack: contextlib.ExitStack, what: str, arguments: list[str], ready: str, folder: Path) -> str:
    """Start one of labgrid's programs; the line it says when it is ready."""
    log = folder / f"{what}.log"
    # a file and no pipe: both talk all the time, and would stand still at one that is full
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", f"labgrid.remote.{what}", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stack.callback(_ended, process)
    deadline = time.monotonic() + _START_S
    while True:
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if (line := next((line for line in said if ready in line), None)) is not None:
            return line
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"labgrid's {what} did not start, see {log}: {said[-1] if said else 'silence'}")
        time.sleep(_LOOK_S)


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def numbered(benches: Sequence[Path], count: int) -> list[tuple[str, Path]]:
    """`count` places a bench file, each with a name of its own; UsageError where two files name their bench alike."""
    named = [(slug(bench_options(path).name), path) for path in benches]
    if len({name for name, _ in named}) < len(named):
        raise UsageError("two of the bench files have the same name: give their benches names of their own")
    return [(name if count == 1 else f"{name}-{n}", path) for name, path in named for n in range(1, count + 1)]
