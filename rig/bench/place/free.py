"""What jobs that died left on this machine: their benches brought down, local ones too, their places released.

`python -m rig.bench.place.free FOLDER FD` releases alone, for a job that lives and whose keeper died.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rig.bench.place import folder as folders
from rig.bench.place import local
from rig.bench.place.bringdown import bring_down
from rig.bench.place.coordinator import Coordinator
from rig.bench.place.folder import LeaseFolder
from rig.errors import BenchError
from rig.guard.outlive import deaf


@dataclass(frozen=True, slots=True)
class Freed:
    """What became of one dead job's bench."""

    place: str
    """Or the bench file, of a bench that is none."""
    owner: str
    off: bool
    released: bool
    """Nothing of the job is left."""
    text: str


def free(tell: Callable[[Freed], None]) -> bool:
    """Every dead job's bench of this user on this machine; True when all are off and released.

    For the start of a machine that was rebooted, and of every job.
    """
    freed = []
    for folder in folders.dead():
        freed.append(asyncio.run(_free(folder)))
        tell(freed[-1])
    return all(f.off and f.released for f in freed)


async def _free(folder: LeaseFolder) -> Freed:
    trace = folder.read()
    if trace is None:
        folder.remove()
        return Freed("none", "unknown", True, True, "it had asked for nothing yet")
    if trace.bench is not None:
        down = await bring_down(folder)
        released = local.ended(folder, trace, down)
        return Freed(trace.bench, trace.owner, bool(down["off"]), released, str(down["text"]))
    try:
        has_it = await _has(trace)
    except BenchError as e:
        folder.close()
        return Freed(trace.place or "none", trace.owner, False, False, f"whose bench it is cannot be asked: {e}")
    down = {"off": True, "text": "it had no place any more"}
    if has_it:
        down = await bring_down(folder)
        local.journal(trace, "brought_down", down)
    said = await _released(folder, trace)
    return Freed(trace.place or "none", trace.owner, bool(down["off"]), said is None, said or str(down["text"]))


async def _has(trace: folders.Trace) -> bool:
    """Whether the place is the dead job's still; a bench that is another's by now is not ours to switch."""
    async with Coordinator(_coordinator(trace)) as link:
        await link.sync()
        place = link.place(trace.place) if trace.place is not None else None
        return place is not None and place.holder == trace.owner


def _coordinator(trace: folders.Trace) -> str:
    if trace.coordinator is None:
        raise BenchError(f"place {trace.place}: its trace names no coordinator")
    return trace.coordinator


async def _released(folder: LeaseFolder, trace: folders.Trace) -> str | None:
    """None: released, and the trace is gone; else why not."""
    try:
        async with Coordinator(_coordinator(trace)) as link:
            await link.drop(trace.place, trace.owner)
    except BenchError as e:
        folder.close()
        return str(e)
    if trace.place is not None:
        local.journal(trace, "place_released", {"why": "its job had died"})
    folder.remove()
    return None


def start(folder: LeaseFolder) -> None:
    """Release by another process, which goes on trying when this one ends."""
    subprocess.Popen(
        [sys.executable, "-m", "rig.bench.place.free", str(folder.path), str(folder.descriptor)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(folder.descriptor,),
        start_new_session=True,
    )


async def _release_alone(folder: LeaseFolder) -> None:
    if (trace := folder.read()) is not None:
        for _ in range(_TRIES):
            if await _released(LeaseFolder(folder.path, os.dup(folder.descriptor)), trace) is None:
                return
            await asyncio.sleep(_PAUSE_S)


_TRIES, _PAUSE_S = 30, 4.0


def main(path: Path, descriptor: int) -> int:
    """Release the lease's place; 0 in any case, a trace that stays is another's to free."""
    deaf()
    asyncio.run(_release_alone(LeaseFolder(path, descriptor)))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
