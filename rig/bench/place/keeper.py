"""The process that holds a place for a job, and frees it when the job ends, however that ends.

`python -m rig.bench.place.keeper FOLDER FD`: what is wanted comes as one JSON line on standard input, then `release`
or nothing; what happens goes out as JSON lines. When standard input ends without `release`, the job was killed: the
bench is brought down, then the place is released.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rig import record
from rig.bench.place import waiting
from rig.bench.place.bringdown import bring_down
from rig.bench.place.coordinator import Coordinator, Found
from rig.bench.place.folder import LeaseFolder
from rig.bench.place.query import named, parse
from rig.errors import BenchError, RigError
from rig.guard import wire
from rig.guard.outlive import deaf

BEAT_S = 10.0
LOST_S = 40.0
"""Without the coordinator for so long the job is told to stop: after 60 s its place is another's."""
KILL_S = 12.0
"""A job that was told to stop and has not is killed; its guardian switches off."""
RELEASE_S = 120.0
"""How long a coordinator that is away is awaited to release the place."""
_RESOURCES_S = 10.0
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the job asks for."""

    coordinator: str
    place: str | None
    """Name of the place; None: any that meets `query`, or the one that `person` has by the reservation `token`."""
    query: str | None
    token: str | None
    person: str
    """Who started the job: a place that is theirs by hand is used, and stays theirs."""
    owner: str
    wait_s: float
    take_over: bool
    journal: str | None


class Keeper:
    """One lease from the first word to the last."""

    def __init__(self, folder: LeaseFolder, wanted: Wanted, commands: asyncio.StreamReader) -> None:
        self.folder, self.wanted, self._commands = folder, wanted, commands
        self._link: Coordinator | None = None
        self._heartbeat: str | None = None
        self._reservation: str | None = None
        self._place: str | None = None
        self._borrowed = False
        self._lost_s: float | None = None
        self._beat_s = time.monotonic()

    async def run(self) -> None:
        """Acquire, hold, free; what fails before the place is held is told and raised no further."""
        ended = asyncio.ensure_future(self._ended())
        acquiring = asyncio.ensure_future(self._acquire())
        await asyncio.wait({ended, acquiring}, return_when=asyncio.FIRST_COMPLETED)
        if not acquiring.done():
            acquiring.cancel()
        try:
            await acquiring
        except asyncio.CancelledError:
            pass
        except RigError as e:
            tell({"error": wire.error_row(e)})
            await self._let_go()
            return
        while not ended.done():
            await asyncio.wait({ended}, timeout=_LOOK_S)
            if not ended.done():
                await self._hold()
        await self._free(killed=not ended.result())

    async def _ended(self) -> bool:
        """True when the job says that it is done, False when its end of the pipe closed."""
        return (await self._commands.readline()).strip() == b"release"

    # --- getting it -------------------------------------------------------------------------------------------

    async def _acquire(self) -> None:
        self._link = await Coordinator(self.wanted.coordinator).__aenter__()
        await self._link.sync()
        place = await self._persons(self._link)
        if place is None:
            self._heartbeat = await self._link.reserve({waiting.HEARTBEAT: self.folder.token})
            self._note()
            place = await self._queue(self._link)
        self._borrowed = place.holder is not None
        self._place = place.name
        self._note()
        if not self._borrowed:
            await self._link.acquire(place.name)
            self._journal("place_acquired", owner=self.wanted.owner)
        resources = await self._link.resources(place.name, _RESOURCES_S)
        tell(
            {
                "acquired": place.name,
                "tags": dict(place.tags),
                "borrowed": self._borrowed,
                "resources": [{"cls": r.cls, "name": r.name, "args": dict(r.args)} for r in resources],
            }
        )

    async def _persons(self, link: Coordinator) -> Found | None:
        """A place that whoever started the job acquired by hand; None: there is none such."""
        wanted = self.wanted
        name = wanted.place if wanted.token is None else await link.allocated(wanted.token)
        found = link.place(name) if name is not None else None
        if found is not None and found.holder is not None and wanted.person in {found.holder, *found.allowed}:
            return found
        if wanted.token is not None:
            raise BenchError(
                f"reservation {wanted.token}: its place is not acquired by {wanted.person}; acquire it first"
            )
        return None

    async def _queue(self, link: Coordinator) -> Found:
        query = named(self.wanted.place) if self.wanted.place is not None else parse(self.wanted.query or "")
        queue = waiting.Queue(link, query, self.wanted.take_over, self.wanted.owner)
        try:
            return await queue.wait(self.wanted.wait_s, self._beat, self._said)
        finally:
            self._reservation = queue.token
            self._note()

    def _said(self, what: waiting.Word) -> None:
        if what.event:
            self._journal(what.event, **what.fields)
        tell({"say": what.text, "event": what.event, **what.fields})

    # --- holding it -------------------------------------------------------------------------------------------

    async def _hold(self) -> None:
        """Beat, and see whether the place is still ours."""
        if self._borrowed:
            return
        try:
            if self._link is None or not self._link.is_up:
                await self._reconnect()
            await self._beat()
            self._see()
        except BenchError:
            if time.monotonic() - self._beat_s > LOST_S:
                self._lose(f"the coordinator {self.wanted.coordinator} is away for {LOST_S:.0f} s")
        if self._lost_s is not None and time.monotonic() - self._lost_s > KILL_S:
            self._kill()

    async def _beat(self) -> None:
        link, token = self._link, self._heartbeat
        if link is not None and token is not None and time.monotonic() - self._beat_s > BEAT_S:
            await link.allocated(token)
            self._beat_s = time.monotonic()

    def _see(self) -> None:
        place = self._link.place(self._place) if self._link and self._place else None
        if place is None:
            self._lose(f"place {self._place} is gone from the coordinator")
        elif place.holder != self.wanted.owner:
            by = f"it is {place.held}" if place.holder else "somebody released it"
            self._lose(f"place {self._place} was taken away: {by}")

    async def _reconnect(self) -> None:
        """A coordinator that was restarted has forgotten who holds what: the place is taken again, if it is free."""
        if self._link is not None:
            await self._link.__aexit__()
            self._link = None
        self._link = link = await Coordinator(self.wanted.coordinator).__aenter__()
        await link.sync()
        found = link.place(self._place or "")
        if found is None or found.holder not in (None, self.wanted.owner):
            return
        await link.cancel(self._heartbeat)
        self._heartbeat = await link.reserve({waiting.HEARTBEAT: self.folder.token})
        self._beat_s = time.monotonic()
        self._note()
        if found.holder is None:
            await link.acquire(found.name)
            self._journal("place_reacquired", why="the coordinator had forgotten who holds it")

    def _lose(self, why: str) -> None:
        if self._lost_s is None:
            self._lost_s = time.monotonic()
            self._journal("place_lost", text=why)
            tell({"lost": why})

    def _kill(self) -> None:
        trace = self.folder.read()
        # our parent until it died, so the number is nobody else's
        if trace is not None and os.getppid() == trace.pid:
            self._journal("job_killed", text=f"it did not stop within {KILL_S:.0f} s of losing its place")
            os.kill(trace.pid, signal.SIGKILL)
        self._lost_s = None if trace is None else float("inf")

    # --- giving it back ---------------------------------------------------------------------------------------

    async def _free(self, *, killed: bool) -> None:
        # a bench that is another's by now is not ours to switch: the guardian of the dead job does its part
        if killed and self._place is not None and self._lost_s is None:
            self._journal("job_gone", text="the job ended without a word: the bench is brought down")
            down = asyncio.ensure_future(bring_down(self.folder))
            while not down.done():
                await asyncio.wait({down}, timeout=_LOOK_S)
                await self._hold_on()
            self._journal("brought_down", **down.result())
        await self._let_go()

    async def _hold_on(self) -> None:
        with contextlib.suppress(BenchError):
            if self._link is not None and not self._borrowed:
                await self._beat()

    async def _let_go(self) -> None:
        """Release what is held; the trace stays where the coordinator cannot be told."""
        deadline, said = time.monotonic() + RELEASE_S, False
        while True:
            try:
                await asyncio.wait_for(self._released(), RELEASE_S)
                break
            except (BenchError, TimeoutError) as e:
                if not said:
                    tell({"late": str(e)})
                said = True
                if time.monotonic() > deadline:
                    self._journal("place_not_released", text=str(e))
                    self.folder.close()
                    return
                await asyncio.sleep(2.0)
        tell({"released": self._place})
        if self._place is not None and not self._borrowed:
            self._journal("place_released")
        self.folder.remove()

    async def _released(self) -> None:
        if self._heartbeat is None and self._place is None:
            return
        if self._link is None or not self._link.is_up:
            self._link = await Coordinator(self.wanted.coordinator).__aenter__()
        if not self._borrowed:
            await self._link.drop(self._place, self.wanted.owner)

    # --- words ------------------------------------------------------------------------------------------------

    def _note(self) -> None:
        self.folder.note(self._place, self._reservation, self._heartbeat)

    def _journal(self, event: str, **fields: object) -> None:
        if self.wanted.journal is not None:
            with contextlib.suppress(BenchError):
                row = {"place": self._place, "coordinator": self.wanted.coordinator, **fields}
                record.append_place(Path(self.wanted.journal), event, row)


def tell(row: dict[str, object]) -> None:
    """One JSON line for the job; a job that is gone hears nothing."""
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


async def keep(folder: LeaseFolder) -> None:
    """Read what is wanted, and keep it."""
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    if line := await commands.readline():
        await Keeper(folder, Wanted(**json.loads(line)), commands).run()


def main(path: Path, descriptor: int) -> int:
    """Always 0: what goes wrong is told as a row."""
    deaf()
    asyncio.run(keep(LeaseFolder(path, descriptor)))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
