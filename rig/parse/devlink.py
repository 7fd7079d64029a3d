"""`devlink dev info`: what a driver says of its device's firmware, versions 5.x and 6.x.

Ref: iproute2 devlink/devlink.c (`cmd_dev_info`, `pr_out_info`), lib/mnl_utils.c (`kernel answers: `);
Linux Documentation/networking/devlink/devlink-info.rst for the names of the versions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rig.parse.text import tool_lines

_HANDLE = re.compile(r"([a-z]{1,16}/[\w.:-]{1,64}):\s*\Z")
_PAIR = re.compile(r"\s+([A-Za-z][\w.]{0,63}) (\S.{0,200}?)\s*\Z")
_SECTION = re.compile(r"\s+(fixed|running|stored):\s*\Z")
_REFUSED = re.compile(
    r"(?:kernel|devlink) answers: (.{1,100})|(?:devlink: )?((?:command )?not found)\b|(Failed to connect)"
)


@dataclass(frozen=True, slots=True)
class Info:
    """One device; a section the driver does not fill is empty."""

    handle: str
    """`pci/0000:01:00.0`."""
    driver: str = ""
    serial_number: str = ""
    board_serial_number: str = ""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """What never changes: `board.id`, `asic.id`, `fw.psid` ..."""
    running: Mapping[str, str] = field(default_factory=dict)
    """Versions that work now: `fw`, `fw.mgmt`, `fw.undi` ..."""
    stored: Mapping[str, str] = field(default_factory=dict)
    """Versions that the next reset loads."""


def infos(text: str) -> tuple[Info, ...]:
    """Every device in the output; empty: it did not answer (ask `refusal` why)."""
    found: list[Info] = []
    block: list[str] = []
    for line in reversed(tool_lines(text)):
        if handle := _HANDLE.match(line):
            found.append(_info(handle[1], block[::-1]))
            block = []
        else:
            block.append(line)
    return tuple(reversed(found))


def refusal(text: str) -> str | None:
    """Why there is no answer, in the tool's own words; None: it answered, or in words nobody knows."""
    found = (_REFUSED.search(line) for line in tool_lines(text))
    return next((next(filter(None, m.groups())).strip() for m in found if m), None)


def _info(handle: str, lines: list[str]) -> Info:
    parts: dict[str, dict[str, str]] = {"": {}, "fixed": {}, "running": {}, "stored": {}}
    section = ""
    for line in lines:
        if heading := _SECTION.match(line):
            section = heading[1]
        elif pair := _PAIR.match(line):
            parts[section].setdefault(pair[1], pair[2])
    own = parts[""]
    return Info(
        handle=handle,
        driver=own.get("driver", ""),
        serial_number=own.get("serial_number", ""),
        board_serial_number=own.get("board.serial_number", ""),
        fixed=parts["fixed"],
        running=parts["running"],
        stored=parts["stored"],
    )
