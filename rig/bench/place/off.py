"""A bench whose job died brought down: the guardian's end awaited, then mains and outputs switched off and verified.

`python -m rig.bench.place.off FOLDER FD`: of the lease in FOLDER, whose lock is held on the descriptor FD by whoever
starts it. Prints one JSON line: `{"off": true, "text": ...}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from rig.bench.load import Bench, open_bench
from rig.bench.place.deaf import deaf
from rig.bench.place.folder import LEASE, LeaseFolder
from rig.errors import BenchError, RigError
from rig.guard import door

_GUARDIAN_S = 30.0
"""A guardian that lost its client needs its heartbeat and its tries to switch off; more is a hang."""
_OFF_S = 60.0
_PAUSE_S = 2.0
_LOOK_S = 0.2


def off(folder: LeaseFolder) -> str:
    """Everything off and verified; what was done. BenchError when that could not be proven in time.

    While firmware is burned under the dead job nothing is touched, for as long as its guardian guards it.
    """
    if not folder.bench.is_file():
        return "nothing had been opened"
    bench = open_bench(folder.bench, folder.path)
    with contextlib.ExitStack() as closing:
        closing.callback(_close, bench)
        _await_guardian(folder.token, bench)
        deadline = time.monotonic() + _OFF_S
        while True:
            try:
                bench.strategy.safe_off()
                return "mains and outputs are off, verified"
            except BenchError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)


def _close(bench: Bench) -> None:
    # it switches off once more, and what fails then was said before
    with contextlib.suppress(BenchError):
        bench.close()


def _await_guardian(token: str, bench: Bench) -> None:
    """Two sessions would disturb each other, and some supplies have one alone: the dead job's guardian goes first."""
    start_s, driver = time.monotonic(), bench.supply_driver
    while list(guardians(token)):
        burning = door.answering(driver.instrument.address) is not None
        patience_s = driver.burn_max_s + _GUARDIAN_S if burning else _GUARDIAN_S
        if time.monotonic() - start_s > patience_s:
            raise BenchError(f"supply {driver.instrument.address}: the guardian of the dead job does not end")
        time.sleep(_LOOK_S)


def guardians(token: str) -> Iterator[psutil.Process]:
    """Guardians that were started under the lease and still run."""
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error, OSError):
            if "rig.guard" in (process.info["cmdline"] or ()) and process.environ().get(LEASE) == token:
                yield process


def main(path: Path, descriptor: int) -> int:
    """Exit code 0: off and verified; 1: not."""
    deaf()
    os.environ.pop(LEASE, None)  # its own guardian is not the dead job's
    try:
        told, code = {"off": True, "text": off(LeaseFolder(path, descriptor))}, 0
    except RigError as e:
        told, code = {"off": False, "text": str(e)}, 1
    sys.stdout.write(json.dumps(told) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
