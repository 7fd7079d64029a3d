"""What a kernel reads out of configuration space.

Ref: PCI Express Base Specification 4.0, sections 7.5.1 (header), 7.5.3 (PCI Express capability).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

GONE = b"\xff" * 4096
"""What a read returns when nobody answers."""

COMMAND, STATUS, CLASS, BAR0, SUBSYSTEM, CAP_POINTER = 0x04, 0x06, 0x08, 0x10, 0x2C, 0x34
EXPRESS_ID = 0x10
_MEMORY_SPACE = 0x2

SPEED_NAMES = {
    1: "2.5 GT/s PCIe",
    2: "5.0 GT/s PCIe",
    3: "8.0 GT/s PCIe",
    4: "16.0 GT/s PCIe",
    5: "32.0 GT/s PCIe",
    6: "64.0 GT/s PCIe",
}
_LANE_MBPS = {1: 2000, 2: 4000, 3: 7876, 4: 15753, 5: 31506}
"""Per lane after encoding. Ref: Linux 6.1 drivers/pci/pci.h PCIE_SPEED2MBS_ENC."""


@dataclass(frozen=True, slots=True)
class Link:
    """Speed as its code in the registers (1 is 2.5 GT/s), width in lanes."""

    speed: int
    width: int

    @property
    def mbps(self) -> int:
        return _LANE_MBPS.get(self.speed, 0) * self.width

    @property
    def speed_name(self) -> str:
        return SPEED_NAMES.get(self.speed, "Unknown")

    def __str__(self) -> str:
        return f"{self.speed_name} x{self.width} link"


def u8(config: bytes, at: int) -> int:
    return config[at]


def u16(config: bytes, at: int) -> int:
    return int(struct.unpack_from("<H", config, at)[0])


def u32(config: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", config, at)[0])


def vendor(config: bytes) -> int:
    return u16(config, 0)


def device(config: bytes) -> int:
    return u16(config, 2)


def decodes(config: bytes) -> bool:
    """Memory Space Enable is set: the BARs answer, and so does the device to its driver."""
    return bool(u16(config, COMMAND) & _MEMORY_SPACE)


def class_code(config: bytes) -> int:
    return u32(config, CLASS) >> 8


def header_type(config: bytes) -> int:
    return u8(config, 0x0E) & 0x7F


def subsystem(config: bytes) -> tuple[int, int]:
    """Vendor and device; zeros on a bridge, whose header has no such field."""
    if header_type(config) != 0:
        return 0, 0
    return u16(config, SUBSYSTEM), u16(config, SUBSYSTEM + 2)


def prefetchable_base(config: bytes) -> int:
    """Where a bridge's prefetchable window starts; 0: it has none."""
    return u32(config, 0x28) << 32 | (u16(config, 0x24) & 0xFFF0) << 16


def express_at(config: bytes) -> int | None:
    """Offset of the PCI Express capability; a list that loops or points out of range ends the search."""
    at, seen = u8(config, CAP_POINTER) & 0xFC, set[int]()
    while 0x40 <= at < 0xFF and at not in seen:
        if u8(config, at) == EXPRESS_ID:
            return at
        seen.add(at)
        at = u8(config, at + 1) & 0xFC
    return None


def link_capability(config: bytes, express: int) -> Link:
    value = u32(config, express + 0x0C)
    return Link(value & 0xF, value >> 4 & 0x3F)


def link_status(config: bytes, express: int) -> Link:
    value = u16(config, express + 0x12)
    return Link(value & 0xF, value >> 4 & 0x3F)
