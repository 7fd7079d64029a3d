"""`ip link` and `ip addr`, as JSON (-j, iproute2 4.13 and later) and as the text older ones print.

Ref: iproute2 ip/ipaddress.c (`print_linkinfo`, `print_addrinfo`); Linux netdevice(7) for the flags.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rig.parse import ParseError
from rig.parse.text import blocks, tool_output

_JSON = re.compile(r"^\[", re.MULTILINE)
_HEAD = re.compile(r"^\d{1,9}: ([^\s:@]+)(?:@(\S+))?: <([A-Z0-9_,-]*)>([^\n]*)$", re.MULTILINE)
_LINK = re.compile(r"^[ \t]+link/(\S+)(?: ([0-9a-fA-F:]+))?", re.MULTILINE)
_ADDRESS = re.compile(r"^[ \t]+(inet6?) ([0-9a-f.:]+)(?: peer \S+)?/(\d{1,3})", re.MULTILINE)
_MTU = re.compile(r"[0-9]{1,9}\Z")
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\Z")


@dataclass(frozen=True, slots=True)
class Address:
    family: str
    """`inet` or `inet6`."""
    address: str
    prefix: int


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface."""

    name: str
    link_type: str
    """`ether`, `infiniband`, `loopback` ..."""
    mac: str | None
    """Lower case; None unless it is a 6-byte address."""
    up: bool
    """Administratively up."""
    carrier: bool | None
    """None: down, so nobody knows."""
    operstate: str | None
    """`UP`, `DOWN`, `LOWERLAYERDOWN`, `UNKNOWN` ..."""
    mtu: int | None
    addresses: tuple[Address, ...]


def interfaces(text: str) -> tuple[Interface, ...]:
    """Every interface of `ip [-j] [-d] [-s] link|addr`; empty: none, or an error text.

    ParseError: a line starts like JSON and is not.
    """
    clean = tool_output(text).replace("\r", "").strip()
    document = _JSON.search(clean)
    return _from_json(clean[document.start() :]) if document else _from_text(clean)


def interface(text: str, name: str) -> Interface | None:
    """The interface called `name`, or None."""
    return next((i for i in interfaces(text) if i.name == name), None)


def _from_json(text: str) -> tuple[Interface, ...]:
    try:
        entries, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as e:
        raise ParseError(f"ip -j: not JSON: {e}") from e
    # old versions print an empty object for each interface that a filter left out
    return tuple(_entry(e) for e in entries if isinstance(e, dict) and isinstance(e.get("ifname"), str))


def _entry(entry: dict[str, Any]) -> Interface:
    flags = entry.get("flags")
    mtu = entry.get("mtu")
    addresses = entry.get("addr_info")
    return _interface(
        name=entry["ifname"],
        link_type=str(entry.get("link_type", "")),
        mac=str(entry.get("address", "")),
        flags=[f for f in flags if isinstance(f, str)] if isinstance(flags, list) else [],
        operstate=str(entry["operstate"]) if "operstate" in entry else None,
        mtu=mtu if isinstance(mtu, int) else None,
        addresses=_addresses(addresses if isinstance(addresses, list) else []),
    )


def _addresses(entries: list[Any]) -> tuple[Address, ...]:
    known = [e for e in entries if isinstance(e, dict) and isinstance(e.get("local"), str)]
    return tuple(
        Address(str(e.get("family")), e["local"], e["prefixlen"]) for e in known if isinstance(e.get("prefixlen"), int)
    )


def _from_text(text: str) -> tuple[Interface, ...]:
    return tuple(_block(head, body) for head, body in blocks(_HEAD, text))


def _block(head: re.Match[str], body: str) -> Interface:
    link = _LINK.search(body)
    words = head[4].split()
    after = dict(itertools.pairwise(words))
    return _interface(
        name=head[1],
        link_type=link[1] if link else "",
        mac=(link[2] or "") if link else "",
        flags=head[3].split(","),
        operstate=after.get("state"),
        mtu=int(after["mtu"]) if _MTU.match(after.get("mtu", "")) else None,
        addresses=tuple(Address(m[1], m[2], int(m[3])) for m in _ADDRESS.finditer(body)),
    )


def _interface(
    name: str,
    link_type: str,
    mac: str,
    flags: Iterable[str],
    operstate: str | None,
    mtu: int | None,
    addresses: tuple[Address, ...],
) -> Interface:
    up = "UP" in flags
    return Interface(
        name=name,
        link_type=link_type,
        mac=mac.lower() if _MAC.match(mac.lower()) else None,
        up=up,
        carrier="LOWER_UP" in flags if up else None,
        operstate=operstate,
        mtu=mtu,
        addresses=addresses,
    )
