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
from rig.bench.place.folder import LEASE, LeaseFolder
from rig.bench.place.ownfile import OwnFile
from rig.errors import BenchError, RigError
from rig.guard import door
from rig.guard.outlive import deaf

_GUARDIAN_S = 30.0
"""A guardian that lost its client needs its heartbeat and its tries to switch off; more is a hang."""
_OTHERS_S = 60.0
"""A bench file that another job has for so long is that job's, whose first act was to switch everything off."""
_OFF_S = 60.0
_PAUSE_S = 2.0
_LOOK_S = 0.2


def told(folder: LeaseFolder) -> dict[str, object]:
    """`off` and `text`, for the record."""
    os.environ.pop(LEASE, None)  # its own guardian is not the dead job's
    try:
        return {"off": True, "text": off(folder)}
    except RigError as e:
        return {"off": False, "text": str(e)}


def off(folder: LeaseFolder) -> str:
    """Everything off and verified; what was done. BenchError when that could not be proven in time.

    While firmware is burned under the dead job nothing is touched: for as long as its guardian guards it, or, where a
    reboot took that too, for as long as a burn may take.
    """
    if not folder.bench.is_file():
        return "nothing had been opened"
    trace = folder.read()
    own = None if trace is None or trace.bench is None else OwnFile(folder, trace, Path(trace.bench))
    bench = open_bench(folder.bench, folder.path)
    with contextlib.ExitStack() as lock, contextlib.ExitStack() as closing:
        closing.callback(_close, bench)
        if not _is_our_turn(folder, bench, own):
            return "another job has the bench by now"
        if own is not None:
            lock.enter_context(own.locked(_OFF_S))
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


def _is_our_turn(folder: LeaseFolder, bench: Bench, own: OwnFile | None) -> bool:
    """Wait for the dead job's guardian: two sessions would disturb each other, and some supplies have one alone.

    False: the bench file is another job's by now, which looks after a burn too. BenchError when the guardian hangs.
    """
    supply = bench.supply_driver
    alone_s = others_s = time.monotonic()
    while True:
        now_s = time.monotonic()
        if own is not None and own.is_anothers():
            alone_s = now_s
            if now_s - others_s > _OTHERS_S:
                return False
        else:
            others_s = now_s
            guarded = door.answering(supply.instrument.address) is not None
            burning = guarded or folder.burn_left_s(supply.burn_max_s) > 0
            if not burning and not list(guardians(folder.token)) and (own is None or own.claimed()):
                return True
            if now_s - alone_s > _GUARDIAN_S + (supply.burn_max_s if burning else 0.0):
                raise BenchError(f"supply {supply.instrument.address}: the guardian of the dead job does not end")
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
    row = told(LeaseFolder(path, descriptor))
    sys.stdout.write(json.dumps(row) + "\n")
    return 0 if row["off"] else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
