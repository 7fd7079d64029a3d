"""A running twin: its four plugs on loopback ports, one event loop, one test host."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web

from rig.config.library import Library
from rig.config.twin import TwinFile, TwinHost
from rig.errors import BenchError, UsageError
from rig.twin.faults import Faults
from rig.twin.mains import Mains
from rig.twin.operator import Operator
from rig.twin.supply.dp800 import Dp800
from rig.twin.supply.instrument import MODELS, Instrument
from rig.twin.supply.scpi import Dialect
from rig.twin.supply.server import SupplyServer
from rig.twin.supply.spd3303x import Spd3303x
from rig.twin.view import Slot
from rig.twin.web import serve
from rig.twin.world import Clock, World

IPERF3_PORT = 5201
PORTS_PER_CARD = 4
CABLES = range(86, 250)
"""Second octet of the loopback addresses a twin's cables use; each twin takes the first that is free."""


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports of the plugs; 0 takes any free one."""

    mains: int = 18401
    console: int = 18402
    supply: int = 18403
    operator: int = 18404


class Machine(Protocol):
    """What the twin needs of a test host."""

    @property
    def console_address(self) -> tuple[str, int]: ...

    def start(self) -> None: ...

    def power(self, on: bool) -> None: ...

    def close(self) -> None: ...


HostMaker = Callable[[Slot, TwinHost, Path, tuple[str, int], Sequence[str]], Machine]


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
        self._host = self._make_host(self.world, self._twin.host, self._state, (host, ports.console), self._addresses)
        self._closing.push_async_callback(asyncio.to_thread, self._host.close)
        await asyncio.to_thread(self._host.start)
        mains = await self._web("mains", host, ports.mains, Mains(self._switch, self.world.mains, self._faults).app())
        operator = await self._web("operator", host, ports.operator, Operator(self.world, self._faults).app())
        supply = await self._supply(host, ports.supply)
        return {
            "mains": f"http://{host}:{mains}",
            "console": list(self._host.console_address),
            "supply": f"TCPIP0::{host}::{supply}::SOCKET",
            "supply_model": self._twin.psu.model,
            "operator": f"http://{host}:{operator}",
            "ports": list(self._addresses),
            "iperf3_port": IPERF3_PORT,
        }

    async def _web(self, plug: str, host: str, port: int, app: web.Application) -> int:
        listener = listen(plug, host, port)
        self._closing.callback(listener.close)
        runner = await serve(app, listener)
        self._closing.push_async_callback(runner.cleanup)
        return int(listener.getsockname()[1])

    async def _supply(self, host: str, port: int) -> int:
        listener = listen("supply", host, port)
        self._closing.callback(listener.close)
        where = int(listener.getsockname()[1])
        server = SupplyServer(self._dialect(), self._faults)
        self._closing.push_async_callback(server.close)
        await server.start(listener)
        return where

    def _dialect(self) -> Dialect:
        instrument = Instrument(MODELS[self._twin.psu.model], self.world)
        if self._twin.psu.model == "DP832":
            return Dp800(instrument, f"DP8C{200000000 + self._twin.seed:09d}")
        return Spd3303x(instrument, f"SPD3XIDX{self._twin.seed % 1_000_000:06d}", self._clock)

    async def _switch(self, on: bool) -> None:
        self.world.set_mains(on)
        if self._host and not (on and self._faults.active("host", "no_boot")):
            await asyncio.to_thread(self._host.power, on)

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
