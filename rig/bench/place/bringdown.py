"""The program that brings a dead job's bench down, from within an event loop."""

from __future__ import annotations

import asyncio
import json
import sys

from rig.bench.place.folder import LeaseFolder

_MOST_S = 900.0
"""Longer than any burn is guarded; a bring-down that takes more hangs."""


async def bring_down(folder: LeaseFolder) -> dict[str, object]:
    """`off` and `text`, for the record; a bring-down that fails is one that says so."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rig.bench.place.off",
        str(folder.path),
        str(folder.descriptor),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=(folder.descriptor,),
        start_new_session=True,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _MOST_S)
        row = json.loads(out)
        return {"off": bool(row["off"]), "text": str(row["text"])}
    except TimeoutError:
        process.kill()
        return {"off": False, "text": f"bringing it down took longer than {_MOST_S:.0f} s"}
    except (ValueError, KeyError, TypeError):
        return {"off": False, "text": f"bringing it down failed (exit code {process.returncode}), see keeper.log"}
