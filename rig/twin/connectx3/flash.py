"""The SPI NOR flash behind the chip: transactions, timing, and what is left when power goes in between.

Ref: Winbond W25Q32BV datasheet, section 11 (instructions); the other parts take the same ones.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rig.errors import UsageError
from rig.twin.connectx3.faults import Faults

PAGE_BYTES = 256
KIB = 1 << 10
ERASED = b"\xff"
_READ, _PROGRAM, _STATUS, _ENABLE, _DISABLE = 0x03, 0x02, 0x05, 0x06, 0x04
_FAST_READ, _JEDEC, _STATUS_2, _SIGNATURE = 0x0B, 0x9F, 0x35, 0xAB
_WIP, _WEL = 0x01, 0x02


@dataclass(frozen=True, slots=True)
class Part:
    """A flash part: its identification, size, and bytes per erase instruction."""

    jedec: bytes
    log2_bytes: int
    erases: Mapping[int, int]


_BOTH = MappingProxyType({0x20: 4 * KIB, 0xD8: 64 * KIB})
PARTS: Mapping[str, Part] = MappingProxyType({
    "w25q32": Part(b"\xef\x40\x16", 22, _BOTH),
    "w25q16": Part(b"\xef\x40\x15", 21, _BOTH),
    "n25q032": Part(b"\x20\xba\x16", 22, _BOTH),
    "m25px16": Part(b"\x20\x71\x15", 21, _BOTH),
    "m25p16": Part(b"\x20\x20\x15", 21, MappingProxyType({0xD8: 64 * KIB})),
    "mx25l16": Part(b"\xc2\x20\x15", 21, _BOTH),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the part is busy; 0: not at all."""

    page_s: float = 0.0
    erase_s: float = 0.0


IDEAL = Timing()


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A program or erase, and what it replaces."""

    address: int
    before: bytes
    start_s: float
    end_s: float


class Flash:
    """One part, its content in a file; UsageError for a part nobody knows, or a file of another size."""

    def __init__(self, path: Path, part: str, timing: Timing, faults: Faults, clock: Callable[[], float]) -> None:
        if part not in PARTS:
            raise UsageError(f"no flash part {part!r}, there are {', '.join(PARTS)}")
        self._part, self._timing, self._faults, self._clock = PARTS[part], timing, faults, clock
        self.bytes = 1 << self._part.log2_bytes
        self.memory = _mapped(path, self.bytes)
        self._opcode = self._address = 0
        self._written = bytearray()
        self._enabled = self.missing = False
        self._under_way: _UnderWay | None = None

    def power_on(self) -> None:
        """The part after its power came up: write disabled, nothing under way."""
        self._enabled, self._under_way = False, None
        self.missing = self._faults.strikes("no-flash") is not None

    def power_off(self) -> None:
        """What was under way is half done: the part of it that had its time is new, the rest as before."""
        torn = self._under_way
        if torn and self._busy():
            span_s = torn.end_s - torn.start_s
            share = 0.5 if math.isinf(span_s) else (self._clock() - torn.start_s) / span_s
            done = int(len(torn.before) * share)
            self.memory[torn.address + done : torn.address + len(torn.before)] = torn.before[done:]
        self._under_way = None

    # --- one transaction: begin, any number of reads or writes, end ------------------------------------------

    def begin(self, opcode: int, address: int) -> None:
        """Chip select falls; while the part is busy it listens to nothing but a status read."""
        heard = not self.missing and (opcode == _STATUS or not self._busy())
        self._opcode, self._address = opcode if heard else 0, address & (self.bytes - 1)
        self._written.clear()

    def write(self, data: bytes) -> None:
        self._written += data

    def read(self, count: int) -> bytes:
        """The next bytes out of the part; ones where nothing drives the wire."""
        opcode = self._opcode
        if opcode in (_READ, _FAST_READ):
            start = self._address
            self._address = (start + count) & (self.bytes - 1)
            data = self.memory[start : start + count]
            return data if len(data) == count else data + self.memory[: count - len(data)]
        if opcode == _STATUS:
            return bytes((self._status(),)) * count
        if opcode == _JEDEC:
            return self._part.jedec.ljust(count, b"\0")
        if opcode == _STATUS_2:
            return bytes(count)
        return ERASED * count

    def end(self) -> None:
        """Chip select rises: the part acts."""
        opcode, self._opcode = self._opcode, 0
        if opcode in (_ENABLE, _DISABLE):
            self._enabled = opcode == _ENABLE
        elif self._enabled and opcode == _PROGRAM:
            self._program()
        elif self._enabled and opcode in self._part.erases:
            self._erase(self._part.erases[opcode])

    # --- what it does ----------------------------------------------------------------------------------------

    def _program(self) -> None:
        page = self._address & -PAGE_BYTES
        before = self.memory[page : page + PAGE_BYTES]
        content = bytearray(_cleared(before, self._address % PAGE_BYTES, bytes(self._written)))
        written = range(self._address, self._address + len(self._written))
        if stuck := self._faults.strikes("stuck-byte", written):
            content[stuck.address % PAGE_BYTES] ^= 0x10
        if not self._faults.strikes("program-fails"):
            self.memory[page : page + PAGE_BYTES] = bytes(content)
        self._took(page, before, self._timing.page_s)
        self._faults.programs += 1

    def _erase(self, count: int) -> None:
        address = self._address & -count
        before = self.memory[address : address + count]
        if not self._faults.strikes("erase-fails"):
            self.memory[address : address + count] = ERASED * count
        self._took(address, before, self._timing.erase_s)

    def _took(self, address: int, before: bytes, span_s: float) -> None:
        self._enabled = False
        if self._faults.strikes("wip-stuck"):
            span_s = math.inf
        if span_s:
            now_s = self._clock()
            self._under_way = _UnderWay(address, before, now_s, now_s + span_s)

    def _busy(self) -> bool:
        if self._under_way and self._clock() >= self._under_way.end_s:
            self._under_way = None
        return self._under_way is not None

    def _status(self) -> int:
        return _WIP * self._busy() | _WEL * self._enabled


def _cleared(page: bytes, first: int, data: bytes) -> bytes:
    """The page with the bits cleared that are clear in the data, which wraps to the page's start."""
    late = max(len(data) - PAGE_BYTES, 0)
    first, data = (first + late) % PAGE_BYTES, data[late:]
    mask = bytearray(ERASED * PAGE_BYTES)
    head = data[: PAGE_BYTES - first]
    mask[first : first + len(head)] = head
    mask[: len(data) - len(head)] = data[len(head) :]
    return (int.from_bytes(page, "big") & int.from_bytes(mask, "big")).to_bytes(PAGE_BYTES, "big")


def _mapped(path: Path, count: int) -> mmap.mmap:
    """The file's content, shared; a new file is an erased part."""
    with path.open("a+b") as file:
        there = file.seek(0, 2)
        if there not in (0, count):
            raise UsageError(f"{path}: has {there} bytes, this flash part has {count}")
        if not there:
            file.write(ERASED * count)
            file.flush()
        return mmap.mmap(file.fileno(), count)
