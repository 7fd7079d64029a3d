"""Small files of `/sys/bus/pci/devices/<address>/`.

Ref: Linux 6.1 drivers/pci/pci-sysfs.c (`*_link_speed_show`, `*_link_width_show`, `resource_show`),
drivers/pci/probe.c (`pci_speed_string`), include/linux/ioport.h (resource flags);
Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rig.parse import aer

SPEEDS_GTPS = (2.5, 5.0, 8.0, 16.0, 32.0, 64.0)
WIDTHS = (1, 2, 4, 8, 12, 16, 32)

_ALL_ONES_WIDTHS = ("63", "255")
_SPEED = re.compile(r"\s{0,8}(\d{1,3}(?:\.\d{1,3})?)\s?GT/s")
_HEX = re.compile(r"(?:0x)?([0-9a-f]{1,8})\Z", re.IGNORECASE)
_RESOURCE = re.compile(r"0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16})\s{0,8}\Z", re.IGNORECASE)
_COUNT = re.compile(r"(\S.{0,80}?)\s{1,80}(\d{1,20})\Z")
_OTHER_COUNTER = re.compile(r"[A-Za-z]\w{1,40}(?:\[\d{1,2}\])?\Z")

_IO, _MEM, _PREFETCH, _MEM_64 = 0x100, 0x200, 0x2000, 0x100000
_UNSET = 0x20000000


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of `resource` that is in use."""

    index: int
    """0..5 BARs, 6 ROM, 7..12 BARs of the virtual functions (of a bridge: its windows)."""
    start: int
    end: int
    flags: int
    kind: str
    """`mem32`, `mem64`, `pref32`, `pref64`, `io` or `` (flags of another kind)."""
    assigned: bool
    """False: the kernel knows its size but found no place for it."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.start + 1


def link_speed_gtps(text: str) -> float | None:
    """`8.0 GT/s PCIe` or `8 GT/s` in GT/s; None: unknown."""
    found = _SPEED.match(text)
    value = float(found[1]) if found else None
    return value if value in SPEEDS_GTPS else None


def link_width(text: str) -> int | None:
    """Lanes; None: unknown, or a number no link can have."""
    word = text.strip()
    return int(word) if word in {str(w) for w in WIDTHS} else None


def is_gone(width_text: str) -> bool:
    """True: the width is what the kernel makes of all-ones registers, so the device no longer answers."""
    return width_text.strip() in _ALL_ONES_WIDTHS


def hex_id(text: str) -> str | None:
    """`0x15b3` as `15b3`, lower case, as long as it was; None: not hexadecimal."""
    found = _HEX.match(text.strip())
    return found[1].lower() if found else None


def aer_counts(text: str | None) -> Mapping[str, int] | None:
    """An `aer_dev_*` file as short name to count, TOTAL_* and unnamed bits kept as they are.

    None: no file, or nothing of the kind in it; that is "not measured", never zero.
    """
    counts: dict[str, int] = {}
    for line in (text or "").splitlines():
        found = _COUNT.match(line.strip())
        if found and (name := aer.short_name(found[1]) or (_OTHER_COUNTER.match(found[1]) and found[1])):
            counts[name] = int(found[2])
    return counts or None


def bars(text: str) -> tuple[Bar, ...]:
    """The lines of `resource` that are in use.

    A BAR whose placing failed for good can be missing: the kernel then clears its line. What is due must come
    from elsewhere (the card, the kernel log).
    """
    lines = (_RESOURCE.match(line.strip()) for line in text.splitlines())
    found = (_bar(i, *(int(x, 16) for x in m.groups())) for i, m in enumerate(lines) if m)
    return tuple(bar for bar in found if bar.flags and bar.end >= bar.start)


def _bar(index: int, start: int, end: int, flags: int) -> Bar:
    assigned = not flags & _UNSET and start != 0
    return Bar(index, start, end, flags, _kind(flags), assigned)


def _kind(flags: int) -> str:
    if flags & _IO:
        return "io"
    if not flags & _MEM:
        return ""
    return ("pref" if flags & _PREFETCH else "mem") + ("64" if flags & _MEM_64 else "32")
