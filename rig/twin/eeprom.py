"""What a card keeps in its NVM besides its programs: identity, versions, checksums; and what can be wrong with it.

Intel 82599, X540, X550: words 0x03 to 0x0f point to sections, 0x2d and 0x2e are the image id, 0x3f is the checksum;
words 0 to 0x3f and all sections but the firmware's sum up to 0xbaba. Ref: Linux ixgbe_type.h, ixgbe_common.c.
I350: a block of 0x40 words a port, the MAC its first three, each summing up to 0xbaba. Ref: igb e1000_defines.h.
BCM57810S, BCM5719: blocks that end with their CRC-32. Ref: bnx2x_ethtool.c (`bnx2x_test_nvram`), tg3.c
(`tg3_test_nvram`, `tg3_get_device_address`).
The twin's own choice: every size (a real BCM57810S has 2 MiB), where in its section ixgbe's MAC lies, X710 as a plain
sum, everything that is not named here.
"""

from __future__ import annotations

import functools
import hashlib
import re
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rig.model import Card
from rig.twin.silicon import CardState, of

Macs = tuple[bytes, ...]
GOOD, BLANK, CHECKSUM, ZERO_MAC, NO_BOOTCODE = "good", "blank", "checksum", "zero_mac", "no_bootcode"
SUM, CHECKSUM_WORD, WORDS = 0xBABA, 0x3F, 0x40
CORE_POINTERS, ID_WORDS = (0x09, 0x0A), (0x2D, 0x2E)
IGB_VERSION_WORD, IGB_PART_WORD, IGB_CONTROL_WORD, IGB_ID_WORD = 0x05, 0x08, 0x0F, 0x42
IGB_PART_IS_TEXT, IGB_PAUSE, IGB_PART, IGB_PART_NUMBER = 0xFAFA, 0x3000, 0x180, b"G15136-005"
"""The part number's words say that it is a text and where; pause frames go both ways."""
FIRMWARE_POINTER, MODULES_POINTER, CAPABILITIES, ANY_MODULE = 0x0F, 0x2B, 0x2C, 0x0001
SECTIONS, MODULES, FIRMWARE, PROGRAM = 0x100, 0x180, 0x1A0, 0x200
MODULE_KINDS = (3, 4, 5, 6)
"""Direct attach and fibre, each as port 0 and port 1 of an 82599 know it."""
OLDEST_FIRMWARE = 6
"""An 82599's driver calls a card with an older one pre-production."""
MAGIC, BOOTCODE = 0x669955AA, 0x1000
BNX2X_BLOCKS = ((0x000, 0x014), (0x014, 0x0EC), (0x100, 0x350), (0x450, 0x0F0), (0x7E8, 0x350), (0xB38, 0x0F0))
"""Offset and length: bootstrap, directory, manufacturing and feature information of each port."""
BNX2X_MAC, BNX2X_PORTS = 0x3E, (0x100, 0x7E8)
TG3_BLOCKS, TG3_MAC = ((0x000, 0x014), (0x074, 0x08C)), 0x7E


@dataclass(frozen=True, slots=True)
class Kind:
    """The NVM behind one driver, in bytes, and what a file may say is wrong with it."""

    size: int
    build: Callable[[bytearray, Macs, bytes], None]
    faults: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    """Of these, what its driver takes no card with."""


def states(card: Card) -> tuple[str, ...]:
    """What the NVM of this card can be."""
    kind = _kind(card)
    return (GOOD, BLANK, *(kind.faults if kind else ()))


def fault(state: CardState) -> str:
    """What the driver finds wrong; empty: nothing."""
    return state.nvram if state.nvram in (CHECKSUM, ZERO_MAC, NO_BOOTCODE) else ""


def refused(state: CardState) -> bool:
    """Whether the driver takes no card in this state."""
    kind = _kind(state.card)
    return kind is not None and state.nvram in kind.refused


def contents(state: CardState, macs: Sequence[bytes]) -> bytes:
    """What the card's driver reads of it; empty: it has no way to read it whole."""
    if _kind(state.card) is None:
        return b""
    return _contents(state.card.drivers[0], state.nvram, of(state.card).firmware, tuple(macs))


@functools.lru_cache(maxsize=64)
def _contents(driver: str, nvram: str, firmware: str, macs: Macs) -> bytes:
    kind = KINDS[driver]
    out = bytearray(b"\xff" * kind.size)
    program = hashlib.shake_256(f"{driver} {firmware}".encode()).digest(kind.size // 4)
    if image_id := re.fullmatch(r"(?:(\d+)\.(\d\d), )?0x([0-9a-f]{8})", firmware):
        # ixgbe and igb print the words that the program begins with as its firmware version, igb with its decimals
        program = struct.pack("<I", int(image_id[3], 16)) + program[4:]
        if image_id[1]:
            program = program[:4] + struct.pack("<H", int(image_id[1] + "0" + image_id[2], 16)) + program[6:]
    kind.build(out, macs, program)
    if nvram == CHECKSUM:
        out[0x22] ^= 0x10
    return bytes(out)


def _kind(card: Card) -> Kind | None:
    return KINDS.get(card.drivers[0]) if card.drivers else None


# --- Intel: words, low byte first -----------------------------------------------------------------------------


def _words(out: bytearray, at: int, *words: int) -> None:
    struct.pack_into(f"<{len(words)}H", out, 2 * at, *words)


def _sum(out: bytearray, at: int, count: int) -> int:
    return sum(struct.unpack_from(f"<{count}H", out, 2 * at))


def _mac_words(mac: bytes) -> tuple[int, ...]:
    return struct.unpack("<3H", mac)


def _ixgbe(out: bytearray, macs: Macs, program: bytes) -> None:
    _words(out, 0, *([0] * WORDS))
    _words(out, ID_WORDS[0], *struct.unpack("<2H", program[:4]))
    total = 0
    for n, (pointer, mac) in enumerate(zip(CORE_POINTERS, macs, strict=False)):
        at = SECTIONS + 8 * n
        _words(out, pointer, at)
        _words(out, at, 3, *_mac_words(mac))
        total += _sum(out, at + 1, 3)
    _module_list(out)
    out[2 * PROGRAM : 2 * PROGRAM + len(program)] = program
    _words(out, CHECKSUM_WORD, (SUM - total - _sum(out, 0, CHECKSUM_WORD)) & 0xFFFF)


def _module_list(out: bytearray) -> None:
    """Settings for each kind of SFP+ module, and the firmware's version; no other ixgbe card looks at them.

    Ref: Linux ixgbe_phy.c (`ixgbe_get_sfp_init_sequence_offsets`), ixgbe_82599.c (`ixgbe_verify_fw_version_82599`).
    """
    settings = MODULES + 0x10
    _words(out, CAPABILITIES, ANY_MODULE)
    _words(out, MODULES_POINTER, MODULES)
    _words(out, MODULES, 2 * len(MODULE_KINDS), *(w for kind in MODULE_KINDS for w in (kind, settings)), 0xFFFF)
    _words(out, settings, 1, 0x0001, 0xFFFF)
    _words(out, FIRMWARE_POINTER, FIRMWARE)
    _words(out, FIRMWARE + 4, FIRMWARE + 8)
    _words(out, FIRMWARE + 8 + 7, OLDEST_FIRMWARE)


def igb_block(port: int) -> int:
    """The word at which a port's block begins. Ref: igb e1000_defines.h (`NVM_82580_LAN_FUNC_OFFSET`)."""
    return WORDS * (port + 1) if port else 0


def _igb(out: bytearray, macs: Macs, program: bytes) -> None:
    version = struct.unpack_from("<H", program, 4)[0]
    first = {IGB_VERSION_WORD: version, IGB_PART_WORD: IGB_PART_IS_TEXT, IGB_PART_WORD + 1: IGB_PART}
    _port_blocks(out, macs, {IGB_CONTROL_WORD: IGB_PAUSE}, first)
    _words(
        out, IGB_PART, len(IGB_PART_NUMBER) // 2 + 1, *struct.unpack(f">{len(IGB_PART_NUMBER) // 2}H", IGB_PART_NUMBER)
    )
    _words(out, IGB_ID_WORD, *struct.unpack_from("<2H", program))
    out[2 * PROGRAM : 2 * PROGRAM + len(program)] = program


def _port_blocks(out: bytearray, macs: Macs, each: Mapping[int, int], first: Mapping[int, int]) -> None:
    """A block a port, with the words of `each`; those of `first` only in the first port's."""
    for n, mac in enumerate(macs):
        at = igb_block(n)
        _words(out, at, *_mac_words(mac), *([0] * (WORDS - 3)))
        for word, value in {**each, **({} if n else first)}.items():
            _words(out, at + word, value)
        _words(out, at + CHECKSUM_WORD, (SUM - _sum(out, at, CHECKSUM_WORD)) & 0xFFFF)


def _i40e(out: bytearray, macs: Macs, program: bytes) -> None:
    _port_blocks(out, macs, {}, {})
    out[2 * PROGRAM : 2 * PROGRAM + len(program)] = program
    _words(out, CHECKSUM_WORD, 0)
    rest = _sum(out, 0, len(out) // 2)
    _words(out, CHECKSUM_WORD, (SUM - rest) & 0xFFFF)


# --- Broadcom: big-endian, each block ends with its CRC ---------------------------------------------------------


def _bnx2x(out: bytearray, macs: Macs, program: bytes) -> None:
    _bootstrap(out, BNX2X_BLOCKS, program)
    for port, mac in zip(BNX2X_PORTS, macs, strict=False):
        out[port + BNX2X_MAC : port + BNX2X_MAC + len(mac)] = mac
    _seal(out, BNX2X_BLOCKS)


def _tg3(out: bytearray, macs: Macs, program: bytes) -> None:
    _bootstrap(out, TG3_BLOCKS, program)
    out[TG3_MAC : TG3_MAC + 6] = macs[0]
    _seal(out, TG3_BLOCKS)


def _bootstrap(out: bytearray, blocks: Sequence[tuple[int, int]], program: bytes) -> None:
    for at, length in blocks:
        out[at : at + length] = bytes(length)
    struct.pack_into(">4I", out, 0, MAGIC, 0x08000040, len(program) // 4, BOOTCODE)
    out[BOOTCODE : BOOTCODE + len(program)] = program


def _seal(out: bytearray, blocks: Sequence[tuple[int, int]]) -> None:
    for at, length in blocks:
        end = at + length - 4
        struct.pack_into("<I", out, end, zlib.crc32(out[at:end]))


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "ixgbe": Kind(16384, _ixgbe, (CHECKSUM, ZERO_MAC), (CHECKSUM, ZERO_MAC)),
        "igb": Kind(8192, _igb, (CHECKSUM, ZERO_MAC), (CHECKSUM, ZERO_MAC)),
        "i40e": Kind(65536, _i40e),
        "bnx2x": Kind(65536, _bnx2x, (ZERO_MAC, NO_BOOTCODE), (NO_BOOTCODE,)),
        "tg3": Kind(16384, _tg3),
    }
)
