"""The card's network interfaces, keyed by PCI function and port, because names change after probe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rig.ports import HostPort
from rig.steps.pci import DEVICES, read_files, text_of

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,15}")


@dataclass(frozen=True, slots=True)
class NetDev:
    """One network interface of the card."""

    name: str
    function: str
    dev_port: int
    mac: str
    kind: int | None
    """ARPHRD type: 1 Ethernet, 32 InfiniBand."""

    @property
    def is_ethernet(self) -> bool:
        return self.kind == 1


def netdevs(host: HostPort, functions: Sequence[str]) -> list[NetDev]:
    """Every interface of these functions, by function, then port."""
    folders = [f"{DEVICES}/{f}/net" for f in functions]
    listings = read_files(host, folders)
    pairs = [
        (f, name)
        for f, folder in zip(functions, folders, strict=True)
        for name in (text_of(listings, folder) or "").split()
        if _NAME.fullmatch(name)
    ]
    files = read_files(host, [_path(f, n, a) for f, n in pairs for a in ("dev_port", "address", "type")])

    def value(function: str, name: str, attribute: str) -> str:
        return (text_of(files, _path(function, name, attribute)) or "").strip()

    found = [
        NetDev(n, f, _number(value(f, n, "dev_port")) or 0, value(f, n, "address"), _number(value(f, n, "type")))
        for f, n in pairs
    ]
    return sorted(found, key=lambda d: (d.function, d.dev_port))


def _path(function: str, name: str, attribute: str) -> str:
    return f"{DEVICES}/{function}/net/{name}/{attribute}"


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None
