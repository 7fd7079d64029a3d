"""4 KiB of PCI Express configuration space: built once, then written as a host writes, masks and all.

Ref: PCI Local Bus 3.0 section 6 and appendix I (VPD); PCI Express Base 4.0 section 7 (capability layouts);
field names as `lspci -vvv` prints them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from rig.twin.view import Bar

SIZE = 4096
STATUS, COMMAND, CACHE_LINE, HEADER, CAP_POINTER = 0x06, 0x04, 0x0C, 0x0E, 0x34
MEMORY_SPACE = 0x2
"""Of the Command register: the function decodes its memory BARs."""
CORRECTABLE_BITS: Mapping[str, int] = {
    "RxErr": 0, "BadTLP": 6, "BadDLLP": 7, "Rollover": 8,
    "Timeout": 12, "NonFatalErr": 13, "CorrIntErr": 14, "HeaderOF": 15,
}  # fmt: skip
"""Kernel name to bit of the Correctable Error Status register. Ref: Linux drivers/pci/pcie/aer.c."""
_BAR_FLAGS = {"mem32": 0x0, "mem64": 0x4, "pref64": 0xC, "io": 0x1}
_ENDPOINT, _ROOT_PORT = 0x0, 0x4


class ConfigSpace:
    """One function's registers; offsets of its capabilities are attributes, 0 when it has none."""

    def __init__(self, vendor: int, device: int, class_code: int, revision: int = 0) -> None:
        self._bytes = bytearray(SIZE)
        self._writable = bytearray(SIZE)
        self._clearable = bytearray(SIZE)
        self._last_cap, self._last_extended = CAP_POINTER, 0
        self.express_at = self.aer_at = self.secondary_at = 0
        self._put("<HH", 0x00, vendor, device)
        self._put("<I", 0x08, class_code << 8 | revision)
        self._put("<H", STATUS, 0x0010)
        self._allow("<H", COMMAND, 0x0547)
        self._put("<B", CACHE_LINE, 0x10)
        self._allow("<B", CACHE_LINE, 0xFF)
        self._allow("<B", 0x3C, 0xFF)
        self._put("<B", 0x3D, 0x01)

    def __bytes__(self) -> bytes:
        return bytes(self._bytes)

    def read(self, layout: str, at: int) -> int:
        """One little-endian field, `layout` as in `struct`."""
        value: int = struct.unpack_from(layout, self._bytes, at)[0]
        return value

    def write(self, at: int, data: bytes) -> None:
        """A host's write: read-only bits stay, write-1-to-clear bits clear where a 1 was written."""
        for i, new in enumerate(data, start=at):
            kept = self._bytes[i] & ~self._writable[i] & 0xFF
            self._bytes[i] = (kept | new & self._writable[i]) & ~(new & self._clearable[i]) & 0xFF

    def put(self, layout: str, at: int, value: int) -> None:
        """The device's own change of a register, masks do not apply."""
        self._put(layout, at, value)

    # --- header ---------------------------------------------------------------------------------------------

    def endpoint(self, subsystem: tuple[int, int], bars: Mapping[int, Bar], multifunction: bool) -> None:
        """Header type 0 with unplaced base addresses."""
        self._put("<B", HEADER, 0x80 if multifunction else 0x00)
        self._put("<HH", 0x2C, *subsystem)
        for number, bar in bars.items():
            flags, at = _BAR_FLAGS[bar.kind], 0x10 + 4 * number
            self._put("<I", at, flags)
            self._allow("<I", at, -bar.size & (0xFFFFFFFC if bar.kind == "io" else 0xFFFFFFF0))
            if flags & 4:
                self._allow("<I", at + 4, (-bar.size >> 32) & 0xFFFFFFFF)

    def place(self, number: int, bar: Bar, address: int) -> None:
        """What firmware does at power-on: an address for one BAR, and decoding on."""
        at = 0x10 + 4 * number
        self._put("<I", at, address & 0xFFFFFFF0 | _BAR_FLAGS[bar.kind])
        if bar.kind in ("mem64", "pref64"):
            self._put("<I", at + 4, address >> 32)
        self._put("<H", COMMAND, self.read("<H", COMMAND) | (0x1 if bar.kind == "io" else 0x2))

    def bridge(self, secondary_bus: int, memory: tuple[int, int], prefetchable: tuple[int, int]) -> None:
        """Header type 1 forwarding one bus and two windows (first and last address)."""
        self._put("<B", HEADER, 0x01)
        self._put("<BBB", 0x18, 0, secondary_bus, secondary_bus)
        self._put("<BB", 0x1C, 0xF0, 0x00)
        self._put("<HH", 0x20, memory[0] >> 16 & 0xFFF0, memory[1] >> 16 & 0xFFF0)
        low, high = prefetchable
        self._put("<HH", 0x24, low >> 16 & 0xFFF0 | 1, high >> 16 & 0xFFF0 | 1)
        self._put("<II", 0x28, low >> 32, high >> 32)
        self._put("<H", COMMAND, 0x0407)
        self._allow("<H", 0x3E, 0x0003 | 0x0040)

    # --- capabilities ---------------------------------------------------------------------------------------

    def power_management(self, at: int) -> None:
        self._capability(at, 0x01)
        self._put("<HH", at + 2, 0xC803, 0x0008)
        self._allow("<H", at + 4, 0x0103)
        self._clear("<H", at + 4, 0x8000)

    def vital_product_data(self, at: int) -> None:
        self._capability(at, 0x03)
        self._allow("<HI", at + 2, 0xFFFF, 0xFFFFFFFF)

    def msi(self, at: int) -> None:
        self._capability(at, 0x05)
        self._put("<H", at + 2, 0x0080)
        self._allow("<HIIH", at + 2, 0x0071, 0xFFFFFFFC, 0xFFFFFFFF, 0xFFFF)

    def msix(self, at: int, vectors: int, bar: int, table: int, pending: int) -> None:
        self._capability(at, 0x11)
        self._put("<HII", at + 2, vectors - 1, table | bar, pending | bar)
        self._allow("<H", at + 2, 0xC000)

    def express(self, at: int, generation: int, lanes: int, port: bool = False, payload: int = 2) -> None:
        """PCI Express capability; `payload` is the encoded Max_Payload_Size (1: 256, 2: 512 byte)."""
        self._capability(at, 0x10)
        self.express_at = at
        kind = _ROOT_PORT if port else _ENDPOINT
        self._put("<HI", at + 0x02, 0x0002 | kind << 4 | (0x0100 if port else 0), 0x00008020 | payload)
        self._put("<HH", at + 0x08, 0x2810 | 1 << 5, 0x0000)
        self._allow("<H", at + 0x08, 0xFFFF)
        self._clear("<H", at + 0x0A, 0x000F)
        # ports report link activity; ASPM L1 is the one state every card here has
        self._put("<I", at + 0x0C, generation | lanes << 4 | 2 << 10 | (1 << 20 if port else 0))
        self._put("<H", at + 0x10, 0x0040)
        self._allow("<H", at + 0x10, 0x0FFB)
        self._clear("<H", at + 0x12, 0xC000)
        self._put("<I", at + 0x24, 0x0000001F)
        self._put("<IH", at + 0x2C, ((1 << generation) - 1) << 1, generation)
        self._allow("<H", at + 0x30, 0x1FFF)
        if port:
            self._put("<I", at + 0x14, 0x0004_0000 | 1 << 19)
            self._put("<H", at + 0x1A, 0x0040)
            self._allow("<HH", at + 0x18, 0x1FFF, 0x0000)

    def link(self, generation: int, width: int) -> None:
        """Link Status as trained; width 0: the port sees no partner."""
        at = self.express_at
        port = self.read("<H", at + 2) >> 4 & 0xF == _ROOT_PORT
        active = 0x2000 if port and width else 0
        self._put("<H", at + 0x12, max(generation, 1) | width << 4 | 0x1000 | active)
        self._put("<H", at + 0x32, 0x001E if generation >= 3 else 0x0000)

    def error_reporting(self, at: int, port: bool = False) -> None:
        """Advanced Error Reporting with the defaults Linux leaves."""
        self._extended(at, 0x0001, 2)
        self.aer_at = at
        self._put("<III", at + 0x08, 0x00000000, 0x00462030, 0x00000000)
        self._put("<II", at + 0x14, 0x00002000, 0x000000A0)
        self._allow("<II", at + 0x08, 0x07FFF030, 0x07FFF030)
        self._allow("<II", at + 0x14, 0x0000F1C1, 0x00000140)
        self._clear("<I", at + 0x04, 0x07FFF030)
        self._clear("<I", at + 0x10, 0x0000F1C1)
        if port:
            self._put("<I", at + 0x2C, 0x7)
            self._allow("<I", at + 0x2C, 0x7)
            self._clear("<I", at + 0x30, 0x7F)

    def serial_number(self, at: int, mac: bytes) -> None:
        """Device Serial Number as an EUI-64 made of a MAC address."""
        self._extended(at, 0x0003, 1)
        self._bytes[at + 4 : at + 12] = (mac[:3] + b"\xff\xff" + mac[3:])[::-1]

    def secondary_express(self, at: int, lanes: int) -> None:
        """Secondary PCI Express: LaneErrStat, of ports and cards that do 8 GT/s."""
        self._extended(at, 0x0019, 1)
        self.secondary_at = at
        self._clear("<I", at + 8, (1 << lanes) - 1)
        for lane in range(lanes):
            self._put("<H", at + 0x0C + 2 * lane, 0x7F7F)

    # --- what happens to it ---------------------------------------------------------------------------------

    def correctable_error(self, name: str) -> None:
        """Latch one error by its kernel name in AER and Device Status, as hardware does."""
        at = self.aer_at + 0x10
        self._put("<I", at, self.read("<I", at) | 1 << CORRECTABLE_BITS[name])
        at = self.express_at + 0x0A
        self._put("<H", at, self.read("<H", at) | 0x0001)

    def lane_error(self, lane: int) -> None:
        """Latch a lane in LaneErrStat, where the function has one."""
        if self.secondary_at:
            at = self.secondary_at + 8
            self._put("<I", at, self.read("<I", at) | 1 << lane)

    def _capability(self, at: int, number: int) -> None:
        self._put("<B", self._last_cap, at)
        self._put("<BB", at, number, 0)
        self._last_cap = at + 1

    def _extended(self, at: int, number: int, version: int) -> None:
        if self._last_extended:
            head = self.read("<I", self._last_extended) & 0x000FFFFF
            self._put("<I", self._last_extended, head | at << 20)
        self._put("<I", at, number | version << 16)
        self._last_extended = at

    def _put(self, layout: str, at: int, *values: int) -> None:
        struct.pack_into(layout, self._bytes, at, *values)

    def _allow(self, layout: str, at: int, *masks: int) -> None:
        struct.pack_into(layout, self._writable, at, *masks)

    def _clear(self, layout: str, at: int, mask: int) -> None:
        struct.pack_into(layout, self._clearable, at, mask)


def vpd(name: str, fields: Sequence[tuple[str, str]]) -> bytes:
    """Vital product data: a name and two-letter fields, latin-1, cut to the lengths the format has.

    Ref: PCI Local Bus 3.0 appendix I; the checksum makes the bytes up to and including it sum to zero.
    """
    title = _latin(name, 255)
    body = b"".join(key.encode("ascii") + bytes([len(v)]) + v for key, v in ((k, _latin(t, 64)) for k, t in fields))
    text = b"\x82" + struct.pack("<H", len(title)) + title + b"\x90" + struct.pack("<H", len(body) + 4) + body
    text += b"RV\x01"
    return text + bytes([-sum(text) & 0xFF]) + b"\x78"


def _latin(text: str, most: int) -> bytes:
    return text.encode("latin-1", "replace")[:most]
