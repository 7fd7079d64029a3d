"""`python -m rig.twin TWIN.yaml`: run a virtual bench until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import fcntl
import functools
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rig.config.library import default_library
from rig.config.twin import load_twin
from rig.errors import BenchError, UsageError
from rig.twin.check import check
from rig.twin.host import ProcessHost
from rig.twin.server import HostMaker, Ports, Twin, loopback

PLUGS: dict[str, int] = dataclasses.asdict(Ports())
EXIT_USAGE, EXIT_BENCH = 2, 3
SWITCH_S = 1e-4
PATIENCE_S = 15.0


def main(argv: Sequence[str] | None = None) -> int:
    """Parse and run; 0 when told to stop, 2 for a wrong call or file, 3 when the bench cannot be."""
    args = _parser().parse_args(argv)
    ports = Ports(**{plug: getattr(args, f"{plug}_port") for plug in PLUGS})
    try:
        with tempfile.TemporaryDirectory(prefix="rig-twin-") as scratch:
            run_twin(args.twin, ports, args.state or Path(scratch), host=args.host, outlives_s=args.outlives_s)
    except UsageError as e:
        sys.stderr.write(f"rig: {e}\n")
        return EXIT_USAGE
    except BenchError as e:
        sys.stderr.write(f"rig: {e}\n")
        return EXIT_BENCH
    return 0


def run_twin(
    path: Path,
    ports: Ports,
    state: Path,
    *,
    host: str = "127.0.0.1",
    outlives_s: float | None = None,
    make_host: HostMaker | None = None,
) -> None:
    """Print one JSON line and serve until SIGTERM, SIGINT, or `outlives_s` after stdin ended (None: never).

    UsageError for a wrong file or host, BenchError when a plug cannot be opened.
    """
    # a tool that flashes waits for one thread's answer 70,000 times; the others must not hold it up for long
    sys.setswitchinterval(SWITCH_S)
    loopback(host)
    twin, library = load_twin(path), default_library()
    check(path, twin, library, ())
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"--state {state}: cannot use this folder: {e.strerror}") from e
    with _alone(state):
        bench = Twin(twin, library, state, time.monotonic, make_host or host_maker(twin.host.kind))
        asyncio.run(_serve(bench, host, ports, outlives_s))


def host_maker(kind: str) -> HostMaker:
    """Who plays a test host of this kind."""
    if kind == "process":
        return ProcessHost
    # here and not above: the process host needs nothing of it
    from rig.twin.linux.host import LinuxHost

    return functools.partial(LinuxHost, tell=_tell)


def _tell(text: str) -> None:
    sys.stderr.write(f"rig: {text}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """The folder to ourselves, once a twin before us that outlives its rig is gone; BenchError when it stays."""
    deadline = time.monotonic() + PATIENCE_S
    with (state / "lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BenchError(f"twin: another one uses {state}; end it") from None
                time.sleep(0.1)
            else:
                break
        yield


async def _serve(bench: Twin, host: str, ports: Ports, outlives_s: float | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    plugs = await bench.start(host, ports)
    try:
        sys.stdout.write(json.dumps(plugs) + "\n")
        sys.stdout.flush()
        if outlives_s is not None:
            _tell_when_stdin_ends(loop, stop, outlives_s)
        await stop.wait()
    finally:
        await bench.close()


def _tell_when_stdin_ends(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, outlives_s: float) -> None:
    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        # a real supply outlives the rig too: its guardian must still find it, to switch it off
        time.sleep(outlives_s)
        loop.call_soon_threadsafe(stop.set)

    # a daemon: a read of stdin cannot be interrupted
    threading.Thread(target=watch, name="parent", daemon=True).start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rig.twin", description="A virtual bench with the plugs of a real one.")
    parser.add_argument("twin", type=Path, help="what is plugged in and what is broken (configs/twins/*.yaml)")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address of the plugs")
    for plug, port in PLUGS.items():
        parser.add_argument(f"--{plug}-port", type=_port, default=port, help=f"default {port}; 0: any free one")
    parser.add_argument("--state", type=Path, help="folder for the test host's files (default: a temporary one)")
    parser.add_argument(
        "--with-parent", dest="outlives_s", type=float, metavar="S", help="stop S seconds after standard input ended"
    )
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no TCP port")
    return port


if __name__ == "__main__":
    sys.exit(main())
