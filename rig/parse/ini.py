"""The INI of a ConnectX-3 image: two keys changed, everything else to the letter as it was.

Ref: the text that `mstflint dc` prints and mlxburn's -conf takes: sections in brackets, `key = value`, `;` comments.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

ETHERNET: Mapping[str, str] = {"eth_xfi_en": "true", "sriov_en": "false"}
"""What makes an InfiniBand image an Ethernet one, with BARs that fit every host: both in [HCA]."""
_SECTION = re.compile(r"\s*\[([^\]]{1,64})\]")
_KEY = re.compile(r"([^\S\r\n]*)([\w.-]{1,64})([^\S\r\n]*=[^\S\r\n]*)([^;\r\n]*)")


def with_ethernet(text: str) -> str:
    """`text` with Ethernet on and SR-IOV off in [HCA]; ValueError when it has no such section or more than one."""
    lines = _lines(text)
    heads = [n for n, line in enumerate(lines) if _section(line) == "hca"]
    if len(heads) != 1:
        raise ValueError(f"expected one section [HCA], found {len(heads)}")
    start = heads[0] + 1
    end_of_line = _end(lines[heads[0]]) or "\n"
    lines[heads[0]] = lines[heads[0]].rstrip("\r\n") + end_of_line
    end = next((n for n in range(start, len(lines)) if _section(lines[n]) is not None), len(lines))
    body = [_set(line) for line in lines[start:end]]
    there = {found[2].lower() for line in body if (found := _KEY.match(line))}
    added = [f"{key} = {value}{end_of_line}" for key, value in ETHERNET.items() if key not in there]
    return "".join([*lines[:start], *added, *body, *lines[end:]])


def changes(before: str, after: str) -> Mapping[str, tuple[str | None, str | None]]:
    """Every `section.key` whose value differs, with the value before and after; None: not there."""
    old, new = values(before), values(after)
    return {key: (old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)}


def values(text: str) -> Mapping[str, str]:
    """`section.key`, lower case, to value."""
    found, section = {}, ""
    for line in _lines(text):
        if (name := _section(line)) is not None:
            section = name
        elif key := _KEY.match(line):
            found[f"{section}.{key[2].lower()}"] = key[4].strip()
    return found


def _lines(text: str) -> list[str]:
    """With their ends; a form feed or a separator of Unicode, unlike in `splitlines`, ends none."""
    return io.StringIO(text, newline="").readlines()


def _end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _section(line: str) -> str | None:
    found = _SECTION.match(line)
    return found[1].strip().lower() if found else None


def _set(line: str) -> str:
    """The line with the wanted value, where it is one of the two keys."""
    found = _KEY.match(line)
    wanted = ETHERNET.get(found[2].lower()) if found else None
    if found is None or wanted is None:
        return line
    value = found[4].rstrip()
    return f"{line[: found.start(4)]}{wanted}{line[found.start(4) + len(value) :]}"
