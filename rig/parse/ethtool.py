"""`ethtool`: settings, -i, -e, -m, -S, and the ways it refuses, versions 2.x to 6.x.

Ref: ethtool netlink/settings.c and ethtool.c (`dump_ecmd`, `do_gdrv`, `do_gstats`), sfpid.c and qsfp.c (-m);
-e: ethtool.c (`dump_hex`; before 3.x without the colon) and tg3.c (`tg3_dump_eeprom`, one byte a line).
The reason in brackets after `Link detected: no` came with 5.8.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rig.parse.text import tool_lines, tool_output

_FIELD = re.compile(r"\s*([^:\s][^:]{0,60}?)\s*:(?:\s+(.*))?\Z")
_SPEED = re.compile(r"(\d{1,8})Mb/s")
_COUNTER = re.compile(r"\s*(\S.{0,80}): (\d{1,20})\s*\Z")
_MORE_MODES = re.compile(r"\s+(\d+base\S+(?: +\d+base\S+)*)\s*\Z")
_DUMP_ROW = re.compile(r"0x([0-9a-f]{4,8}):?\t\t((?:[0-9a-f]{2} ){1,16})\s*\Z")
_DUMP_BYTE = re.compile(r"0x([0-9a-f]{8})\t0x([0-9a-f]{2})\Z")
_DUMP_HEADS = ("Offset\t\tValues", "Address   \tData")
_CELSIUS = re.compile(r"(-?\d{1,4}(?:\.\d{1,4})?) degrees C")


class Refusal(enum.StrEnum):
    """Why ethtool, or the driver behind it, did not answer."""

    NO_DEVICE = "no such device"
    NOT_SUPPORTED = "not supported"
    NOT_PERMITTED = "not permitted"
    NO_MODULE = "no module answered"
    NO_DATA = "no data"
    NOT_NOW = "not while the interface is down"


_REFUSALS = (
    (Refusal.NO_DEVICE, re.compile(r"No such device|no device matches name|bad command line.*DEVNAME")),
    (Refusal.NOT_PERMITTED, re.compile(r"Operation not permitted|Permission denied")),
    (Refusal.NOT_SUPPORTED, re.compile(r"not supported", re.IGNORECASE)),
    (
        Refusal.NO_MODULE,
        re.compile(r"(?:Cannot get [Mm]odule EEPROM|netlink error).*(?:Input/output|Invalid argument|timed out)"),
    ),
    (Refusal.NO_DATA, re.compile(r"No data available|no stats available")),
    (Refusal.NOT_NOW, re.compile(r"Cannot get EEPROM data: Resource temporarily unavailable")),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """`ethtool IF`; what the driver does not report is None or empty."""

    interface: str
    speed_bps: int | None
    """None: unknown, as without a link."""
    duplex: str | None
    """`Full` or `Half`."""
    link: bool | None
    link_reason: str
    """What newer versions put in brackets after `Link detected: no`."""
    port: str | None
    """`Twisted Pair`, `FIBRE`, `Direct Attach Copper` ..."""
    autonegotiation: bool | None
    supported: tuple[str, ...]
    advertised: tuple[str, ...]
    partner: tuple[str, ...]
    """Link modes such as `10000baseT/Full`."""


@dataclass(frozen=True, slots=True)
class Driver:
    """`ethtool -i IF`."""

    driver: str
    version: str
    firmware_version: str
    expansion_rom_version: str
    bus_info: str
    """PCI address of the function behind the interface."""


@dataclass(frozen=True, slots=True)
class Module:
    """`ethtool -m IF`: the transceiver or cable in the cage."""

    identifier: str
    """`SFP`, `QSFP+` ..."""
    connector: str
    types: tuple[str, ...]
    """`10G Ethernet: 10G Base-SR` ..."""
    vendor: str
    part_number: str
    serial: str
    temperature_c: float | None


def settings(text: str) -> Settings | None:
    """`ethtool IF`; None: it did not answer (ask `refusal` why)."""
    lines = tool_lines(text)
    start = next((i for i, line in enumerate(lines) if line.startswith("Settings for ")), None)
    if start is None:
        return None
    interface = lines[start].removeprefix("Settings for ").rstrip(": ")
    fields = _joined(lines[start + 1 :])
    link, _, reason = fields.get("Link detected", "").partition(" ")
    speed = _SPEED.match(fields.get("Speed", ""))
    duplex = fields.get("Duplex")
    return Settings(
        interface=interface,
        speed_bps=int(speed[1]) * 1_000_000 if speed else None,
        duplex=duplex if duplex in ("Full", "Half") else None,
        link={"yes": True, "no": False}.get(link),
        link_reason=reason.strip("() "),
        port=fields.get("Port"),
        autonegotiation={"on": True, "off": False}.get(fields.get("Auto-negotiation", "")),
        supported=_modes(fields.get("Supported link modes")),
        advertised=_modes(fields.get("Advertised link modes")),
        partner=_modes(fields.get("Link partner advertised link modes")),
    )


def driver(text: str) -> Driver | None:
    """`ethtool -i IF`; None: it did not answer."""
    fields = {key: values[0] for key, values in _fields(tool_lines(text)).items()}
    if "driver" not in fields or "bus-info" not in fields:
        return None
    names = ("driver", "version", "firmware-version", "expansion-rom-version", "bus-info")
    return Driver(*(fields.get(name, "") for name in names))


def module(text: str) -> Module | None:
    """`ethtool -m IF`; None: no module, or none that can be read (ask `refusal` why)."""
    fields = _fields(tool_lines(text))
    if "Identifier" not in fields:
        return None
    celsius = _CELSIUS.match(fields.get("Module temperature", [""])[0])
    return Module(
        identifier=_named(fields["Identifier"][0]),
        connector=_named(fields.get("Connector", [""])[0]),
        types=tuple(fields.get("Transceiver type", ())),
        vendor=fields.get("Vendor name", [""])[0],
        part_number=fields.get("Vendor PN", [""])[0],
        serial=fields.get("Vendor SN", [""])[0],
        temperature_c=float(celsius[1]) if celsius else None,
    )


def statistics(text: str) -> Mapping[str, int]:
    """`ethtool -S IF` by the driver's own names; empty: none."""
    _, _, table = tool_output(text).partition("NIC statistics:\n")
    found = (_COUNTER.match(line) for line in table.splitlines())
    return {m[1]: int(m[2]) for m in found if m}


def eeprom(text: str) -> bytes | None:
    """`ethtool -e IF`: the bytes of a dump from offset 0 on; None: no dump, or one with a gap or a torn line."""
    lines = [line.rstrip() for line in tool_lines(text)]
    start = next((i for i, line in enumerate(lines) if line in _DUMP_HEADS), None)
    if start is None:
        return None
    content = bytearray()
    for line in filter(None, lines[start + 2 :]):
        row = _dump_row(line)
        # only the last row may be short, so every row begins at a multiple of its length
        if row is None or row[0] != len(content):
            return None
        content += row[1]
    return bytes(content) or None


def refusal(text: str) -> Refusal | None:
    """The first known reason in the output; None: no refusal, or none that is known.

    A good report can hold one too: without root, `ethtool IF` adds that it may not read wake-on-lan.
    """
    lines = tool_lines(text)
    return next((kind for kind, pattern in _REFUSALS if any(pattern.search(line) for line in lines)), None)


def _dump_row(line: str) -> tuple[int, bytes] | None:
    """Offset and bytes of one line."""
    if found := _DUMP_BYTE.match(line):
        return int(found[1], 16), bytes.fromhex(found[2])
    found = _DUMP_ROW.match(line + " ")
    return (int(found[1], 16), bytes.fromhex(found[2])) if found else None


def _fields(lines: list[str]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for line in lines:
        if found := _FIELD.match(line):
            fields.setdefault(found[1], []).append((found[2] or "").strip())
    return fields


def _joined(lines: list[str]) -> dict[str, str]:
    """Fields of the settings, link modes on further lines added to the field they belong to."""
    fields: dict[str, str] = {}
    last = ""
    for line in lines:
        if more := _MORE_MODES.match(line):
            fields[last] = f"{fields.get(last, '')} {more[1]}"
        elif found := _FIELD.match(line):
            last = found[1]
            fields[last] = (found[2] or "").strip()
    return fields


def _modes(text: str | None) -> tuple[str, ...]:
    return tuple(word for word in (text or "").split() if "base" in word)


def _named(text: str) -> str:
    """`0x03 (SFP)` as `SFP`."""
    found = re.match(r"0x[0-9a-f]+ \((.*)\)\Z", text)
    return found[1] if found else text
