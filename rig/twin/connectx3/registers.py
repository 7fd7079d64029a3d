"""Addresses in the chip's register space (CR space), and the bits used of them; every word is big-endian.

Ref: mstflint 4.21 mflash/mflash.c, mtcr_ul/mtcr_tools_cif.c.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

CR_BYTES = 1 << 20
ONES = 0xFFFFFFFF
HARDWARE_ID = 0xF0014
RECOVERY = 0x41270
"""Above 0xfff00000: the chip came up without firmware."""
RUNNING_VERSION = 0x1F064
FLASH_SEMAPHORE, COMMAND_SEMAPHORE, PROGRAM_SEMAPHORE = 0xF03FC, 0xF03BC, 0xF03A0
SEMAPHORES = frozenset((FLASH_SEMAPHORE, COMMAND_SEMAPHORE, PROGRAM_SEMAPHORE))
GATEWAY, GATEWAY_DATA = 0xF0400, 0xF0410
"""Command and address, then four words of data in flash order."""
COMMAND = 0x80780
"""Seven words: input high, low, modifier, output high, low, token, control."""
MAILBOX, MAILBOX_BYTES = 0xE0000, 288
GATEWAY_BUSY = GATEWAY, 0x40
COMMAND_GO = COMMAND + 25, 0x80
"""Byte and bit by which a tool says that it wants something."""

_WORD = struct.Struct(">I")


class CrSpace:
    """The registers in a file that tools map too, so it is written in place and never replaced."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(CR_BYTES)
            self.memory = mmap.mmap(file.fileno(), CR_BYTES)

    def get(self, address: int) -> int:
        return int(_WORD.unpack_from(self.memory, address)[0])

    def put(self, address: int, value: int) -> None:
        _WORD.pack_into(self.memory, address, value)

    def fill(self, byte: bytes) -> None:
        self.memory[:] = byte * CR_BYTES
