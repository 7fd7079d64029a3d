"""Where things are in an FS2 image, and where its chunks lie on the flash.

Every word is big-endian. Ref: mstflint 4.21 mlxfwops/lib/fs2_ops.cpp, flint_base.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

MAGIC = bytes.fromhex("4d5446578cdfd000dead92704154beef")
HEADER = struct.Struct(">16s16x6I")
"""Magic; whole-image CRC, format, failsafe word, pointer to the image info, size, pointer to the GUIDs."""
SECTION = struct.Struct(">4I")
"""Type, words of data, parameter, offset of the next section."""
LAST = 0xFF000000
CRC_BYTES = 4
BOOT2_EXTRA_WORDS = 4
GUIDS = struct.Struct(">6Q")
"""Node, port 1, port 2, system image, MAC of port 1, MAC of port 2."""
BLANK_GUIDS = b"\xff" * GUIDS.size
BLANK_CRC = 0xFFFF
FAILSAFE = 0x8
STARTS = (0, *(0x10000 << n for n in range(9)))
"""Where an image may start on the flash, in the order searched."""


class Section(IntEnum):
    """Types of sections that the twin's images have."""

    CODE = 1
    ROM = 5
    GUID = 6
    CONFIGURATION = 9
    INFO = 10
    HIGHEST = 12


class Tag(IntEnum):
    """Entries of the image info section."""

    FORMAT = 0
    FW_VERSION = 1
    BUILD_TIME = 2
    DEVICE_ID = 3
    PSID = 4
    VSD = 5
    PRODUCT_VERSION = 7
    VSD_VENDOR = 8
    GENERALLY_AVAILABLE = 9
    HARDWARE_IDS = 10
    MIC_VERSION = 11
    FIT_VERSION = 12
    CONFIG_SECTORS = 19
    PRS_NAME = 20
    END = 0xFF


def with_checksum(word: int) -> int:
    """The word with a top byte that makes its four bytes sum to zero."""
    return (-sum(word.to_bytes(4, "big")) & 0xFF) << 24 | word


def pieces(offset: int, count: int, log2_chunk: int, odd: bool) -> Iterator[tuple[int, int]]:
    """Where a stretch of a striped image lies on the flash: pairs of address and length."""
    chunk = 1 << log2_chunk
    while count > 0:
        within = offset & (chunk - 1)
        length = min(count, chunk - within)
        yield ((offset >> log2_chunk) * 2 + odd) * chunk + within, length
        offset, count = offset + length, count - length
