"""A raw client for each maker's supply, from the manuals, and a bench of one resistor a channel."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from twin_bench import Clock

from rig.config.twin import Fault
from rig.twin.circuit import Circuit, Output, Terminal
from rig.twin.faults import Faults
from rig.twin.network import Resistor
from rig.twin.stepper import Stepper
from rig.twin.supply.front import front_end
from rig.twin.supply.instrument import Instrument
from rig.twin.supply.models import MODELS
from rig.twin.supply.scpi import Dialect
from rig.twin.supply.server import SupplyServer

OHM = 10.0
DEADLINE_S = 5.0


class ResistorBench:
    """Every channel feeds a resistor of its own."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._there: dict[int, tuple[Terminal, Circuit]] = {}

    def drive(self, channel: int, **settings: object) -> None:
        circuit = Circuit((Resistor("out", "ground", OHM),), "ground")
        terminal, circuit = self._there.setdefault(channel, (Terminal(), circuit))
        for name, value in settings.items():
            setattr(terminal, name, value)
        Stepper().advance(circuit, {"out": terminal}, 0.02, lambda volts: False)

    def output(self, channel: int) -> Output:
        t = self._there[channel][0]
        return Output(t.out_v, t.out_a, t.mode, t.on, t.tripped)

    def generator(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, len(purpose)])


class Heard:
    """The front end, and how many commands it has heard: a setting has no reply to wait for."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect, self.end, self.silence_s = dialect, dialect.end, dialect.silence_s
        self.busy_s = dialect.busy_s
        self._count, self._more = 0, threading.Condition()

    def line(self, text: str) -> str | None:
        reply = self.dialect.line(text)
        with self._more:
            self._count += 1
            self._more.notify_all()
        return reply

    def count(self) -> int:
        with self._more:
            return self._count

    def wait(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self._count >= count, DEADLINE_S), "the command was not heard"


class Client:
    """One raw TCP connection, with a pause on the twin's clock before every command."""

    def __init__(self, model: str, port: int, heard: Heard, clock: Clock) -> None:
        self.model, self.port, self.heard, self.clock = model, port, heard, clock
        self._ends = b"" if heard.silence_s else b"\n"
        self.pause_s, self._got = 0.1, b""
        self._wire = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._wire.close()

    def say(self, *commands: str) -> None:
        """Settings: each is heard before the next is sent."""
        for command in commands:
            before = self.heard.count()
            self.clock.now_s += self.pause_s
            self._wire.sendall(command.encode() + self._ends)
            self.heard.wait(before + 1)

    def ask(self, command: str, length: int = 0) -> str:
        """A query; `length`: the reply has so many bytes and no end."""
        self.say(command)
        return self.read(length)

    def read(self, length: int = 0) -> str:
        while len(self._got) < length if length else b"\n" not in self._got:
            piece = self._wire.recv(4096)
            assert piece, f"hung up after {self._got!r}"
            self._got += piece
        length = length or self._got.index(b"\n") + 1
        reply, self._got = self._got[:length], self._got[length:]
        return reply.decode("latin-1").removesuffix("\n")

    def nothing(self) -> bool:
        """Nothing has come; what has is thrown away."""
        self._wire.settimeout(0.02)
        had, self._got = self._got, b""
        try:
            return not self._wire.recv(4096) and not had
        except TimeoutError:
            return not had
        finally:
            self._wire.settimeout(DEADLINE_S)

    def another(self) -> Client:
        return Client(self.model, self.port, self.heard, self.clock)


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, job: object) -> object:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(DEADLINE_S)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()


@contextlib.contextmanager
def supply(
    loop: Loop, model: str, faults: Sequence[Mapping[str, object]] = (), *, old: bool = False, delay_s: float = 0.05
) -> Iterator[Client]:
    """A supply of this model on a socket, with a client connected."""
    clock = Clock()
    kept = Faults([Fault.model_validate({"plug": "supply", **f}) for f in faults], clock)
    instrument = Instrument(MODELS[model], ResistorBench(), kept)
    heard = Heard(front_end(instrument, 7, clock, old=old))
    server = SupplyServer(heard, kept, delay_s=delay_s)
    listener = socket.create_server(("127.0.0.1", 0))
    loop.run(server.start(listener))
    client = Client(model, listener.getsockname()[1], heard, clock)
    try:
        yield client
    finally:
        client.close()
        loop.run(server.close())
