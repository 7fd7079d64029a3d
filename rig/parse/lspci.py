"""`lspci`: any mix of -D, -n, -nn, -k and -vvv, one device or many, versions 3.5 to 3.14.

Ref: pciutils lspci.c (`show_terse`, `show_bases`, "Unknown header type"), ls-caps.c (`cap_express_link`),
ls-ecaps.c (`cap_aer`, `cap_sec`), ls-vpd.c. LnkSta says `(ok)`, `(downgraded)`, `(strange)` since 3.6; 3.9
leaves `(ok)` out, and says nothing for ports that look downstream.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rig.parse import aer
from rig.parse.sysfs import WIDTHS
from rig.parse.text import blocks, tool_output

_HEADER = re.compile(r"^((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) ([^:\n]{1,120}): ([^\n]*)$", re.MULTILINE)
_COMPLAINT = re.compile(r"(?:lspci|pcilib): [^\n]*(?:\n|\Z)")
_CLASS = re.compile(r"(?:(.*?) ?\[)?([0-9a-f]{4})\]?\Z")
_PAIR = re.compile(r"([0-9a-f]{4}:[0-9a-f]{4})(?=\]|\s|\Z)")
_REVISION = re.compile(r"\(rev ([0-9a-f]{2})\)")
_LINK = re.compile(r"Speed (?:([\d.]{1,6})GT/s|unknown)(?: \((\w+)\))?, Width x(\d{1,3})(?: \((\w+)\))?", re.IGNORECASE)
_REGION = re.compile(
    r"^[ \t]+(?:Region (?P<index>\d): (?P<kind>Memory|I/O ports)|(?P<rom>Expansion ROM))"
    r" at (?P<place><[\w -]+>|[0-9a-f]+)(?P<rest>[^\n]*)$",
    re.MULTILINE,
)
_SIZE = re.compile(r"\[size=(\d{1,12})([KMGTP]?)\]")
_FLAGS = r":\s+((?:\w{1,32}[+-]\s+)+)"
_VPD = re.compile(r"^[ \t]+Capabilities: \[[^\]]+\] Vital Product Data\n((?:[ \t]{2,}\S[^\n]*\n?)*)", re.MULTILINE)
_VPD_FIELD = re.compile(r"^[ \t]+\[(\w\w)\] [^:\n]*: ?(.*)$", re.MULTILINE)
_POWERS = {unit: 1024**n for n, unit in enumerate(("", "K", "M", "G", "T", "P"))}


@dataclass(frozen=True, slots=True)
class Link:
    """Speed and width of LnkCap or LnkSta; a note is what lspci puts in brackets: `ok`, `downgraded` ..."""

    speed_gtps: float | None
    width: int | None
    speed_note: str = ""
    width_note: str = ""


@dataclass(frozen=True, slots=True)
class Region:
    """A BAR; `index` 6 is the expansion ROM."""

    index: int
    kind: str
    """`mem32`, `mem64`, `pref32`, `pref64`, `io` or `rom`."""
    size: int | None
    """Bytes; None: lspci did not know."""
    assigned: bool
    """False: no place in the address map (`<unassigned>`, `<ignored>`)."""
    disabled: bool
    """True: decoding is off in the command register (no driver, or the device is not enabled)."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device; what lspci did not print is None or empty."""

    address: str
    """With domain, `0000:01:00.0`."""
    class_code: str | None
    class_name: str
    id: str | None
    """`15b3:1003`."""
    name: str
    revision: str | None
    subsystem_id: str | None
    gone: bool
    """True: its configuration space reads as all ones: it no longer answers."""
    capable: Link | None
    """LnkCap."""
    link: Link | None
    """LnkSta; width None: no link."""
    lane_errors: tuple[int, ...] | None
    """Lanes with a bit in LaneErrStat; None: no Secondary PCI Express capability was printed."""
    correctable: Mapping[str, bool] | None
    """CESta by kernel name."""
    uncorrectable: Mapping[str, bool] | None
    """UESta by kernel name."""
    regions: tuple[Region, ...]
    driver: str | None
    vpd: Mapping[str, str] | None
    """Product data by keyword (`PN`, `SN`, `V0`), the product name as `name`; None: none, or not readable."""


def devices(text: str) -> tuple[Device, ...]:
    """Every device in the output, in order."""
    clean = _COMPLAINT.sub("", tool_output(text).replace("\r", "\n"))
    return tuple(_device(head, body) for head, body in blocks(_HEADER, clean))


def device(text: str, address: str) -> Device | None:
    """The device at `address` (with domain), or None."""
    return next((d for d in devices(text) if d.address == address), None)


def downgraded(it: Device) -> tuple[str, ...]:
    """`speed` and/or `width` where the link is below what this device itself could do."""
    if it.link is None or it.capable is None:
        return ()
    speed = it.link.speed_note == "downgraded" or _below(it.link.speed_gtps, it.capable.speed_gtps)
    width = it.link.width_note == "downgraded" or _below(it.link.width, it.capable.width)
    return tuple(name for name, low in (("speed", speed), ("width", width)) if low)


def _below(is_now: float | None, can_be: float | None) -> bool:
    return is_now is not None and can_be is not None and is_now < can_be


def _device(head: re.Match[str], body: str) -> Device:
    class_name, class_code = _class(head[2])
    ids = _PAIR.findall(head[3].split(" (rev")[0])
    revision = _REVISION.search(head[3])
    subsystem = re.search(r"^[ \t]+Subsystem: ([^\n]*)$", body, re.MULTILINE)
    driver = re.search(r"^[ \t]+Kernel driver in use: (\S+)", body, re.MULTILINE)
    return Device(
        address=head[1] if head[1].count(":") == 2 else f"0000:{head[1]}",
        class_code=class_code,
        class_name=class_name,
        id=ids[-1] if ids else None,
        name=head[3].split(" [" + ids[-1])[0] if ids and "[" in head[3] else "",
        revision=revision[1] if revision else None,
        subsystem_id=_last(_PAIR.findall(subsystem[1])) if subsystem else None,
        gone="Unknown header type 7f" in body or bool(revision and revision[1] == "ff"),
        capable=_link(body, "LnkCap"),
        link=_link(body, "LnkSta"),
        lane_errors=_lane_errors(body),
        correctable=_flags(body, "CESta"),
        uncorrectable=_flags(body, "UESta"),
        regions=tuple(_region(m) for m in _REGION.finditer(body)),
        driver=driver[1] if driver else None,
        vpd=_vpd(body),
    )


def _class(text: str) -> tuple[str, str | None]:
    found = _CLASS.match(text)
    return (found[1] or "", found[2]) if found else (text, None)


def _last(found: list[str]) -> str | None:
    return found[-1] if found else None


def _link(body: str, register: str) -> Link | None:
    line = re.search(rf"^[ \t]+{register}:\s*([^\n]*)$", body, re.MULTILINE)
    found = _LINK.search(line[1]) if line else None
    if found is None:
        return None
    width = int(found[3])
    speed = _decimal(found[1])
    return Link(speed, width if width in WIDTHS else None, found[2] or "", found[4] or "")


def _decimal(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:  # `1.2.3`
        return None


def _lane_errors(body: str) -> tuple[int, ...] | None:
    found = re.search(r"LaneErrStat: (?:0$|LaneErr at lane:((?: \d{1,2})+))", body, re.MULTILINE)
    return tuple(int(lane) for lane in (found[1] or "").split()) if found else None


def _flags(body: str, register: str) -> Mapping[str, bool] | None:
    found = re.search(register + _FLAGS, body + "\n")
    if found is None:
        return None
    return {aer.short_name(word[:-1]) or word[:-1]: word.endswith("+") for word in found[1].split()}


def _region(found: re.Match[str]) -> Region:
    rest = found["rest"]
    size = _SIZE.search(rest)
    return Region(
        index=6 if found["rom"] else int(found["index"]),
        kind=_kind(found, rest),
        size=int(size[1]) * _POWERS[size[2]] if size else None,
        assigned=not found["place"].startswith("<"),
        disabled="[disabled]" in rest,
    )


def _kind(found: re.Match[str], rest: str) -> str:
    if found["rom"]:
        return "rom"
    if found["kind"] == "I/O ports":
        return "io"
    return ("mem" if "non-prefetchable" in rest else "pref") + ("64" if "64-bit" in rest else "32")


def _vpd(body: str) -> Mapping[str, str] | None:
    block = _VPD.search(body)
    if block is None:
        return None
    section = block[1].split("Capabilities:")[0]
    name = re.search(r"^[ \t]+Product Name: ?(.*)$", section, re.MULTILINE)
    fields = {key: value.strip() for key, value in _VPD_FIELD.findall(section) if key not in ("RV", "RW")}
    return ({"name": name[1].strip()} if name else {}) | fields or None
