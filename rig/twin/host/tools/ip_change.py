"""`ip link set` and `ip addr add|replace|del|flush` of iproute2 6.1, as a Linux 6.1 kernel answers them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from rig.twin.host.netdev import Address, NetDev
from rig.twin.host.tools.base import Answer, Context

_IGNORED_WITH_VALUE = frozenset(
    {"brd", "broadcast", "label", "scope", "peer", "anycast", "valid_lft", "preferred_lft", "metric", "proto"}
)
_LEAST_MTU, _MOST_MTU = 68, 9710
_NO_MAC = "00:00:00:00:00:00"


def link_set(context: Context, arguments: Sequence[str]) -> Answer:
    """`ip link set [dev] NAME {up|down|mtu N}`; other settings are refused as a driver without them would."""
    words, changes = list(arguments), dict[str, str]()
    name: str | None = None
    while words:
        word = words.pop(0)
        if word in ("up", "down"):
            changes["admin"] = word
        elif word in ("mtu", "txqueuelen", "qlen", "promisc", "multicast", "alias") and words:
            changes[word] = words.pop(0)
        elif word == "dev" and words:
            name = words.pop(0)
        elif word != "dev" and name is None:
            name = word
        elif word == "dev":
            return _incomplete()
        else:
            return Answer(err=f'Error: either "dev" is duplicate, or "{word}" is a garbage.\n', code=255)
    if name is None:
        return Answer(err='Not enough information: "dev" argument is required.\n', code=255)
    if name == "lo":
        return Answer()
    netdev = context.kernel.netdevs.get(name)
    return _no_such(name) if netdev is None else _apply(context, netdev, changes)


def address(context: Context, command: str, arguments: Sequence[str]) -> Answer:
    """`ip addr add|replace|del|flush`; addresses are kept per interface."""
    words, name, local = list(arguments), None, None
    while words:
        word = words.pop(0)
        if word in ("dev", *_IGNORED_WITH_VALUE):
            if not words:
                return _incomplete()
            value = words.pop(0)
            name = value if word == "dev" else name
        elif word not in ("local", "nodad", "noprefixroute", "home"):
            local = word
    if "flush".startswith(command):
        return _flush(context, name)
    if name is None:
        return Answer(err='Not enough information: "dev" argument is required.\n', code=1)
    if local is None:
        return Answer(err="RTNETLINK answers: Operation not supported\n", code=2)
    try:
        interface = ipaddress.ip_interface(local)
    except ValueError:
        return Answer(err=f'Error: any valid prefix is expected rather than "{local}".\n', code=1)
    netdev = context.kernel.netdevs.get(name)
    return _no_such(name) if netdev is None else _edit(context, netdev, command, interface)


def _apply(context: Context, netdev: NetDev, changes: dict[str, str]) -> Answer:
    mtu = changes.get("mtu")
    if mtu is not None:
        if not mtu.isdecimal():
            return Answer(err=f'Error: argument "{mtu}" is wrong: Invalid "mtu" value\n\n', code=255)
        if int(mtu) < _LEAST_MTU:
            return Answer(err="Error: mtu less than device minimum.\n", code=2)
        if int(mtu) > _MOST_MTU:
            return Answer(err="Error: mtu greater than device maximum.\n", code=2)
        netdev.mtu = int(mtu)
        context.kernel.revision += 1
    if changes.get("admin") == "up" and netdev.port.mac == _NO_MAC:
        # bnx2x_validate_addr() and eth_validate_addr() answer EADDRNOTAVAIL
        return Answer(err="RTNETLINK answers: Cannot assign requested address\n", code=2)
    if "admin" in changes:
        context.slot.set_admin(netdev.name, changes["admin"] == "up")
        context.kernel.refresh()
    return Answer()


def _edit(context: Context, netdev: NetDev, command: str, interface: Address) -> Answer:
    there = interface in netdev.addresses
    if "delete".startswith(command):
        if not there:
            return Answer(err="RTNETLINK answers: Cannot assign requested address\n", code=2)
        netdev.addresses.remove(interface)
    elif there and "add".startswith(command):
        return Answer(err="RTNETLINK answers: File exists\n", code=2)
    elif not there:
        netdev.addresses.append(interface)
    context.kernel.revision += 1
    return Answer()


def _flush(context: Context, name: str | None) -> Answer:
    if name is None:
        return Answer(err="Flush requires arguments.\n", code=255)
    netdev = context.kernel.netdevs.get(name)
    if netdev is None:
        return Answer(err=f'Device "{name}" does not exist.\n', code=1)
    netdev.addresses.clear()
    context.kernel.revision += 1
    return Answer()


def _no_such(name: str) -> Answer:
    return Answer(err=f'Cannot find device "{name}"\n', code=1)


def _incomplete() -> Answer:
    return Answer(err='Command line is not complete. Try option "help"\n', code=255)
