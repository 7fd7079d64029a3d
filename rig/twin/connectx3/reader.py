"""What a cold start does with the flash: find an image, prove it whole, take what it says about itself.

Ref: mstflint 4.21 mlxfwops/lib/fs2_ops.cpp; the chip's boot code checks the same sums.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

from rig.twin.connectx3 import ini, layout
from rig.twin.connectx3.crc import crc16
from rig.twin.connectx3.image import Version
from rig.twin.connectx3.layout import Section, Tag

Memory = bytes | bytearray | mmap

_MOST_WORDS = 0x100000
_MOST_TEXT = 1 << 20


@dataclass(frozen=True, slots=True)
class Firmware:
    """An image as it was loaded."""

    version: Version
    psid: str
    settings: ini.Settings
    guids: tuple[int, ...]
    macs: tuple[bytes, ...]
    hardware_ids: tuple[int, ...]


class _Torn(Exception):
    """The image is not whole."""


def firmware(flash: Memory) -> Firmware | None:
    """The first whole image on the flash; None when there is none."""
    for start in layout.STARTS:
        if flash[start : start + len(layout.MAGIC)] == layout.MAGIC:
            try:
                return _loaded(_whole(flash, start))
            except (_Torn, struct.error, zlib.error, KeyError):
                continue
    return None


# --- the image, put together and proven ---------------------------------------------------------------------------


def _whole(flash: Memory, start: int) -> bytes:
    head = bytes(flash[start : start + layout.HEADER.size])
    _, _, _, failsafe, _, size, _ = layout.HEADER.unpack(head)
    _prove(not sum(failsafe.to_bytes(4, "big")) & 0xFF)
    if not failsafe & layout.FAILSAFE:
        _prove(size <= len(flash) - start)
        return bytes(flash[start : start + size])
    log2_chunk = (failsafe & 7) + 16
    _prove(start in (0, 1 << log2_chunk) and size <= len(flash) // 2)
    pieces = layout.pieces(0, size, log2_chunk, odd=bool(start))
    return b"".join(flash[address : address + length] for address, length in pieces)


def _loaded(image: bytes) -> Firmware:
    header = layout.HEADER.unpack_from(image)
    sections = dict(_sections(image))
    info = dict(_tags(sections[Section.INFO]))
    guids = layout.GUIDS.unpack(sections[Section.GUID])
    _prove(_pointers_agree(image, header))
    whole = header[1] & 0xFFFF
    # mstflint leaves it blank when it fills in the GUIDs of an image that came without
    if Tag.MIC_VERSION in info and whole != layout.BLANK_CRC:
        _prove(whole == crc16(image[:0x22] + b"\xff\xff" + image[0x24:]))
    text = zlib.decompressobj().decompress(sections[Section.CONFIGURATION], _MOST_TEXT)
    ids = info.get(Tag.HARDWARE_IDS, b"")
    return Firmware(
        version=struct.unpack(">H2x2H", info[Tag.FW_VERSION]),
        psid=info[Tag.PSID].rstrip(b"\0").decode("ascii", "replace"),
        settings=ini.parse(text.decode("utf-8", "replace")),
        guids=guids[:4],
        macs=tuple((mac & 0xFFFFFFFFFFFF).to_bytes(6, "big") for mac in guids[4:]),
        hardware_ids=struct.unpack(f">{len(ids) // 4}I", ids),
    )


def _sections(image: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and data of every section whose sum is right, in order; _Torn at the first that is not."""
    (words,) = struct.unpack_from(">I", image, layout.HEADER.size + 4)
    _prove(4 <= words <= _MOST_WORDS)
    at = _checked(image, layout.HEADER.size, (words + layout.BOOT2_EXTRA_WORDS) * 4)
    while at != layout.LAST:
        kind, words, _, after = layout.SECTION.unpack_from(image, at)
        _prove(0 < kind <= Section.HIGHEST and words <= _MOST_WORDS)
        data = image[at + layout.SECTION.size : at + layout.SECTION.size + words * 4]
        end = _checked(image, at, layout.SECTION.size + words * 4 + layout.CRC_BYTES)
        _prove(after in (end, layout.LAST))
        yield kind, data
        at = after


def _checked(image: bytes, at: int, count: int) -> int:
    """The end of a part that carries its own sum last; GUIDs never set have none, and nothing boots from them."""
    body = image[at : at + count - layout.CRC_BYTES]
    (crc,) = struct.unpack_from(">I", image, at + count - layout.CRC_BYTES)
    _prove(crc == crc16(body))
    return at + count


def _tags(info: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(info):
        (word,) = struct.unpack_from(">I", info, at)
        yield word >> 24, info[at + 4 : at + 4 + (word & 0xFFFFFF)]
        at += 4 + (word & 0xFFFFFF)


def _pointers_agree(image: bytes, header: tuple[int, ...]) -> bool:
    """The header's pointers are what they say; the first is guarded by a sum of its own."""
    info, guids = header[4], header[6]
    kinds = (image[at - layout.SECTION.size + 3] for at in (info & 0xFFFFFF, guids) if at <= len(image))
    return not sum(info.to_bytes(4, "big")) & 0xFF and list(kinds) == [Section.INFO, Section.GUID]


def _prove(true: bool) -> None:
    if not true:
        raise _Torn
