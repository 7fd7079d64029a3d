"""Messages of QEMU 7.2's multi-process protocol: bytes to values and back, nothing else.

Ref: QEMU 7.2 include/hw/remote/mpqemu-link.h, hw/remote/proxy.c, hw/remote/memory.c.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from rig.twin.linux.vfio_wire import Malformed, Mapping

HEADER = struct.Struct("<iIQ")
LARGEST = 4096
MOST_FDS = 8
_CONFIG, _BAR, _ANSWER = struct.Struct("<IIi"), struct.Struct("<QQIB"), struct.Struct("<iIQQ")
_MEMORY = struct.Struct("<8Q8Q8q")


class Command(IntEnum):
    """What the machine asks for."""

    SYNC_MEMORY = 0
    RETURN = 1
    CONFIG_WRITE = 2
    CONFIG_READ = 3
    BAR_WRITE = 4
    BAR_READ = 5
    SET_IRQFD = 6
    DEVICE_RESET = 7


SILENT = frozenset((Command.SYNC_MEMORY, Command.SET_IRQFD))
"""What the machine waits for no answer to."""


@dataclass(frozen=True, slots=True)
class Access:
    """A read or write of configuration space, or of memory at an address of the machine's."""

    address: int
    data: bytes
    size: int


def header(raw: bytes) -> tuple[int, int]:
    """Command and size of the payload; Malformed: a size that no message has."""
    command, _, size = HEADER.unpack(raw)
    if size > LARGEST:
        raise Malformed(f"a message of {size} byte")
    return command, size


def config_access(payload: bytes) -> Access:
    if len(payload) < _CONFIG.size:
        raise Malformed(f"{len(payload)} byte of a configuration access")
    address, value, size = _CONFIG.unpack_from(payload)
    if size not in (1, 2, 4) or address + size > 4096:
        raise Malformed(f"a configuration access of {size} byte at {address:#x}")
    return Access(address, value.to_bytes(4, "little")[:size], size)


def bar_access(payload: bytes) -> Access:
    if len(payload) < _BAR.size:
        raise Malformed(f"{len(payload)} byte of a memory access")
    address, value, size, _ = _BAR.unpack_from(payload)
    if size not in (1, 2, 4, 8):
        raise Malformed(f"a memory access of {size} byte")
    return Access(address, value.to_bytes(8, "little")[:size], size)


def memory_map(payload: bytes, pieces: int) -> tuple[Mapping, ...]:
    """The machine's memory, one piece for each descriptor that came along."""
    if len(payload) < _MEMORY.size or pieces > MOST_FDS:
        raise Malformed(f"{len(payload)} byte of a memory map with {pieces} descriptors")
    words = _MEMORY.unpack_from(payload)
    return tuple(Mapping(words[n], words[8 + n], words[16 + n], True, True) for n in range(pieces))


def answer(value: int) -> bytes:
    return _ANSWER.pack(Command.RETURN, 0, 8, value & 0xFFFFFFFFFFFFFFFF)
