"""One session with a labgrid coordinator, every call with a deadline.

Ref: labgrid 26.0.1, `remote/client.py` and `remote/coordinator.py`. A process has one session at a time: gRPC shares
the connection, and the coordinator takes a second one for the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from labgrid.remote.client import ClientSession, Error
from labgrid.remote.common import Place, Reservation, ReservationState
from labgrid.remote.generated import labgrid_coordinator_pb2 as pb
from labgrid.util.proxy import proxymanager

from rig.bench.place.folder import is_rig
from rig.errors import BenchError, LinkDownError

T = TypeVar("T")
_CALL_S = 5.0
_CONNECT_S = 10.0
_PORT = 20408
HEARTBEAT = "rig_lease"
"""Key of the filter of a heartbeat: a reservation that no place can serve, so it waits, and expires unless polled."""
EXPIRES_S = 75.0
"""A heartbeat that is not polled is gone by then: labgrid lets it wait for 60 s, and looks every 15 s."""


@dataclass(frozen=True, slots=True)
class Found:
    """A place as the coordinator knows it."""

    name: str
    tags: Mapping[str, str]
    holder: str | None
    changed_s: float
    """Wall clock of the coordinator at which it last changed: acquired, where it is held."""
    reservation: str | None = None
    allowed: frozenset[str] = frozenset()

    @property
    def held(self) -> str:
        """Who holds it since when, for a person."""
        if self.holder is None:
            return "reserved for another job" if self.reservation else "free"
        for_s = max(0.0, time.time() - self.changed_s)
        since = time.strftime("%H:%M:%S", time.localtime(self.changed_s))
        return f"held by {self.holder} since {since} ({for_s / 60:.0f} min)"


@dataclass(frozen=True, slots=True)
class Offered:
    """A resource of a place: labgrid's class, its name there, its arguments."""

    cls: str
    name: str
    args: Mapping[str, Any]


class Coordinator:
    """The session; use as an async context manager; LinkDownError when the coordinator does not answer."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Coordinator:
        # labgrid says on the log what is raised here anyway
        logging.getLogger().addHandler(logging.NullHandler())
        address = proxymanager.get_grpc_address(self.address, default_port=_PORT)
        session = ClientSession(address, asyncio.get_running_loop())
        try:
            with self._edge("connect"):
                await asyncio.wait_for(session.start(), _CONNECT_S)
        except BaseException:
            await _closed(session)
            raise
        self._session = session
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await _closed(session)

    @property
    def is_up(self) -> bool:
        """Whether the stream of changes still runs; what is known is stale otherwise."""
        return self._session is not None and not self._session.stopping.is_set()

    async def sync(self) -> None:
        """Know what the coordinator knows now."""
        if not await self._asked("places", self._up.sync_with_coordinator()):
            raise LinkDownError(f"coordinator {self.address}", "places", "it went away")

    def places(self) -> list[Found]:
        """Every place, as last told."""
        return [_found(place) for _, place in sorted(self._up.places.items())]

    def place(self, name: str) -> Found | None:
        """One place, as last told; None: there is none of that name."""
        place = self._up.places.get(name)
        return None if place is None else _found(place)

    async def reserve(self, tags: Mapping[str, str]) -> str:
        """Queue for a place with these tags; the token. Unless polled it is gone after 60 s."""
        request = pb.CreateReservationRequest(filters={"main": pb.Reservation.Filter(filter=dict(tags))}, prio=0.0)
        reply = await self._asked("a reservation", self._up.stub.CreateReservation(request, timeout=_CALL_S))
        return str(reply.reservation.token)

    async def allocated(self, token: str) -> str | None:
        """The place that the reservation got; None: it waits. Keeps it alive; LinkDownError when it is no more."""
        request = pb.PollReservationRequest(token=token)
        reply = await self._asked(f"reservation {token}", self._up.stub.PollReservation(request, timeout=_CALL_S))
        found = Reservation.from_pb2(reply.reservation)
        if found.state in (ReservationState.expired, ReservationState.invalid):
            raise LinkDownError(f"coordinator {self.address}", f"reservation {token}", f"it is {found.state.name}")
        return str(found.allocations["main"][0]) if found.allocations else None

    async def cancel(self, token: str | None) -> None:
        """Give a reservation up; one that is gone is fine."""
        if token is not None:
            with contextlib.suppress(BenchError):
                request = pb.CancelReservationRequest(token=token)
                await self._asked("cancel", self._up.stub.CancelReservation(request, timeout=_CALL_S))

    async def acquire(self, place: str) -> None:
        """Take a place that was allocated to this session's owner; BenchError when that is refused."""
        request = pb.AcquirePlaceRequest(placename=place)
        await self._asked(f"place {place}", self._up.stub.AcquirePlace(request, timeout=3 * _CALL_S))
        await self.sync()

    async def release(self, place: str, owner: str) -> None:
        """Release the place if `owner` has it, and nobody else's; atomic at the coordinator."""
        request = pb.ReleasePlaceRequest(placename=place, fromuser=owner)
        await self._asked(f"release of {place}", self._up.stub.ReleasePlace(request, timeout=3 * _CALL_S))

    async def drop(self, place: str | None, owner: str) -> None:
        """Release the place if `owner` has it, with the reservations of `owner`, and hand it on at once."""
        if place is not None:
            await self.release(place, owner)
        for token in await self._tokens(owner):
            await self.cancel(token)
        # a released place keeps its reservation until the next look at them: every new one makes it look
        await self.cancel(await self.reserve({HEARTBEAT: "kick"}))

    async def beating(self) -> set[str]:
        """Owners whose heartbeat has not expired, by the coordinator's clock."""
        found = await self._reservations()
        return {r.owner for r in found if HEARTBEAT in r.filters["main"] and r.state is ReservationState.waiting}

    async def holders_alive(self) -> Mapping[str, bool]:
        """Place to whether the job of the rig that holds it still beats; places held by people are not in it."""
        beating = await self.beating()
        return {p.name: p.holder in beating for p in self.places() if p.holder is not None and is_rig(p.holder)}

    async def resources(self, place: str, within_s: float) -> list[Offered]:
        """What the place has, once everything in it is available; BenchError names what is not."""
        deadline = time.monotonic() + within_s
        while (missing := self._missing(place)) is not None:
            if time.monotonic() > deadline:
                raise BenchError(f"place {place}: {missing}; is its exporter running?")
            await asyncio.sleep(0.2)
            await self.sync()
        there = self._up.places[place]
        entries = [(path, self._entry(path)) for path in there.acquired_resources]
        return [Offered(e.cls, _name(there, path), e.args) for path, e in entries if e is not None]

    def _missing(self, name: str) -> str | None:
        place = self._up.places[name]
        paths = place.acquired_resources
        if not paths:
            return "nothing is exported for it"
        if (match := place.unmatched(paths)) is not None:
            return f"nothing is exported that matches {match}"
        for path in paths:
            entry = self._entry(path)
            if entry is None or not entry.avail:
                return f"{'/'.join(path)} is not available"
            if entry.extra.get("proxy_required"):
                raise BenchError(f"place {name}: {'/'.join(path)} is exported --isolated; SSH proxies are not built")
        return None

    def _entry(self, path: list[str]) -> Any:
        exporter, group, _, name = path
        entry = self._up.resources.get(exporter, {}).get(group, {}).get(name)
        return None if entry is None or "cls" not in entry.data else entry

    async def exported(self, place: str, cls: str) -> Mapping[str, Any] | None:
        """Arguments of the resource of a class that the place would get, acquired or not; None: it has none."""
        there = self._up.places[place]
        for exporter, groups in self._up.resources.items():
            for group, named in groups.items():
                for name, entry in named.items():
                    if entry.data.get("cls") == cls and there.hasmatch((exporter, group, cls, name)):
                        return dict(entry.args)
        return None

    async def define(self, place: str, matches: list[str], tags: Mapping[str, str]) -> None:
        """Make the place, or bring its matches and tags up to these; other tags stay."""
        stub = self._up.stub
        known = self._up.places.get(place)
        if known is None:
            await self._asked(f"place {place}", stub.AddPlace(pb.AddPlaceRequest(name=place), timeout=_CALL_S))
        have = {repr(match) for match in known.matches} if known else set()
        for pattern in [m for m in matches if m not in have]:
            request = pb.AddPlaceMatchRequest(placename=place, pattern=pattern)
            await self._asked(f"match {pattern}", stub.AddPlaceMatch(request, timeout=_CALL_S))
        request = pb.SetPlaceTagsRequest(placename=place, tags=dict(tags))
        await self._asked(f"tags of {place}", stub.SetPlaceTags(request, timeout=_CALL_S))
        await self.sync()

    async def _tokens(self, owner: str) -> list[str]:
        return [r.token for r in await self._reservations() if r.owner == owner]

    async def _reservations(self) -> list[Reservation]:
        request = pb.GetReservationsRequest()
        reply = await self._asked("reservations", self._up.stub.GetReservations(request, timeout=_CALL_S))
        return [Reservation.from_pb2(r) for r in reply.reservations]

    @property
    def _up(self) -> ClientSession:
        if self._session is None:
            raise BenchError(f"coordinator {self.address}: asked before it was connected to")
        return self._session

    async def _asked(self, what: str, call: Awaitable[T]) -> T:
        with self._edge(what):
            return await asyncio.wait_for(call, 4 * _CALL_S)

    @contextlib.contextmanager
    def _edge(self, what: str) -> Any:
        device, remedy = f"coordinator {self.address}", "is it running there, and reachable from here?"
        try:
            yield
        except grpc.aio.AioRpcError as e:
            gone = e.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
            raise LinkDownError(device, what, str(e.details() or e.code().name), remedy if gone else "") from e
        except TimeoutError as e:
            raise LinkDownError(device, what, "no answer", remedy) from e
        except (Error, OSError) as e:
            raise LinkDownError(device, what, " ".join(map(str, e.args)), remedy) from e


async def _closed(session: ClientSession) -> None:
    with contextlib.suppress(Exception):
        session.stopping.set()
        if session.pump_task is not None:
            await asyncio.wait_for(session.stop(), _CALL_S)
    with contextlib.suppress(Exception):
        await asyncio.wait_for(session.close(), _CALL_S)


def _found(place: Place) -> Found:
    return Found(
        place.name, dict(place.tags), place.acquired, place.changed, place.reservation, frozenset(place.allowed)
    )


def _name(place: Place, path: list[str]) -> str:
    match = place.getmatch(path)
    return str(match.rename or path[3]) if match else path[3]
