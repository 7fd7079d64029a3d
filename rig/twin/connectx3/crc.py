"""The checksum of every part of an FS2 image."""

from __future__ import annotations

POLYNOMIAL = 0x100B


def crc16(data: bytes | bytearray) -> int:
    """CRC-16 of bytes: preset to ones, message shifted in at the low end, complemented.

    Ref: mstflint 4.21 mlxfwops/lib/crc16.cpp.
    """
    register, table = 0xFFFF, _TABLE
    for byte in data:
        register = ((register << 8) & 0xFFFF | byte) ^ table[register >> 8]
    for _ in range(2):
        register = ((register << 8) & 0xFFFF) ^ table[register >> 8]
    return register ^ 0xFFFF


def _shifted(byte: int) -> int:
    register = byte << 8
    for _ in range(8):
        register = (register << 1) ^ (POLYNOMIAL if register & 0x8000 else 0)
        register &= 0xFFFF
    return register


_TABLE = tuple(_shifted(byte) for byte in range(256))
