"""A running twin: its plugs on loopback ports, one event loop, one test host."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web

from rig.config.library import Library
from rig.config.twin import TwinFile, TwinHost, TwinPsu, TwinRelays
from rig.errors import BenchError, UsageError
from rig.twin.bench import Clock, HostInput
from rig.twin.faults import Faults
from rig.twin.mains import Mains
from rig.twin.meter import METERS, Wattmeter
from rig.twin.meter_scpi import FRONT_ENDS
from rig.twin.operator import Operator
from rig.twin.relays import RelayBoard
from rig.twin.supply.front import front_end
from rig.twin.supply.instrument import Instrument
from rig.twin.supply.models import MODELS
from rig.twin.supply.server import FrontEnd, SupplyServer
from rig.twin.view import LiveSlot
from rig.twin.web import serve
from rig.twin.wiring import MAIN, SECOND
from rig.twin.world import World

IPERF3_PORT = 5201
PORTS_PER_CARD = 4
LOOK_S = 0.02
"""How often the test host's power is looked at where it is not the mains switch alone that decides."""
CABLES = range(86, 250)
"""Second octet of the loopback addresses a twin's cables use; each twin takes the first that is free."""


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports of the plugs; 0 takes any free one."""

    mains: int = 18401
    console: int = 18402
    supply: int = 18403
    operator: int = 18404
    second: int = 18405
    meter: int = 18406
    relays: int = 18407


class Machine(Protocol):
    """What the twin needs of a test host."""

    @property
    def console_address(self) -> tuple[str, int]: ...

    @property
    def addresses(self) -> Mapping[str, str]: ...

    @property
    def versions(self) -> Mapping[str, str]: ...

    @property
    def driven(self) -> Sequence[str] | None: ...

    def start(self) -> None: ...

    def power(self, on: bool) -> None: ...

    def close(self) -> None: ...


HostMaker = Callable[[LiveSlot, TwinHost, Path, tuple[str, int], Sequence[str], Faults], Machine]


class Twin:
    """A virtual bench; BenchError from `start` when a port is in use, and everything is closed again."""

    def __init__(self, twin: TwinFile, library: Library, state: Path, clock: Clock, make_host: HostMaker) -> None:
        self._twin, self._state, self._clock, self._make_host = twin, state, clock, make_host
        self._cables = contextlib.ExitStack()
        self._addresses = self._take_addresses()
        self._faults = Faults(twin.faults, clock)
        self.world = World(twin, library, self._addresses, clock, self._faults, state / "cards")
        self._closing = contextlib.AsyncExitStack()
        self._host: Machine | None = None
        self._seen = HostInput(on=False, cuts=0)
        self._turn = asyncio.Lock()

    async def start(self, host: str, ports: Ports) -> Mapping[str, object]:
        """Open the plugs on `host`; returns where they are, as JSON values."""
        try:
            return await self._start(host, ports)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Power off, hang up, and leave nothing behind."""
        await self._closing.aclose()
        self._cables.close()

    async def _start(self, host: str, ports: Ports) -> Mapping[str, object]:
        self._host = self._make_host(
            self.world, self._twin.host, self._state, (host, ports.console), self._addresses, self._faults
        )
        self._closing.push_async_callback(asyncio.to_thread, self._host.close)
        await asyncio.to_thread(self._host.start)
        switch = Mains(self._switch, self.world.mains, self.world.wall_w, self._faults)
        operator = Operator(self.world, self._faults)
        plugs: dict[str, object] = {
            "mains": await self._web("mains", host, ports.mains, switch.app()),
            "console": list(self._host.console_address),
            "supply": await self._supply("supply", host, ports.supply, MAIN, self._twin.psu),
            "supply_model": self._twin.psu.model,
            "operator": await self._web("operator", host, ports.operator, operator.app()),
            "ports": list(self._host.addresses),
            "iperf3_port": IPERF3_PORT,
        }
        if forwarded := {one: at for one, at in self._host.addresses.items() if one != at}:
            plugs["reached_at"] = forwarded
        if self._host.versions:
            plugs["versions"] = dict(self._host.versions)
        if self._host.driven is not None:
            plugs["driven"] = list(self._host.driven)
        plugs |= await self._optional(host, ports)
        if self.world.host_may_lose_power():
            watch = asyncio.create_task(self._watch())
            self._closing.push_async_callback(_cancel, watch)
        return plugs

    async def _optional(self, host: str, ports: Ports) -> Mapping[str, object]:
        """The plugs that only some benches have."""
        twin, plugs = self._twin, dict[str, object]()
        if twin.psu2:
            plugs["second"] = await self._supply("second", host, ports.second, SECOND, twin.psu2)
            plugs["second_model"] = twin.psu2.model
        if twin.meter:
            model, noise = METERS[twin.meter.model], self.world.generator("meter")
            meter = Wattmeter(model, self.world.wall_w, noise, self._clock)
            front = FRONT_ENDS[twin.meter.model](meter, f"C2{twin.seed % 1_000_000:06d}V")
            plugs["meter"] = await self._line("meter", host, ports.meter, front)
            plugs["meter_model"] = twin.meter.model
        if twin.relays:
            points = twin.relays.points if isinstance(twin.relays, TwinRelays) else TwinRelays().points
            board = RelayBoard(points, self.world.relay, self._faults)
            plugs["relays"] = await self._web("relays", host, ports.relays, board.app())
        return plugs

    async def _web(self, plug: str, host: str, port: int, app: web.Application) -> str:
        listener = listen(plug, host, port)
        self._closing.callback(listener.close)
        runner = await serve(app, listener)
        self._closing.push_async_callback(runner.cleanup)
        return f"http://{host}:{listener.getsockname()[1]}"

    async def _line(self, plug: str, host: str, port: int, front: FrontEnd) -> str:
        listener = listen(plug, host, port)
        self._closing.callback(listener.close)
        server = SupplyServer(front, self._faults, plug)
        self._closing.push_async_callback(server.close)
        await server.start(listener)
        return f"TCPIP0::{host}::{listener.getsockname()[1]}::SOCKET"

    async def _supply(self, plug: str, host: str, port: int, name: str, psu: TwinPsu) -> str:
        panel = self.world.panel(name)
        instrument = Instrument(MODELS[psu.model], panel, self._faults, plug=plug, realistic=psu.realistic)
        # no two supplies of a bench have one serial number
        seed = self._twin.seed + (name == SECOND)
        return await self._line(plug, host, port, front_end(instrument, seed, self._clock, old=psu.old))

    async def _switch(self, on: bool) -> None:
        self.world.set_mains(on)
        await self._follow()

    async def _follow(self) -> None:
        """Boot or end the test host as its power came or went; BenchError when it cannot start."""
        async with self._turn:
            now, before = self.world.host_input(), self._seen
            self._seen = now
            if not self._host or now == before:
                return
            if before.on:
                await asyncio.to_thread(self._host.power, False)
            if now.on and not self._faults.active("host", "no_boot"):
                await asyncio.to_thread(self._host.power, True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._follow()
            except BenchError as e:
                # nobody waits for an answer here: the rig finds a host that does not boot
                sys.stderr.write(f"rig: {e}\n")

    def _take_addresses(self) -> tuple[str, ...]:
        """Cable addresses that no other twin of this machine uses, held by a socket nobody connects to."""
        for octet in CABLES:
            held = socket.socket()
            try:
                held.bind((f"127.{octet}.0.1", IPERF3_PORT))
            except OSError:
                held.close()
                continue
            self._cables.enter_context(held)
            return tuple(f"127.{octet}.{port}.2" for port in range(1, PORTS_PER_CARD + 1))
        raise BenchError(f"twin: all cable addresses from 127.{CABLES[0]}.0.1 on are in use; end the other twins")


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def listen(plug: str, host: str, port: int) -> socket.socket:
    """A listening socket; BenchError names the plug and the port when it cannot be had."""
    try:
        return socket.create_server((host, port))
    except OSError as e:
        raise BenchError(
            f"twin: cannot open the {plug} plug at {host}:{port}: {e.strerror}; "
            f"end what uses the port or give --{plug}-port 0"
        ) from e


def loopback(host: str) -> str:
    """`host` when it is a loopback address; UsageError otherwise: the plugs have no password."""
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise UsageError(f"--host {host!r}: the twin's plugs have no password and stay on loopback, expected 127.0.0.1")
    return host
