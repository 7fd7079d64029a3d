"""The other ends: a machine monitor at a vfio-user socket, and a card that only remembers."""

from __future__ import annotations

import array
import json
import os
import select
import socket
import struct
from pathlib import Path

from rig.twin.linux.device import Bus
from rig.twin.linux.vfio_wire import HEADER, Command
from rig.twin.view import Bar

DEADLINE_S = 5.0


class FakeCard:
    """64 byte of registers behind BAR 0, a configuration space without masks."""

    def __init__(self) -> None:
        self.bars = {0: Bar(4096, "pref64"), 4: Bar(16384, "pref64")}
        self.vectors = 8
        self.config = bytearray(4096)
        self.config[0:4] = b"\x86\x80\x28\x15"
        self.config[0x3D] = 1
        self.memory = bytearray(4096)
        self.dead = False
        self.resets = 0
        self.buses: list[Bus | None] = []

    @property
    def bus(self) -> Bus:
        bus = self.buses[-1]
        assert bus is not None
        return bus

    def config_read(self, at: int, size: int) -> bytes:
        return b"\xff" * size if self.dead else bytes(self.config[at : at + size])

    def config_write(self, at: int, data: bytes) -> None:
        if not self.dead:
            self.config[at : at + len(data)] = data

    def read(self, bar: int, at: int, size: int) -> bytes:
        return b"\xff" * size if self.dead else bytes(self.memory[at : at + size])

    def write(self, bar: int, at: int, data: bytes) -> None:
        if not self.dead:
            self.memory[at : at + len(data)] = data

    def reset(self) -> None:
        self.resets += 1
        self.config[4:6] = b"\0\0"

    def plugged(self, bus: Bus | None) -> None:
        self.buses.append(bus)


class FakeQemu:
    """Speaks vfio-user as QEMU 11.1 does: one message, one answer."""

    def __init__(self, path: Path) -> None:
        self.end = socket.socket(socket.AF_UNIX)
        self.end.settimeout(DEADLINE_S)
        self.end.connect(str(path))
        self._number = 0

    def close(self) -> None:
        self.end.close()

    def send(self, command: int, payload: bytes = b"", fds: tuple[int, ...] = (), flags: int = 0) -> None:
        self._number += 1
        message = HEADER.pack(self._number, command, HEADER.size + len(payload), flags, 0) + payload
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.end.sendmsg([message], rights)

    def answer(self) -> tuple[int, bytes]:
        """errno (0: it was done) and payload of the next reply."""
        raw = self._receive(HEADER.size)
        number, _, size, flags, errno = HEADER.unpack(raw)
        assert number == self._number
        return (errno if flags & 0x20 else 0), self._receive(size - HEADER.size)

    def ask(self, command: int, payload: bytes = b"", fds: tuple[int, ...] = ()) -> bytes:
        self.send(command, payload, fds)
        errno, got = self.answer()
        assert errno == 0, os.strerror(errno)
        return got

    def version(self) -> dict[str, object]:
        abilities = json.dumps({"capabilities": {"max_msg_fds": 8}}).encode() + b"\0"
        got = self.ask(Command.VERSION, struct.pack("<HH", 0, 0) + abilities)
        answer = json.loads(got[4:].rstrip(b"\0"))
        assert isinstance(answer, dict)
        return answer

    def read(self, region: int, at: int, size: int) -> bytes:
        return self.ask(Command.REGION_READ, struct.pack("<QII", at, region, size))[16:]

    def write(self, region: int, at: int, data: bytes) -> None:
        self.ask(Command.REGION_WRITE, struct.pack("<QII", at, region, len(data)) + data)

    def master(self, on: bool = True) -> None:
        self.write(7, 4, b"\x06\x00" if on else b"\x02\x00")

    def map(self, address: int, size: int, fd: int, offset: int = 0) -> None:
        self.ask(Command.DMA_MAP, struct.pack("<IIQQQ", 32, 3, offset, address, size), (fd,))

    def unmap(self, address: int, size: int) -> None:
        self.ask(Command.DMA_UNMAP, struct.pack("<IIQQ", 24, 0, address, size))

    def eventfds(self, kind: int, first: int, fds: tuple[int, ...]) -> None:
        self.ask(Command.SET_IRQS, struct.pack("<5I", 20, 4 | 0x20, kind, first, len(fds)), fds)

    def _receive(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            part = self.end.recv(size - len(got))
            if not part:
                raise EOFError
            got += part
        return got


def rung(eventfd: int) -> int:
    """How often an eventfd was written since the last look."""
    ready, _, _ = select.select([eventfd], [], [], 0)
    return os.eventfd_read(eventfd) if ready else 0


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
