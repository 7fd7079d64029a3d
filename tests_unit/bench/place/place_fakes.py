"""A coordinator in memory, with labgrid's rules as far as the rig leans on them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import replace

from rig.bench.place.coordinator import HEARTBEAT, Found
from rig.bench.place.folder import is_rig


class FakeCoordinator:
    """Reservations in the order they came; a held place is given to nobody."""

    address = "127.0.0.1:1"

    def __init__(self, **tags_by_place: Mapping[str, str]) -> None:
        self.found = {name: Found(name, tags, None, time.time()) for name, tags in tags_by_place.items()}
        self.waiting: dict[str, tuple[str, dict[str, str]]] = {}
        self.alive: set[str] = set()
        self.dropped: list[tuple[str | None, str]] = []
        self.me = "here/rig-me-1-aa"
        self._count = itertools.count()

    def hold(self, name: str, holder: str | None, *, beats: bool = False) -> None:
        self.found[name] = replace(self.found[name], holder=holder, changed_s=time.time() - 240, reservation=None)
        if holder is not None and beats:
            self.alive.add(holder)

    def places(self) -> list[Found]:
        return list(self.found.values())

    def place(self, name: str) -> Found | None:
        return self.found.get(name)

    async def sync(self) -> None:
        return None

    async def reserve(self, tags: Mapping[str, str]) -> str:
        token = f"T{next(self._count)}"
        self.waiting[token] = (self.me, dict(tags))
        return token

    async def cancel(self, token: str | None) -> None:
        self.waiting.pop(token or "", None)

    async def allocated(self, token: str) -> str | None:
        _, tags = self.waiting[token]
        for place in self.found.values():
            fits = all({**place.tags, "name": place.name}.get(k) == v for k, v in tags.items())
            if fits and HEARTBEAT not in tags and place.holder is None and place.reservation in (None, token):
                self.found[place.name] = replace(place, reservation=token)
                return place.name
        return None

    async def beating(self) -> set[str]:
        return self.alive

    async def drop(self, name: str | None, owner: str) -> None:
        self.dropped.append((name, owner))
        if name is not None and self.found[name].holder == owner:
            self.hold(name, None)

    async def holders_alive(self) -> dict[str, bool]:
        return {p.name: p.holder in self.alive for p in self.found.values() if p.holder and is_rig(p.holder)}
