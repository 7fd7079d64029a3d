"""The vfio-user server against a fake machine monitor."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_qemu import DEADLINE_S, FakeCard, FakeQemu, open_descriptors, rung

from rig.errors import BenchError
from rig.twin.linux import vfio_stream
from rig.twin.linux.vfio_user import VfioUserServer
from rig.twin.linux.vfio_wire import HEADER, Command


@pytest.fixture
def card() -> FakeCard:
    return FakeCard()


@pytest.fixture
def server(card: FakeCard, tmp_path: Path) -> Iterator[VfioUserServer]:
    server = VfioUserServer(tmp_path / "card.sock", card)
    server.start()
    yield server
    server.close()


@pytest.fixture
def qemu(server: VfioUserServer, tmp_path: Path) -> Iterator[FakeQemu]:
    qemu = FakeQemu(tmp_path / "card.sock")
    qemu.version()
    yield qemu
    qemu.close()


def wait_until_unplugged(card: FakeCard) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not card.buses or card.buses[-1] is not None:
        assert time.monotonic() < deadline_s, "the card was not let go of"
        time.sleep(0.002)


def memory(size: int = 8192) -> int:
    fd = os.memfd_create("guest")
    os.ftruncate(fd, size)
    return fd


def test_the_version_comes_with_what_the_card_can_take(server: VfioUserServer, tmp_path: Path) -> None:
    qemu = FakeQemu(tmp_path / "card.sock")
    able = qemu.version()["capabilities"]
    assert isinstance(able, dict)
    assert able["max_msg_fds"] == 8
    assert able["pgsizes"] == 4096
    qemu.close()


def test_it_is_a_pci_device_with_the_bars_and_vectors_of_the_card(qemu: FakeQemu) -> None:
    _, flags, regions, kinds = struct.unpack("<4I", qemu.ask(Command.DEVICE_GET_INFO, bytes(16)))
    assert (flags, regions, kinds) == (3, 9, 5)
    sizes = {}
    for region in range(9):
        info = qemu.ask(Command.REGION_INFO, struct.pack("<4IQQ", 32, 0, region, 0, 0, 0))
        sizes[region] = struct.unpack("<4IQQ", info)[4]
    assert sizes == {0: 4096, 1: 0, 2: 0, 3: 0, 4: 16384, 5: 0, 6: 0, 7: 4096, 8: 0}
    counts = [struct.unpack("<4I", qemu.ask(Command.IRQ_INFO, struct.pack("<4I", 16, 0, n, 0)))[3] for n in range(5)]
    assert counts == [1, 1, 8, 0, 0]


def test_configuration_space_and_bars_are_read_and_written(qemu: FakeQemu, card: FakeCard) -> None:
    assert qemu.read(7, 0, 4) == b"\x86\x80\x28\x15"
    qemu.write(7, 0x3C, b"\x0b")
    assert card.config[0x3C] == 0x0B
    qemu.write(0, 0x20, b"abcd")
    assert qemu.read(0, 0x20, 4) == b"abcd"


def test_several_writes_may_come_in_one_message(qemu: FakeQemu, card: FakeCard) -> None:
    rows = [struct.pack("<QII8s", at, 0, 4, bytes([at] * 8)) for at in (0, 8)]
    assert struct.unpack("<Q", qemu.ask(Command.REGION_WRITE_MULTI, struct.pack("<Q", 2) + b"".join(rows))) == (2,)
    assert card.memory[:12] == b"\0\0\0\0\0\0\0\0\x08\x08\x08\x08"


def test_a_posted_write_gets_no_answer(qemu: FakeQemu, card: FakeCard) -> None:
    qemu.send(Command.REGION_WRITE, struct.pack("<QII", 4, 0, 4) + b"post", flags=0x10)
    assert qemu.read(0, 4, 4) == b"post"


def test_an_access_beyond_a_region_is_refused_and_the_connection_lives(qemu: FakeQemu) -> None:
    for region, at, size in ((0, 4094, 4), (3, 0, 4), (7, 4096, 1), (200, 0, 4)):
        qemu.send(Command.REGION_READ, struct.pack("<QII", at, region, size))
        assert qemu.answer()[0] == 22
    assert qemu.read(7, 0, 2) == b"\x86\x80"


def test_a_request_nobody_knows_is_refused_and_the_connection_lives(qemu: FakeQemu) -> None:
    qemu.send(99, b"?")
    assert qemu.answer()[0] == 22
    assert qemu.read(7, 0, 2) == b"\x86\x80"


def test_the_machines_memory_is_shared_while_it_is_mapped(qemu: FakeQemu, card: FakeCard) -> None:
    fd = memory()
    qemu.master()
    qemu.map(0x10000, 4096, fd, offset=4096)
    os.pwrite(fd, b"from the guest", 4096 + 16)
    assert bytes(card.bus.memory(0x10010, 14)) == b"from the guest"
    card.bus.memory(0x10000, 4)[:] = b"card"
    assert os.pread(fd, 4, 4096) == b"card"
    with pytest.raises(LookupError):
        card.bus.memory(0x10FFF, 2)
    qemu.unmap(0x10000, 4096)
    with pytest.raises(LookupError):
        card.bus.memory(0x10000, 4)
    os.close(fd)


def test_without_bus_mastering_there_is_no_memory_and_no_interrupt(qemu: FakeQemu, card: FakeCard) -> None:
    fd, bell = memory(), os.eventfd(0)
    qemu.map(0, 4096, fd)
    qemu.eventfds(2, 0, (bell,))
    with pytest.raises(LookupError):
        card.bus.memory(0, 4)
    card.bus.interrupt(0)
    assert rung(bell) == 0
    qemu.master()
    card.bus.interrupt(0)
    assert (rung(bell), len(card.bus.memory(0, 4))) == (1, 4)
    qemu.master(False)
    with pytest.raises(LookupError):
        card.bus.memory(0, 4)
    os.close(fd)
    os.close(bell)


def test_a_map_larger_than_its_file_is_refused(qemu: FakeQemu, card: FakeCard) -> None:
    fd = memory(4096)
    qemu.send(Command.DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, 0, 8192), (fd,))
    assert qemu.answer()[0] == 22
    os.close(fd)


def test_interrupts_go_to_msix_then_msi_then_the_pin(qemu: FakeQemu, card: FakeCard) -> None:
    qemu.master()
    bells = tuple(os.eventfd(0) for _ in range(4))
    qemu.eventfds(0, 0, bells[:1])
    card.bus.interrupt(3)
    assert [rung(b) for b in bells] == [1, 0, 0, 0]
    qemu.eventfds(1, 0, bells[1:2])
    card.bus.interrupt(3)
    assert [rung(b) for b in bells] == [0, 1, 0, 0]
    qemu.eventfds(2, 2, bells[2:])
    card.bus.interrupt(3)
    card.bus.interrupt(2)
    assert [rung(b) for b in bells] == [0, 0, 1, 1]
    # no descriptors for a vector: the machine took it back; no vectors at all: the whole kind
    qemu.ask(Command.SET_IRQS, struct.pack("<5I", 20, 4 | 0x20, 2, 3, 1))
    qemu.ask(Command.SET_IRQS, struct.pack("<5I", 20, 1 | 0x20, 1, 0, 0))
    card.bus.interrupt(3)
    assert [rung(b) for b in bells] == [1, 0, 0, 0]
    for bell in bells:
        os.close(bell)


def test_a_reset_reaches_the_card_and_ends_its_mastering(qemu: FakeQemu, card: FakeCard) -> None:
    fd = memory()
    qemu.master()
    qemu.map(0, 4096, fd)
    qemu.ask(Command.DEVICE_RESET)
    assert card.resets == 1
    with pytest.raises(LookupError):
        card.bus.memory(0, 4)
    os.close(fd)


def test_a_card_that_died_reads_all_ones(qemu: FakeQemu, card: FakeCard) -> None:
    card.dead = True
    assert qemu.read(7, 0, 4) == b"\xff" * 4
    assert qemu.read(0, 0, 4) == b"\xff" * 4
    qemu.write(7, 4, b"\x06\x00")
    with pytest.raises(LookupError):
        card.bus.memory(0, 4)


def test_a_machine_may_go_and_the_next_one_come(server: VfioUserServer, card: FakeCard, tmp_path: Path) -> None:
    for _ in range(3):
        qemu = FakeQemu(tmp_path / "card.sock")
        qemu.version()
        bus = card.bus
        qemu.close()
        wait_until_unplugged(card)
        bus.interrupt(0)
        with pytest.raises(LookupError):
            bus.memory(0, 4)
    assert server.last_fault == ""


@pytest.mark.parametrize(
    "raw",
    [
        HEADER.pack(1, 9, 8, 0, 0),
        HEADER.pack(1, 9, 1 << 31, 0, 0),
        HEADER.pack(1, 9, 16, 1, 0),
        HEADER.pack(1, Command.REGION_READ, 20, 0, 0) + b"\0\0\0\0",
        HEADER.pack(1, Command.REGION_READ, 32, 0, 0) + struct.pack("<QII", 0, 0, 1 << 30),
        HEADER.pack(1, Command.REGION_WRITE, 36, 0, 0) + struct.pack("<QII", 0, 0, 64) + b"abcd",
        HEADER.pack(1, Command.REGION_WRITE_MULTI, 24, 0, 0) + struct.pack("<Q", 1 << 60),
        HEADER.pack(1, Command.VERSION, 20, 0, 0) + struct.pack("<HH", 7, 0),
        HEADER.pack(1, Command.SET_IRQS, 36, 0, 0) + struct.pack("<5I", 20, 4, 2, 0, 1 << 31),
        HEADER.pack(1, Command.DMA_MAP, 48, 0, 0) + struct.pack("<IIQQQ", 32, 3, 0, 1 << 63, 1 << 63 | 1),
    ],
)
def test_a_message_that_is_none_ends_the_connection_and_not_the_server(
    raw: bytes, server: VfioUserServer, card: FakeCard, tmp_path: Path
) -> None:
    qemu = FakeQemu(tmp_path / "card.sock")
    qemu.end.sendall(raw)
    assert qemu.end.recv(64) == b""
    wait_until_unplugged(card)
    assert server.last_fault
    again = FakeQemu(tmp_path / "card.sock")
    again.version()
    assert again.read(7, 0, 2) == b"\x86\x80"
    qemu.close()
    again.close()


def test_half_a_message_is_waited_for_and_then_given_up(
    card: FakeCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vfio_stream, "PATIENCE_S", 0.05)
    server = VfioUserServer(tmp_path / "card.sock", card)
    server.start()
    qemu = FakeQemu(tmp_path / "card.sock")
    qemu.version()
    qemu.end.sendall(HEADER.pack(9, Command.REGION_READ, 32, 0, 0))
    assert qemu.end.recv(64) == b""
    assert "half a message" in server.last_fault
    qemu.close()
    server.close()


def test_a_message_in_pieces_is_put_together(qemu: FakeQemu) -> None:
    raw = HEADER.pack(1, Command.REGION_READ, 32, 0, 0) + struct.pack("<QII", 0, 7, 4)
    for n in range(0, len(raw), 5):
        qemu.end.sendall(raw[n : n + 5])
    assert qemu.end.recv(64)[32:] == b"\x86\x80\x28\x15"


def test_descriptors_belong_to_the_message_they_came_with(qemu: FakeQemu, card: FakeCard) -> None:
    """Two messages in one go: the kernel may hand both over in one read."""
    fd = memory()
    qemu.master()
    qemu.send(Command.REGION_WRITE, struct.pack("<QII", 0, 0, 4) + b"one!", flags=0x10)
    qemu.map(0, 4096, fd)
    os.pwrite(fd, b"here", 0)
    assert bytes(card.bus.memory(0, 4)) == b"here"
    os.close(fd)


def test_no_descriptor_is_left_behind(card: FakeCard, tmp_path: Path) -> None:
    before = open_descriptors()
    server = VfioUserServer(tmp_path / "card.sock", card)
    server.start()
    fd, bells = memory(), tuple(os.eventfd(0) for _ in range(8))
    for hostile in (False, True, False):
        qemu = FakeQemu(tmp_path / "card.sock")
        qemu.version()
        qemu.map(0, 4096, fd)
        qemu.eventfds(2, 0, bells)
        qemu.eventfds(2, 0, bells)
        # descriptors with messages that want none
        qemu.ask(Command.DEVICE_GET_INFO, bytes(16), bells[:3])
        qemu.send(99, b"", bells)
        qemu.answer()
        if hostile:
            qemu.send(Command.REGION_READ, b"short", bells)
        qemu.close()
        wait_until_unplugged(card)
    server.close()
    for each in (fd, *bells):
        os.close(each)
    assert open_descriptors() == before
    assert not (tmp_path / "card.sock").exists()


def test_closing_hangs_up_on_the_machine(server: VfioUserServer, qemu: FakeQemu, card: FakeCard) -> None:
    server.close()
    assert qemu.end.recv(16) == b""
    assert card.buses[-1] is None


def test_a_path_that_cannot_be_a_socket_is_said(card: FakeCard, tmp_path: Path) -> None:
    server = VfioUserServer(tmp_path / ("long" * 40), card)
    with pytest.raises(BenchError, match="cannot listen at"):
        server.start()
    server.close()
