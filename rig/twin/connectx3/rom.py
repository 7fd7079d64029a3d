"""An expansion ROM with the signature that tools look for, and nothing that could run."""

from __future__ import annotations

import struct

_VERSION = (3, 4, 752)
_PXE = 0x10
_BYTES = 0x2000


def option_rom(device_id: int, protocol: int) -> bytes:
    """A PXE ROM of 8 KiB for `protocol` 0 (InfiniBand) or 1 (Ethernet).

    Ref: PCI Firmware 3.0, section 5.1; mstflint 4.21 mlxfwops/lib/fw_ops.cpp (RomInfo).
    """
    rom = bytearray(_BYTES)
    rom[0:3] = bytes((0x55, 0xAA, _BYTES // 512))
    struct.pack_into("<H", rom, 0x18, 0x1C)
    struct.pack_into("<4sHH", rom, 0x1C, b"PCIR", 0x15B3, device_id)
    major, minor, sub = _VERSION
    words = (_PXE << 16 | major, minor << 16 | sub, device_id << 16 | protocol)
    struct.pack_into("<8s3I", rom, 0x40, b"mlxsign:", *words)
    rom[-1] = -sum(rom) & 0xFF
    return bytes(rom)
