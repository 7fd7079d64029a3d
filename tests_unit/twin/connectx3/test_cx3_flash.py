from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rig.errors import UsageError
from rig.twin.connectx3.faults import ChipFault, Faults
from rig.twin.connectx3.flash import IDEAL, PARTS, Flash, Timing

READ, PROGRAM, STATUS, ENABLE, DISABLE, JEDEC = 0x03, 0x02, 0x05, 0x06, 0x04, 0x9F
SECTOR, BLOCK = 0x20, 0xD8
REAL = Timing(page_s=0.001, erase_s=0.5)


class Bus:
    """Transactions as a controller makes them, with a clock that stands until it is moved."""

    def __init__(
        self, path: Path, timing: Timing = IDEAL, faults: Sequence[ChipFault] = (), part: str = "w25q32"
    ) -> None:
        self.now_s = 0.0
        self.flash = Flash(path / "flash.bin", part, timing, Faults(faults), lambda: self.now_s)

    def send(self, opcode: int, address: int = 0, data: bytes = b"") -> None:
        self.flash.begin(opcode, address)
        self.flash.write(data)
        self.flash.end()

    def take(self, opcode: int, count: int, address: int = 0) -> bytes:
        self.flash.begin(opcode, address)
        data = self.flash.read(count)
        self.flash.end()
        return data

    def program(self, address: int, data: bytes) -> None:
        self.send(ENABLE)
        self.send(PROGRAM, address, data)

    def erase(self, address: int, opcode: int = BLOCK) -> None:
        self.send(ENABLE)
        self.send(opcode, address)

    def status(self) -> int:
        return self.take(STATUS, 1)[0]


def test_a_new_part_is_blank_and_names_itself(tmp_path: Path) -> None:
    bus = Bus(tmp_path)
    assert bus.take(JEDEC, 4) == b"\xef\x40\x16\x00"
    assert bus.take(READ, 16, 0x123450) == b"\xff" * 16
    assert bus.status() == 0


def test_programming_only_clears_bits(tmp_path: Path) -> None:
    bus = Bus(tmp_path)
    bus.program(0x100, b"\xf0\x0f")
    bus.program(0x100, b"\x3c\x3c\x00")
    assert bus.take(READ, 4, 0x100) == b"\x30\x0c\x00\xff"


@pytest.mark.parametrize(("first", "count"), [(0, 256), (0xF8, 16), (0xFF, 2), (0, 1), (0x10, 256), (0, 300)])
def test_programming_wraps_inside_its_page(tmp_path: Path, first: int, count: int) -> None:
    bus = Bus(tmp_path)
    data = bytes(n % 251 for n in range(count))
    bus.program(0x1200 + first, data)
    page = bytearray(b"\xff" * 256)
    for n, byte in list(enumerate(data))[-256:]:
        page[(first + n) % 256] = byte
    assert bus.take(READ, 256, 0x1200) == page
    assert bus.take(READ, 16, 0x1300) == b"\xff" * 16


@pytest.mark.parametrize("before", [(), (DISABLE,), (ENABLE, DISABLE)])
def test_without_write_enable_nothing_changes(tmp_path: Path, before: Sequence[int]) -> None:
    bus = Bus(tmp_path)
    bus.program(0, b"\x00" * 4)
    for opcode in before:
        bus.send(opcode)
    bus.send(PROGRAM, 0x10, b"\x00")
    bus.send(BLOCK, 0)
    assert bus.take(READ, 5, 0) == b"\x00" * 4 + b"\xff"
    assert bus.take(READ, 1, 0x10) == b"\xff"


def test_write_enable_is_good_for_one_operation(tmp_path: Path) -> None:
    bus = Bus(tmp_path)
    bus.send(ENABLE)
    assert bus.status() == 2
    bus.send(PROGRAM, 0, b"\x00")
    assert bus.status() == 0
    bus.send(PROGRAM, 1, b"\x00")
    assert bus.take(READ, 2) == b"\x00\xff"


@pytest.mark.parametrize(("opcode", "size"), [(SECTOR, 0x1000), (BLOCK, 0x10000)])
def test_an_erase_takes_its_whole_block_and_no_more(tmp_path: Path, opcode: int, size: int) -> None:
    bus = Bus(tmp_path)
    base = 0x20000
    for address in (base - 1, base, base + size - 1, base + size):
        bus.program(address, b"\x00")
    bus.erase(base + size // 2, opcode)
    ends = [bus.take(READ, 1, at)[0] for at in (base - 1, base, base + size - 1, base + size)]
    assert ends == [0x00, 0xFF, 0xFF, 0x00]


def test_a_part_without_small_sectors_ignores_their_erase(tmp_path: Path) -> None:
    bus = Bus(tmp_path, part="m25p16")
    bus.program(0, b"\x00")
    bus.erase(0, SECTOR)
    assert bus.take(READ, 1) == b"\x00"


def test_a_read_runs_over_the_end_to_the_start(tmp_path: Path) -> None:
    bus = Bus(tmp_path)
    bus.program(0, b"\x11")
    assert bus.take(READ, 16, bus.flash.bytes - 8) == b"\xff" * 8 + b"\x11" + b"\xff" * 7
    bus.flash.begin(READ, bus.flash.bytes - 16)
    assert (bus.flash.read(16), bus.flash.read(1)) == (b"\xff" * 16, b"\x11")


def test_the_content_outlives_the_part(tmp_path: Path) -> None:
    Bus(tmp_path).program(0x40, b"lab")
    assert Bus(tmp_path).take(READ, 3, 0x40) == b"lab"


def test_another_part_does_not_take_over_the_file(tmp_path: Path) -> None:
    Bus(tmp_path, part="w25q32")
    with pytest.raises(UsageError, match="has 4194304 bytes, this flash part has 2097152"):
        Bus(tmp_path, part="w25q16")
    with pytest.raises(UsageError, match="no flash part 'at25'"):
        Bus(tmp_path, part="at25")
    assert len(PARTS) == 6


# --- time and power -----------------------------------------------------------------------------------------------


def test_a_busy_part_answers_its_status_and_nothing_else(tmp_path: Path) -> None:
    bus = Bus(tmp_path, REAL)
    bus.program(0, b"\x00")
    assert bus.status() == 1
    assert bus.take(READ, 1) == b"\xff"
    assert bus.take(JEDEC, 3) == b"\xff" * 3
    bus.program(1, b"\x00")
    bus.now_s = 0.001
    assert bus.status() == 0
    assert bus.take(READ, 2) == b"\x00\xff"


@pytest.mark.parametrize(
    ("after_s", "erased"), [(0.0, 0), (0.125, 0x4000), (0.25, 0x8000), (0.5, 0x10000), (9, 0x10000)]
)
def test_an_erase_that_lost_power_is_torn(tmp_path: Path, after_s: float, erased: int) -> None:
    bus = Bus(tmp_path, REAL)
    bus.flash.memory[:0x10000] = bytes(0x10000)
    bus.erase(0)
    bus.now_s = after_s
    bus.flash.power_off()
    assert bus.flash.memory[:0x10000] == b"\xff" * erased + bytes(0x10000 - erased)


@pytest.mark.parametrize(("after_s", "written"), [(0.0, 0), (0.0005, 128), (0.001, 256)])
def test_a_program_that_lost_power_is_torn(tmp_path: Path, after_s: float, written: int) -> None:
    bus = Bus(tmp_path, REAL)
    bus.program(0x300, bytes(256))
    bus.now_s = after_s
    bus.flash.power_off()
    bus.flash.power_on()
    assert bus.take(READ, 256, 0x300) == bytes(written) + b"\xff" * (256 - written)
    assert bus.status() == 0


# --- faults -------------------------------------------------------------------------------------------------------


def test_an_operation_that_never_ends_ends_with_power(tmp_path: Path) -> None:
    bus = Bus(tmp_path, faults=[ChipFault("wip-stuck", times=1)])
    bus.program(0, b"\x00" * 256)
    bus.now_s = 1e9
    assert bus.status() == 1
    bus.flash.power_off()
    bus.flash.power_on()
    assert bus.status() == 0
    assert bus.take(READ, 256) == bytes(128) + b"\xff" * 128
    bus.program(0, b"\x00" * 256)
    assert bus.take(READ, 256) == bytes(256)


def test_a_program_fails_after_as_many_as_said_and_as_often(tmp_path: Path) -> None:
    bus = Bus(tmp_path, faults=[ChipFault("program-fails", after=2, times=2)])
    for n in range(6):
        bus.program(n * 256, b"\x00")
    assert [bus.take(READ, 1, n * 256)[0] for n in range(6)] == [0, 0, 0xFF, 0xFF, 0, 0]


def test_an_erase_fails(tmp_path: Path) -> None:
    bus = Bus(tmp_path, faults=[ChipFault("erase-fails")])
    bus.program(0, b"\x00")
    bus.erase(0)
    assert bus.take(READ, 1) == b"\x00"


@pytest.mark.parametrize(("address", "strikes"), [(0x0FF, False), (0x100, True), (0x10F, True), (0x110, False)])
def test_a_stuck_byte_is_the_one_at_its_address(tmp_path: Path, address: int, strikes: bool) -> None:
    bus = Bus(tmp_path, faults=[ChipFault("stuck-byte", address=address)])
    data = bytes(range(16))
    bus.program(0x100, data)
    read = bus.take(READ, 16, 0x100)
    assert [n for n in range(16) if read[n] != data[n]] == ([address - 0x100] if strikes else [])


def test_a_part_that_is_not_there_drives_nothing(tmp_path: Path) -> None:
    bus = Bus(tmp_path, faults=[ChipFault("no-flash", times=1)])
    bus.flash.power_on()
    assert bus.flash.missing
    assert (bus.take(JEDEC, 3), bus.take(0xAB, 1), bus.take(STATUS, 1)) == (b"\xff" * 3, b"\xff", b"\xff")
    bus.flash.power_on()
    assert bus.take(JEDEC, 3) == b"\xef\x40\x16"


def test_a_fault_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="no chip fault 'tired'"):
        ChipFault("tired")
