"""A bench file of this machine under a job: no place, no coordinator, but a trace on disk and a watch beside the job.

`python -m rig.bench.place.local FOLDER FD` is what the watch becomes when the job of the trace in FOLDER is gone.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

import rig
from rig import record
from rig.bench.place import folder as folders
from rig.bench.place import off, resolved
from rig.bench.place.folder import LeaseFolder, Trace
from rig.errors import BenchError, DeadlineError
from rig.guard.outlive import deaf, environment

_LOOK_S = 0.2


@contextlib.contextmanager
def watched(path: Path, wait_s: float, journal: Path | None, tell: Callable[[str], None]) -> Iterator[None]:
    """Whatever ends this process meanwhile, `kill -9` too: the bench of the file at `path` is brought down after it.

    First waits while that is done for a job before; DeadlineError after `wait_s`. `journal` is the batch's folder.
    """
    bench = path.resolve()
    folder = folders.made()
    with contextlib.ExitStack() as undo:
        undo.callback(folder.remove)
        resolved.resolve(bench, (), folder.bench)
        kept = None if journal is None else str(journal.resolve())
        folder.write(Trace(f"process {os.getpid()}", None, os.getpid(), kept, bench=str(bench)))
        undo.callback(_ended, _started(folder))
        _await_bring_down(folder, bench, wait_s, tell)
        os.environ[folders.LEASE] = folder.token
        undo.callback(os.environ.pop, folders.LEASE, None)
        yield


def _started(folder: LeaseFolder) -> subprocess.Popen[bytes]:
    call = [sys.executable, "-m", "rig.guard.watch", __name__, str(folder.path), str(folder.descriptor)]
    with folder.log.open("wb") as log:
        return subprocess.Popen(
            call,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(folder.descriptor,),
            env=environment(),
            cwd=Path(rig.__file__).parent.parent,
            start_new_session=True,
        )


def _ended(watch: subprocess.Popen[bytes]) -> None:
    """The job is over in good order: nothing is left to watch."""
    watch.kill()
    watch.communicate()


def _await_bring_down(folder: LeaseFolder, bench: Path, wait_s: float, tell: Callable[[str], None]) -> None:
    start_s, is_told = time.monotonic(), False
    while _is_brought_down(folder, bench) or _is_still_guarded(folder, bench):
        waited_s = time.monotonic() - start_s
        if waited_s > wait_s:
            seen = "the bench of a job that was killed is still being brought down"
            raise DeadlineError(f"bench {bench}", "its turn", waited_s, seen, "look at its supply and its mains switch")
        if not is_told:
            tell("the job before was killed: waiting until its bench is brought down")
        is_told = True
        time.sleep(_LOOK_S)


def _is_brought_down(folder: LeaseFolder, bench: Path) -> bool:
    return any(trace.stage == folders.DOWN for trace in folders.others(folder, str(bench)))


def _is_still_guarded(folder: LeaseFolder, bench: Path) -> bool:
    """Whether a dead job's guardian is at the supply, about to switch off: some supplies have one session alone.

    One that guards a burn stays, and this job looks after the burn.
    """
    dead = [path for path, trace in folders.beside(folder, str(bench)) if not _runs(trace.pid)]
    return any(not folders.is_burning(path) and list(off.guardians(path.name)) for path in dead)


def _runs(pid: int) -> bool:
    """False too of a process that is dead and nobody has asked for yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ended(folder: LeaseFolder, trace: Trace, down: Mapping[str, object]) -> bool:
    """Put on record what became of a dead job's bench; the trace of one that is not proven off stays (False)."""
    journal(trace, "brought_down", down)
    if not down["off"]:
        folder.close()
        return False
    folder.remove()
    return True


def journal(trace: Trace, event: str, row: Mapping[str, object]) -> None:
    """Append to the dead job's batch, if its folder is still there, what became of its bench file or place."""
    if trace.journal is not None and Path(trace.journal).is_dir():
        which = {"bench": trace.bench} if trace.bench is not None else {"place": trace.place}
        with contextlib.suppress(BenchError):
            record.append_place(Path(trace.journal), event, {**which, **row})


def main(path: Path, descriptor: int) -> int:
    """Bring the dead job's bench down; 0 in any case, a trace that stays is `rig places free`'s."""
    deaf()
    folder = LeaseFolder(path, descriptor)
    if (trace := folder.read()) is None:
        folder.remove()
        return 0
    journal(trace, "job_gone", {"text": "the job ended without a word: the bench is brought down"})
    ended(folder, trace, off.told(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
