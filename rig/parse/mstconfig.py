"""`mstconfig` and MFT's `mlxconfig`: the tables of query and set.

Ref: mstflint 4.21.0 mlxconfig/mlxcfg_ui.cpp; with -e the columns are Default, Current, Next Boot, and `*`
marks a row whose values differ. Errors: `rig.parse.flint.messages`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rig.parse.text import tool_lines

_COLUMNS = ("Default", "Current", "Next Boot", "New")
_ROW = re.compile(r"\s*\*?\s*([A-Z][A-Z0-9_]{1,63}(?:\[[\d.]{1,12}\])?)\s{2,}(\S.*)\Z")
_DIGITS = re.compile(r"[0-9]{1,9}\Z")
_NUMBERED = re.compile(r"(.*)\((\d{1,9})\)\Z")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row; values as printed (`ETH(2)`), None: the table has no such column."""

    default: str | None = None
    current: str | None = None
    """What the card runs with now; only tables made with -e know it."""
    next_boot: str | None = None
    new: str | None = None
    """What `set` is about to write."""


@dataclass(frozen=True, slots=True)
class Table:
    device_type: str
    """`ConnectX3`, `ConnectX3Pro` ..."""
    device: str
    settings: Mapping[str, Setting]
    applied: bool | None
    """Whether `set` or `reset` was applied; None: neither was tried."""


def table(text: str) -> Table | None:
    """The table of the one device asked; None: there is none (`rig.parse.flint.messages` says why)."""
    lines = tool_lines(text)
    heading = next((line for line in lines if line.startswith("Configurations:")), None)
    if heading is None:
        return None
    named = [name for name in _COLUMNS if name in heading]
    rows = (_ROW.match(line) for line in lines)
    return Table(
        device_type=_after(lines, "Device type:"),
        device=_after(lines, "Device:"),
        settings={row[1]: _setting(named, row[2].rstrip()) for row in rows if row},
        applied=_applied("\n".join(lines)),
    )


def number(value: str) -> int | None:
    """The number of a value: 2 of `ETH(2)`, 8 of `8`; None: it has none."""
    found = _NUMBERED.match(value)
    digits = found[2] if found else value
    return int(digits) if _DIGITS.match(digits) else None


def _setting(named: list[str], row: str) -> Setting:
    values = dict(zip(named, re.split(r"\s{2,}", row), strict=False))
    return Setting(*(values.get(name) for name in _COLUMNS))


def _after(lines: list[str], label: str) -> str:
    return next((line.removeprefix(label).strip() for line in lines if line.startswith(label)), "")


def _applied(whole: str) -> bool | None:
    found = re.search(r"Applying\.\.\. (Done|Failed)!", whole)
    return found[1] == "Done" if found else None
