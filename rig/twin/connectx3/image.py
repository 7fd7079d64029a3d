"""Building FS2 images: valid in every checksum, and without a line of firmware in them.

Ref: mstflint 4.21 mlxfwops/lib/fs2_ops.cpp (Fs2Operations::Fs2Verify, checkGen, checkList).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence

from rig.errors import UsageError
from rig.twin.connectx3 import ini as settings_of
from rig.twin.connectx3 import layout
from rig.twin.connectx3.crc import crc16
from rig.twin.connectx3.layout import Section, Tag
from rig.twin.connectx3.rom import option_rom
from rig.twin.connectx3.variants import VARIANTS, Variant, device_id

Version = tuple[int, int, int]

DEFAULT_VERSION: Version = (2, 42, 5000)
DEFAULT_MAC = 0x020000C0FFE0
DEFAULT_SIZE = 0x80000
LOG2_CHUNK = 19
_ONE_CHUNK = 31
_BOOT2_BYTES = 0x1000
_BUILT = (0x030405, 0x20260102)
"""03:04:05 on the 2nd of January 2026, in BCD: an image is the same whenever it is built."""
PSID_BYTES, _VSD_BYTES, _PRODUCT_BYTES = 16, 208, 16
_MELLANOX = 0x15B3


def build(
    variant: str,
    *,
    version: Version = DEFAULT_VERSION,
    psid: str | None = None,
    mac: int = DEFAULT_MAC,
    size: int = DEFAULT_SIZE,
    pro: bool = False,
    failsafe: bool = True,
    ini: str | None = None,
    blank_guids: bool = False,
    vsd: str = "",
) -> bytes:
    """An image of `size` bytes, the same for the same arguments; `ini` takes the place of the variant's own text.

    UsageError for a variant nobody knows, a PSID that is too long, or a size with no room for what must be in it.
    """
    kind = _variant(variant)
    psid = psid or (settings_of.text(settings_of.parse(ini), "adapter", "psid") if ini else "") or kind.psid
    text = ini if ini is not None else kind.ini(psid, pro)
    parts = (
        (Section.CODE, b""),
        (Section.ROM, option_rom(device_id(pro), kind.rom_protocol)),
        (Section.CODE, b""),
        (Section.GUID, layout.BLANK_GUIDS if blank_guids else _guids(mac)),
        (Section.CONFIGURATION, zlib.compress(text.encode("utf-8"), 9)),
        (Section.INFO, _info(kind, version, psid, pro, vsd)),
    )
    return _assemble(parts, size, f"{variant} {version} {pro}", failsafe)


def lay_out(image: bytes, flash_bytes: int, *, odd: bool = False) -> bytes:
    """A whole flash with the image where the card looks for it; in the odd half, or else at the start.

    UsageError when it does not fit, or is none.
    """
    if not image.startswith(layout.MAGIC) or len(image) < layout.HEADER.size:
        raise UsageError(f"{len(image)} bytes that are no FS2 image")
    flash = bytearray(b"\xff" * flash_bytes)
    failsafe = layout.HEADER.unpack_from(image)[3]
    striped = bool(failsafe & layout.FAILSAFE)
    log2_chunk = (failsafe & 7) + 16 if striped else _ONE_CHUNK
    at = 0
    for address, length in layout.pieces(0, len(image), log2_chunk, odd and striped):
        if address + length > flash_bytes:
            raise UsageError(f"an image of {len(image)} bytes does not fit a flash of {flash_bytes}")
        flash[address : address + length] = image[at : at + length]
        at += length
    return bytes(flash)


def _variant(name: str) -> Variant:
    if name not in VARIANTS:
        raise UsageError(f"no firmware variant {name!r}, there are {', '.join(VARIANTS)}")
    return VARIANTS[name]


# --- sections -----------------------------------------------------------------------------------------------------


def _assemble(parts: Sequence[tuple[Section, bytes]], size: int, seed: str, failsafe: bool) -> bytes:
    out = bytearray(layout.HEADER.size) + _boot2(_noise(seed, _BOOT2_BYTES))
    around = layout.SECTION.size + layout.CRC_BYTES
    room = size - len(out) - sum(around + len(_words(data)) for _, data in parts)
    if room < 8 or size % 4:
        raise UsageError(f"an image cannot have {size} bytes: a multiple of 4, and at least {size - room + 8}")
    first = (room * 3 // 4) & ~3
    code = iter((_noise(seed + " low", first), _noise(seed + " high", room - first)))
    at: dict[Section, int] = {}
    for kind, given in parts:
        at[kind] = len(out) + layout.SECTION.size
        out += _section(kind, _words(next(code) if kind == Section.CODE else given), len(out), kind == Section.INFO)
    word = layout.FAILSAFE | (LOG2_CHUNK - 16) if failsafe else 0
    pointers = layout.with_checksum(word), layout.with_checksum(at[Section.INFO]), size, at[Section.GUID]
    layout.HEADER.pack_into(out, 0, layout.MAGIC, 0xFFFF, 0, *pointers)
    if dict(parts)[Section.GUID] != layout.BLANK_GUIDS:
        struct.pack_into(">I", out, 0x20, crc16(out))
    return bytes(out)


def _section(kind: Section, data: bytes, offset: int, last: bool) -> bytes:
    after = offset + layout.SECTION.size + len(data) + layout.CRC_BYTES
    body = layout.SECTION.pack(kind, len(data) // 4, 0, layout.LAST if last else after) + data
    crc = layout.BLANK_CRC if data == layout.BLANK_GUIDS else crc16(body)
    return body + struct.pack(">I", crc)


def _boot2(payload: bytes) -> bytes:
    body = struct.pack(">2I", 0, len(payload) // 4) + payload + bytes(4)
    return body + struct.pack(">I", crc16(body))


def _noise(seed: str, count: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(count)


def _words(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _guids(mac: int) -> bytes:
    eui = [(m >> 24) << 40 | 0x0300 << 24 | m & 0xFFFFFF for m in range(mac, mac + 4)]
    return layout.GUIDS.pack(*eui, mac, mac + 1)


# --- image info ---------------------------------------------------------------------------------------------------


def _info(kind: Variant, version: Version, psid: str, pro: bool, vsd: str) -> bytes:
    hardware = (0x1F7,) if pro else (0x1F5, 0x101F5)
    tags = (
        (Tag.FORMAT, bytes(4)),
        (Tag.FW_VERSION, _version(version)),
        (Tag.BUILD_TIME, struct.pack(">2I", *_BUILT)),
        (Tag.DEVICE_ID, struct.pack(">I", device_id(pro))),
        (Tag.PSID, _padded("PSID", psid, PSID_BYTES)),
        (Tag.VSD, _padded("VSD", vsd, _VSD_BYTES)),
        (Tag.PRODUCT_VERSION, _padded("version", "{:02d}.{:02d}.{:04d}".format(*version), _PRODUCT_BYTES)),
        (Tag.VSD_VENDOR, struct.pack(">I", _MELLANOX)),
        (Tag.GENERALLY_AVAILABLE, struct.pack(">I", 1)),
        (Tag.HARDWARE_IDS, struct.pack(f">{len(hardware)}I", *hardware)),
        (Tag.MIC_VERSION, _version((2, 0, 0))),
        (Tag.FIT_VERSION, struct.pack(">4H", 1, 0, 0, 0)),
        (Tag.CONFIG_SECTORS, struct.pack(">3I", 16, 0, 2)),
        (Tag.PRS_NAME, _words(f"lab-cx3-{kind.name}.prs".encode() + b"\0")),
        (Tag.END, b""),
    )
    return b"".join(struct.pack(">I", tag << 24 | len(data)) + data for tag, data in tags)


def _version(version: Version) -> bytes:
    if not all(0 <= part <= 0xFFFF for part in version):
        raise UsageError(f"no firmware version: {version}")
    return struct.pack(">H2x2H", *version)


def _padded(what: str, text: str, count: int) -> bytes:
    raw = text.encode("ascii", "replace")
    if len(raw) > count:
        raise UsageError(f"{what} {text!r} is longer than {count} characters")
    return raw.ljust(count, b"\0")
