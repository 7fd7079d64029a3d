"""Base address registers with their addresses, and how a kernel prints and writes them.

Ref: Linux 6.1 drivers/pci/setup-res.c, include/linux/ioport.h for the flags, lib/vsprintf.c `%pR`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rig.twin.host import pci

FIRST_FREE: Mapping[str, int] = MappingProxyType({"mem32": 0xF600_0000, "pref64": 0x3800_0000_0000, "io": 0xE000})
_FLAGS = MappingProxyType({"mem32": 0x40200, "mem64": 0x140204, "pref64": 0x14220C, "io": 0x40101})
_LOW_BITS = MappingProxyType({"mem32": 0x0, "mem64": 0x4, "pref64": 0xC, "io": 0x1})
_SUFFIX = MappingProxyType({"mem32": "", "mem64": " 64bit", "pref64": " 64bit pref", "io": ""})
_IS_64_BIT = 0x4


@dataclass(frozen=True, slots=True)
class Resource:
    """A placed register."""

    start: int
    size: int
    kind: str

    @property
    def end(self) -> int:
        return self.start + self.size - 1

    @property
    def flags(self) -> int:
        return _FLAGS[self.kind]

    def __str__(self) -> str:
        if self.kind == "io":
            return f"[io  {self.start:#06x}-{self.end:#06x}]"
        return f"[mem {self.start:#010x}-{self.end:#010x}{_SUFFIX[self.kind]}]"


def unplaced(size: int, kind: str) -> str:
    """How the kernel prints a register that has no address."""
    return f"[io  size {size:#06x}]" if kind == "io" else f"[mem size {size:#010x}{_SUFFIX[kind]}]"


def programmed(config: bytes, number: int, kind: str) -> int:
    """The address in the register, 0 when nobody has written one."""
    at = pci.BAR0 + 4 * number
    low = pci.u32(config, at) & (0xFFFF_FFFC if kind == "io" else 0xFFFF_FFF0)
    high = pci.u32(config, at + 4) if kind in ("mem64", "pref64") else 0
    return high << 32 | low


def program(config: bytes, resources: Mapping[int, Resource], command: int, lost: Iterable[int] = ()) -> bytes:
    """`config` with the addresses in its registers, those of `lost` cleared, and `command` bits switched on."""
    out = bytearray(config)
    for number, resource in resources.items():
        at = pci.BAR0 + 4 * number
        struct.pack_into("<I", out, at, resource.start & 0xFFFF_FFFF | _LOW_BITS[resource.kind])
        if resource.kind in ("mem64", "pref64"):
            struct.pack_into("<I", out, at + 4, resource.start >> 32)
    for number in lost:
        at = pci.BAR0 + 4 * number
        kind = pci.u32(config, at) & 0xF
        struct.pack_into("<I", out, at, kind)
        if kind & _IS_64_BIT:
            struct.pack_into("<I", out, at + 4, 0)
    struct.pack_into("<H", out, pci.COMMAND, pci.u16(config, pci.COMMAND) | command)
    return bytes(out)
