"""Messages of the vfio-user protocol: bytes to values and back, nothing else.

Ref: libvfio-user docs/vfio-user.rst, protocol 0.1; Linux include/uapi/linux/vfio.h; QEMU 11.1 hw/vfio-user/protocol.h.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import IntEnum

HEADER = struct.Struct("<HHIII")
REPLY, NO_REPLY, ERROR = 0x1, 0x10, 0x20
LARGEST_TRANSFER = 1 << 20
LARGEST_MESSAGE = HEADER.size + 16 + LARGEST_TRANSFER
MOST_FDS = 8
CONFIG_REGION, REGIONS = 7, 9
CONFIG_BYTES = 4096
INTX, MSI, MSIX, IRQ_KINDS = 0, 1, 2, 5
DEVICE_RESET, DEVICE_PCI = 0x1, 0x2
READABLE, WRITABLE = 0x1, 0x2
IRQ_EVENTFD, IRQ_MASKABLE, IRQ_AUTOMASKED, IRQ_NORESIZE = 0x1, 0x2, 0x4, 0x8
DATA_NONE, DATA_EVENTFD = 0x1, 0x4
_PAIR, _ACCESS = struct.Struct("<HH"), struct.Struct("<QII")
_MAP, _UNMAP, _REGION = struct.Struct("<IIQQQ"), struct.Struct("<IIQQ"), struct.Struct("<IIIIQQ")
_FOUR, _IRQS, _COUNT = struct.Struct("<4I"), struct.Struct("<5I"), struct.Struct("<Q")


class Malformed(Exception):
    """The peer does not speak the protocol; the connection is worth nothing any more."""


class Command(IntEnum):
    """What a machine asks for."""

    VERSION = 1
    DMA_MAP = 2
    DMA_UNMAP = 3
    DEVICE_GET_INFO = 4
    REGION_INFO = 5
    REGION_IO_FDS = 6
    IRQ_INFO = 7
    SET_IRQS = 8
    REGION_READ = 9
    REGION_WRITE = 10
    DEVICE_RESET = 13
    REGION_WRITE_MULTI = 15


@dataclass(frozen=True, slots=True)
class Header:
    """The 16 bytes before every message; `size` counts them too."""

    number: int
    command: int
    size: int
    flags: int

    @property
    def wants_reply(self) -> bool:
        return not self.flags & NO_REPLY


@dataclass(frozen=True, slots=True)
class Access:
    """A read or write of a region."""

    region: int
    offset: int
    count: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A piece of the machine's memory; `offset` is its place in the file descriptor that comes with it."""

    address: int
    size: int
    offset: int
    readable: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class IrqSet:
    """How some vectors of a kind shall be signalled."""

    kind: int
    first: int
    count: int
    with_eventfds: bool
    nothing: bool


def header(raw: bytes) -> Header:
    """Malformed: not a request, or of a size that no request has."""
    number, command, size, flags, _ = HEADER.unpack(raw)
    if flags & 0xF:
        raise Malformed(f"a message of type {flags & 0xF} where a request was due")
    if not HEADER.size <= size <= LARGEST_MESSAGE:
        raise Malformed(f"a message of {size} byte")
    return Header(number, command, size, flags)


def reply(request: Header, payload: bytes) -> bytes:
    return HEADER.pack(request.number, request.command, HEADER.size + len(payload), REPLY, 0) + payload


def refusal(request: Header, errno: int) -> bytes:
    return HEADER.pack(request.number, request.command, HEADER.size, REPLY | ERROR, errno)


def version(payload: bytes) -> bytes:
    """Our version and abilities; Malformed: the peer's major version is another."""
    major, minor = _unpack(_PAIR, payload)
    if major != 0:
        raise Malformed(f"version {major}.{minor}, this end speaks 0.1")
    able = {
        "max_msg_fds": MOST_FDS,
        "max_data_xfer_size": LARGEST_TRANSFER,
        "pgsizes": 4096,
        "max_dma_maps": 65535,
        "write_multiple": True,
    }
    return _PAIR.pack(0, min(minor, 1)) + json.dumps({"capabilities": able}).encode() + b"\0"


def read_request(payload: bytes) -> Access:
    offset, region, count = _unpack(_ACCESS, payload)
    if count > LARGEST_TRANSFER:
        raise Malformed(f"a read of {count} byte")
    return Access(region, offset, count)


def read_reply(access: Access, data: bytes) -> bytes:
    return _ACCESS.pack(access.offset, access.region, len(data)) + data


def write_request(payload: bytes) -> Access:
    offset, region, count = _unpack(_ACCESS, payload)
    data = payload[_ACCESS.size :]
    if len(data) != count:
        raise Malformed(f"a write of {count} byte with {len(data)}")
    return Access(region, offset, count, data)


def write_reply(access: Access) -> bytes:
    return _ACCESS.pack(access.offset, access.region, access.count)


def writes_request(payload: bytes) -> tuple[Access, ...]:
    """WRITE_MULTI: writes of up to 8 byte, in order."""
    (count,) = _unpack(_COUNT, payload)
    if len(payload) != _COUNT.size + 24 * count:
        raise Malformed(f"{count} writes in {len(payload)} byte")
    out = []
    for at in range(_COUNT.size, len(payload), 24):
        offset, region, size = _ACCESS.unpack_from(payload, at)
        if size > 8:
            raise Malformed(f"a write of {size} byte among several")
        out.append(Access(region, offset, size, payload[at + 16 : at + 16 + size]))
    return tuple(out)


def writes_reply(done: tuple[Access, ...]) -> bytes:
    return _COUNT.pack(len(done))


def map_request(payload: bytes) -> Mapping:
    _, flags, offset, address, size = _unpack(_MAP, payload)
    if not size or address + size > 1 << 64:
        raise Malformed(f"a mapping of {size} byte at {address:#x}")
    return Mapping(address, size, offset, bool(flags & READABLE), bool(flags & WRITABLE))


def unmap_request(payload: bytes) -> tuple[int, int]:
    """Address and size."""
    _, _, address, size = _unpack(_UNMAP, payload)
    return address, size


def device_info() -> bytes:
    return _FOUR.pack(_FOUR.size, DEVICE_RESET | DEVICE_PCI, REGIONS, IRQ_KINDS)


def region_request(payload: bytes) -> int:
    return _unpack(_REGION, payload)[2]


def region_info(region: int, size: int) -> bytes:
    flags = READABLE | WRITABLE if size else 0
    return _REGION.pack(_REGION.size, flags, region, 0, size, 0)


def irq_request(payload: bytes) -> int:
    return _unpack(_FOUR, payload)[2]


def irq_info(kind: int, count: int) -> bytes:
    flags = IRQ_EVENTFD | (IRQ_MASKABLE | IRQ_AUTOMASKED if kind == INTX else IRQ_NORESIZE)
    return _FOUR.pack(_FOUR.size, flags, kind, count)


def irqs_request(payload: bytes) -> IrqSet:
    _, flags, kind, first, count = _unpack(_IRQS, payload)
    if kind >= IRQ_KINDS or first + count > 2048:
        raise Malformed(f"{count} interrupts from {first} of kind {kind}")
    return IrqSet(kind, first, count, bool(flags & DATA_EVENTFD), bool(flags & DATA_NONE))


def _unpack(layout: struct.Struct, payload: bytes) -> tuple[int, ...]:
    if len(payload) < layout.size:
        raise Malformed(f"{len(payload)} byte where {layout.size} were due")
    return layout.unpack_from(payload)
