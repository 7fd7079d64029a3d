"""The kernel log (dmesg, journal or console) to events, line by line.

Ref: see `rig.parse.kernel_patterns`; resource numbers: Linux include/linux/pci.h (`PCI_ROM_RESOURCE`,
`PCI_IOV_RESOURCES`, `PCI_BRIDGE_RESOURCES`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rig.parse import aer
from rig.parse.kernel_patterns import ADDRESS, ANYWHERE, FAULTS, HINTS, NEEDS_ADDRESS, Kind
from rig.parse.text import STAMP, plain

Value = str | int | float

_STAMP = re.compile(STAMP)
_DRIVER = re.compile(r"\b(?:mlx4_core|mlx4_en|ixgbe|igb|bnx2x|tg3): ")
_PRIORITY = re.compile(r"\A<\d{1,3}>")
_SIZE = re.compile(r"size 0x([0-9a-f]{1,16})")
_SPAN = re.compile(r"0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})")
_LINE_LIMIT = 2048  # the kernel's own record is 1 kB; longer is no kernel line
_NUMBERS = frozenset(
    ("gbps", "speed_gtps", "width", "capable_gbps", "capable_speed_gtps", "capable_width", "bit", "port")
)


@dataclass(frozen=True, slots=True)
class Event:
    """One kernel line the rig understands."""

    kind: Kind
    device: str | None
    """PCI address the line is about, with domain."""
    text: str
    """The line without stamp and priority."""
    detail: Mapping[str, Value] = field(default_factory=dict)
    """Named parts, see `Kind`; a part that was not printed is absent."""
    time_s: float | None = None
    """Seconds since boot."""


def events(text: str) -> tuple[Event, ...]:
    """Every line that is understood, in order; stamps, priorities, prefixes and CRLF do not matter."""
    lines = plain(text).replace("\r", "\n").split("\n")
    found = [event for line in lines if line and (event := _event(line[:_LINE_LIMIT])) is not None]
    bridges = {e.device for e in found if e.kind is Kind.FOUND and e.detail["header"] == "01"}
    return tuple(_named_bar(e, e.device in bridges) if e.kind is Kind.BAR else e for e in found)


def _event(line: str) -> Event | None:
    stamp = _STAMP.search(line)
    text = _PRIORITY.sub("", line[stamp.end() :] if stamp else line, count=1).strip()
    address = ADDRESS.search(text)
    device = address[0] if address else None
    hit = next(_matches(text, address), None)
    if hit is None:
        return None
    kind, detail = hit
    return Event(kind, device, text, detail, float(stamp["time_s"]) if stamp else None)


def _matches(text: str, address: re.Match[str] | None) -> Iterator[tuple[Kind, Mapping[str, Value]]]:
    if address is not None:
        body = text[address.start() :]
        for kind, pattern in NEEDS_ADDRESS:
            if (match := pattern.search(body)) and (detail := _detail(kind, match, body)) is not None:
                yield kind, detail
    if address is not None or _DRIVER.search(text):
        for code, pattern in FAULTS:
            if match := pattern.search(text):
                yield Kind.FAULT, {"code": code} | _named(match)
    for kind, pattern in ANYWHERE:
        if (match := pattern.search(text)) and (detail := _detail(kind, match, text)) is not None:
            yield kind, detail
    for code, pattern in HINTS:
        if pattern.search(text):
            yield Kind.HINT, {"code": code}


def _detail(kind: Kind, match: re.Match[str], body: str) -> Mapping[str, Value] | None:
    """The named parts, finished; None: it only looked like an event."""
    parts = _named(match)
    if "severity" in parts:
        parts["severity"] = _severity(str(parts["severity"]))
    if kind is Kind.AER_BIT:
        name = aer.short_name(str(parts.pop("label")))
        return parts | {"name": name} if name else None
    if kind is Kind.AER_MESSAGE and "requester" in parts:
        return parts | {"source": _requester(str(parts.pop("requester")), body)}
    if kind is Kind.LINK_UP and "rate" in parts:
        scale, rate = {"G": 1e9, "M": 1e6}[str(parts.pop("unit"))], _number(str(parts.pop("rate")))
        return parts | ({} if rate is None else {"rate_bps": rate * scale})
    return parts


def _named(match: re.Match[str]) -> dict[str, Value]:
    given = {key: value for key, value in match.groupdict().items() if value is not None}
    numbers = {key: n for key in given.keys() & _NUMBERS if (n := _number(given[key])) is not None}
    return {key: value for key, value in given.items() if key not in _NUMBERS} | numbers


def _severity(text: str) -> str:
    """`correctable`, `nonfatal`, `fatal`, or `uncorrectable` where the kernel does not say which."""
    if text.startswith("C"):
        return "correctable"
    return {"(Non-Fatal)": "nonfatal", "(Fatal)": "fatal"}.get(text.partition(" ")[2], "uncorrectable")


def _number(text: str) -> float | int | None:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:  # `5.0.1`
        return None


def _requester(identifier: str, body: str) -> str:
    """A requester id (bus, device, function in 16 bits) as an address in the reporting port's domain."""
    domain, value = body.split(":")[0], int(identifier, 16)
    return f"{domain}:{value >> 8:02x}:{value >> 3 & 0x1F:02x}.{value & 7}"


def _named_bar(event: Event, is_bridge: bool) -> Event:
    """The event with old numbers as names, and with space and size."""
    parts = dict(event.detail)
    where = str(parts.pop("range", parts.pop("old_range", ""))).strip("[]")
    number = parts.pop("number", None)
    area = where.split(" ")[0]
    space = area + " pref" * ("pref" in where)
    name = parts.pop("name", None) or _resource(int(str(number)), area == "io" or is_bridge)
    outcome = "assigned" if parts.pop("outcome") in ("assigned", "set to") else "failed"
    detail = parts | {"resource": name, "outcome": outcome, "space": space}
    size = _size(where)
    return Event(event.kind, event.device, event.text, detail | ({"size": size} if size else {}), event.time_s)


def _resource(number: int, is_window: bool) -> str:
    """A number of kernels before 6.8: after the ROM come VF BARs, or windows where there can be none."""
    if number < 6:
        return f"BAR {number}"
    if number == 6:
        return "ROM"
    return "bridge window" if is_window or number > 12 else f"VF BAR {number - 7}"


def _size(where: str) -> int | None:
    if found := _SIZE.search(where):
        return int(found[1], 16)
    if found := _SPAN.search(where):
        return max(int(found[2], 16) - int(found[1], 16) + 1, 0)
    return None
