"""The wait for a place: who has it is told, and what a dead job left is taken over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from rig.bench.place.bringdown import bring_down
from rig.bench.place.coordinator import EXPIRES_S, HEARTBEAT, Coordinator, Found
from rig.bench.place.folder import is_rig, of_owner
from rig.bench.place.query import Query
from rig.errors import DeadlineError, UsageError

__all__ = ["HEARTBEAT", "Queue", "Word"]

_POLL_S = 0.3
_SAY_S = 30.0
"""Time between two words on the same wait."""
_TWICE_S = 3.0
"""A heartbeat is missing only where it is still missing after that: one may just be about to be made."""


@dataclass(frozen=True, slots=True)
class Word:
    """What is told while one waits; with `event` it is also for the record."""

    text: str
    event: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


Say = Callable[[Word], None]


class Queue:
    """Reservations of one job, until one of them is given a place."""

    def __init__(self, link: Coordinator, query: Query, take_over: bool, owner: str) -> None:
        self._link, self._query, self._take_over, self._owner = link, query, take_over, owner
        self._tokens: list[str] = []
        self._missing_since_s: dict[str, float] = {}
        self._said = ("", 0.0)
        self.token: str | None = None
        """The reservation that got a place."""

    async def wait(self, wait_s: float, beat: Callable[[], Awaitable[None]], say: Say) -> Found:
        """The place, allocated to this job and to nobody else; DeadlineError says who has it.

        UsageError when no place meets the query at all.
        """
        start_s = time.monotonic()
        candidates = self._candidates(self._query)
        await self._reserve(candidates)
        while (place := await self._given()) is None:
            await beat()
            await self._clear_dead(self._candidates(self._query), say)
            waited_s = time.monotonic() - start_s
            if waited_s > wait_s:
                await self._give_up()
                raise DeadlineError(
                    f"place {self._query.text}",
                    "its turn",
                    waited_s,
                    self._seen(),
                    "wait longer (--wait), or see 'rig places list'",
                )
            self._tell_wait(say)
            await asyncio.sleep(_POLL_S)
        return place

    def _candidates(self, query: Query) -> list[Found]:
        places = self._link.places()
        found = [p for p in places if query.holds(p.name, p.tags)]
        if not found:
            known = "; ".join(f"{p.name} ({_tags(p)})" for p in places) or "none at all"
            raise UsageError(f"coordinator {self._link.address}: no place meets {query.text!r}; there are: {known}")
        return found

    async def _reserve(self, candidates: list[Found]) -> None:
        """One reservation where labgrid can compare; else one a place, of which the first is kept."""
        plain = self._query.filter
        for tags in [plain] if plain is not None else [{"name": p.name} for p in candidates]:
            self._tokens.append(await self._link.reserve(tags))

    async def _given(self) -> Found | None:
        for token in self._tokens:
            name = await self._link.allocated(token)
            place = None if name is None else self._link.place(name)
            if place is not None and place.holder is None:
                self.token = token
                await self._give_up(but=token)
                return place
        return None

    async def _give_up(self, but: str | None = None) -> None:
        for token in self._tokens:
            if token != but:
                await self._link.cancel(token)
        self._tokens = [but] if but else []

    # --- what the dead left -----------------------------------------------------------------------------------

    async def _clear_dead(self, candidates: list[Found], say: Say) -> None:
        beating = await self._link.beating()
        for place in candidates:
            if place.holder is None or place.holder == self._owner:
                continue
            if await self._freed_here(place, place.holder, say):
                return
            if (why := self._why_stale(place.holder, beating)) is not None:
                await self._take(place, place.holder, why, say)

    async def _freed_here(self, place: Found, holder: str, say: Say) -> bool:
        """A dead job of this machine: brought down first, as nobody else can know that it is dead."""
        folder = of_owner(holder)
        if folder is None:
            return False
        say(Word(f"place {place.name}: its job on this machine is gone without freeing it; bringing it down"))
        down = asyncio.ensure_future(bring_down(folder))
        while not down.done():
            await asyncio.wait({down}, timeout=_POLL_S)
            for token in self._tokens:
                await self._link.allocated(token)
        await self._take(place, holder, "its job and its keeper on this machine are gone", say, down.result())
        folder.remove()
        return True

    def _why_stale(self, holder: str, beating: set[str]) -> str | None:
        if self._take_over:
            return "told to (--take-over)"
        if not is_rig(holder) or holder in beating:
            self._missing_since_s.pop(holder, None)
            return None
        since_s = self._missing_since_s.setdefault(holder, time.monotonic())
        if time.monotonic() - since_s < _TWICE_S:
            return None
        return f"its job has given no sign of life for {EXPIRES_S - 15:.0f} s or more"

    async def _take(
        self, place: Found, holder: str, why: str, say: Say, down: Mapping[str, object] | None = None
    ) -> None:
        await self._link.drop(place.name, holder)
        await self._link.sync()
        fields = {
            "place": place.name,
            "taken_from": holder,
            "held_since_s": place.changed_s,
            "why": why,
            **({"down": down} if down else {}),
        }
        say(Word(f"place {place.name}: taken over from {holder}: {why}", "place_taken_over", fields))

    # --- words ------------------------------------------------------------------------------------------------

    def _seen(self) -> str:
        return "; ".join(f"{p.name} {p.held}" for p in self._candidates(self._query))

    def _tell_wait(self, say: Say) -> None:
        who = "; ".join(f"{p.name} {p.holder}" for p in self._candidates(self._query))
        said, at_s = self._said
        if said != who or time.monotonic() - at_s > _SAY_S:
            self._said = (who, time.monotonic())
            say(Word(f"waiting: {self._seen()}", "place_waiting" if said != who else None, {"held": self._seen()}))


def _tags(place: Found) -> str:
    return " ".join(f"{k}={v}" for k, v in sorted(place.tags.items())) or "no tags"
