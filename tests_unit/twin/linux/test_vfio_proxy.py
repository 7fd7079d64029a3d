"""The server for QEMU 7.2 against a fake machine monitor."""

from __future__ import annotations

import array
import os
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from fake_qemu import DEADLINE_S, FakeCard, open_descriptors, rung

from rig.twin.linux.proxy import ProxyServer
from rig.twin.linux.proxy_wire import HEADER, Command

_CONFIG, _BAR, _ANSWER = struct.Struct("<IIi"), struct.Struct("<QQIB"), struct.Struct("<iIQQ")


class FakeProxyDevice:
    """What `x-pci-proxy-dev` sends."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        end.settimeout(DEADLINE_S)

    def send(self, command: int, payload: bytes = b"", fds: tuple[int, ...] = ()) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.end.sendmsg([HEADER.pack(command, 0, len(payload)) + payload], rights)

    def ask(self, command: int, payload: bytes = b"") -> int:
        self.send(command, payload)
        kind, _, size, value = _ANSWER.unpack(self.end.recv(_ANSWER.size, socket.MSG_WAITALL))
        assert (kind, size) == (Command.RETURN, 8)
        return int(value)

    def config_read(self, at: int, size: int = 4) -> int:
        return self.ask(Command.CONFIG_READ, _CONFIG.pack(at, 0, size))

    def config_write(self, at: int, value: int, size: int = 4) -> None:
        self.ask(Command.CONFIG_WRITE, _CONFIG.pack(at, value, size))

    def bar_read(self, address: int, size: int = 4) -> int:
        return self.ask(Command.BAR_READ, _BAR.pack(address, 0, size, 1))

    def bar_write(self, address: int, value: int, size: int = 4) -> None:
        self.ask(Command.BAR_WRITE, _BAR.pack(address, value, size, 1))


@pytest.fixture
def card() -> FakeCard:
    card = FakeCard()
    # two 64-bit prefetchable BARs, one after power-on at an address no 32-bit machine has
    struct.pack_into("<II", card.config, 0x10, 0xF000000C, 0x3F)
    struct.pack_into("<I", card.config, 0x20, 0x0000000C)
    return card


@pytest.fixture
def server(card: FakeCard) -> Iterator[ProxyServer]:
    server = ProxyServer(card)
    server.start()
    yield server
    server.close()


@pytest.fixture
def qemu(server: ProxyServer) -> FakeProxyDevice:
    return FakeProxyDevice(server.qemu)


def test_64_bit_bars_are_shown_as_32_bit_ones(qemu: FakeProxyDevice, card: FakeCard) -> None:
    assert qemu.config_read(0) == 0x15288086
    assert (qemu.config_read(0x10), qemu.config_read(0x14), qemu.config_read(0x20)) == (0xF0000008, 0, 0x8)
    qemu.config_write(0x14, 0xFFFFFFFF)
    assert qemu.config_read(0x14) == 0
    assert card.config[0x14] == 0x3F


def test_a_bar_is_found_by_the_address_it_was_given(qemu: FakeProxyDevice, card: FakeCard) -> None:
    qemu.config_write(0x10, 0xFE000000)
    qemu.bar_write(0xFE000010, 0x64636261)
    assert card.memory[0x10:0x14] == b"abcd"
    assert qemu.bar_read(0xFE000010, 2) == 0x6261
    assert qemu.bar_read(0xFD000000) == 0xFFFFFFFF


def test_a_card_that_died_reads_all_ones_and_a_reset_reaches_it(qemu: FakeProxyDevice, card: FakeCard) -> None:
    qemu.config_write(0x10, 0xFE000000)
    card.dead = True
    assert qemu.config_read(0x10) == 0xFFFFFFFF
    assert qemu.bar_read(0xFE000000) == 0xFFFFFFFF
    card.dead = False
    qemu.ask(Command.DEVICE_RESET)
    assert card.resets == 1


def test_memory_and_the_interrupt_pin_work_while_the_card_is_master(qemu: FakeProxyDevice, card: FakeCard) -> None:
    fd, bell, resample = os.memfd_create("guest"), os.eventfd(0), os.eventfd(0)
    os.ftruncate(fd, 4096)
    words = [0x1000, *[0] * 7, 4096, *[0] * 7, *[0] * 8]
    qemu.send(Command.SYNC_MEMORY, struct.pack("<8Q8Q8q", *words), (fd,))
    qemu.send(Command.SET_IRQFD, b"", (bell, resample))
    qemu.config_write(4, 0x6, 2)
    card.bus.memory(0x1000, 4)[:] = b"card"
    card.bus.interrupt(5)
    assert (os.pread(fd, 4, 0), rung(bell)) == (b"card", 1)
    qemu.config_write(4, 0x2, 2)
    card.bus.interrupt(5)
    with pytest.raises(LookupError):
        card.bus.memory(0x1000, 4)
    assert rung(bell) == 0
    for each in (fd, bell, resample):
        os.close(each)


@pytest.mark.parametrize(
    "raw",
    [
        HEADER.pack(Command.CONFIG_READ, 0, 1 << 40),
        HEADER.pack(Command.CONFIG_READ, 0, 4) + b"\0\0\0\0",
        HEADER.pack(Command.CONFIG_READ, 0, 12) + _CONFIG.pack(0, 0, 3),
        HEADER.pack(Command.BAR_READ, 0, 21) + _BAR.pack(0, 0, 16, 1),
        HEADER.pack(77, 0, 0),
        HEADER.pack(Command.SYNC_MEMORY, 0, 2) + b"ab",
    ],
)
def test_a_message_that_is_none_ends_the_connection(raw: bytes, card: FakeCard) -> None:
    before = open_descriptors()
    server = ProxyServer(card)
    server.start()
    server.qemu.settimeout(DEADLINE_S)
    server.qemu.sendall(raw)
    assert server.qemu.recv(64) == b""
    server.close()
    assert server.last_fault
    assert card.buses[-1] is None
    assert open_descriptors() == before


def test_the_machines_death_lets_go_of_the_card(server: ProxyServer, card: FakeCard) -> None:
    server.launched()
    deadline_s = time.monotonic() + DEADLINE_S
    while card.buses[-1:] != [None]:
        assert time.monotonic() < deadline_s
        time.sleep(0.002)
    assert server.last_fault == ""
