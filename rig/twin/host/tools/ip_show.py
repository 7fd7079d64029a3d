"""How `ip` of iproute2 6.1 prints links and addresses, as text and as JSON."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.twin.host.device import bdf_of
from rig.twin.host.netdev import Address, NetDev
from rig.twin.host.tools.base import Answer, Context

_FOREVER = 0xFFFF_FFFF
_QUEUES = 64
_GSO = {
    "gso_max_size": 65536,
    "gso_max_segs": 65535,
    "tso_max_size": 65536,
    "tso_max_segs": 65535,
    "gro_max_size": 65536,
}
_LOOPBACK: Mapping[str, Any] = {
    "ifindex": 1,
    "ifname": "lo",
    "flags": ["LOOPBACK", "UP", "LOWER_UP"],
    "mtu": 65536,
    "qdisc": "noqueue",
    "operstate": "UNKNOWN",
    "linkmode": "DEFAULT",
    "group": "default",
    "txqlen": 1000,
    "link_type": "loopback",
    "address": "00:00:00:00:00:00",
    "broadcast": "00:00:00:00:00:00",
}
_LOOPBACK_ADDRESSES = (ipaddress.ip_interface("127.0.0.1/8"), ipaddress.ip_interface("::1/128"))
_RX = ("bytes", "packets", "errors", "dropped", "missed", "mcast")
_TX = ("bytes", "packets", "errors", "dropped", "carrier", "collsns")


@dataclass(frozen=True, slots=True)
class Form:
    """How to print."""

    json: bool = False
    pretty: bool = False
    details: bool = False
    statistics: bool = False
    brief: bool = False
    oneline: bool = False
    addresses: bool = True
    family: int | None = None


def show(context: Context, form: Form, arguments: Sequence[str]) -> Answer:
    """`ip link show` or `ip addr show`, of all interfaces or of one, or of those that are up."""
    words = list(arguments)
    only, up = None, False
    while words:
        word = words.pop(0)
        if word == "up":
            up = True
        elif word == "dev" and not words:
            return Answer(err='Command line is not complete. Try option "help"\n', code=255)
        else:
            only = words.pop(0) if word == "dev" else word
    rows = _rows(context, form)
    if only is not None and only not in {r["ifname"] for r in rows}:
        return Answer(err=f'Device "{only}" does not exist.\n', code=1)
    kept = [r for r in rows if only in (None, r["ifname"]) and (not up or "UP" in r["flags"])]
    if form.addresses and form.family is not None:
        kept = [r for r in kept if r["addr_info"]]
    return Answer(out=_json(form, kept) if form.json else "".join(_text(form, r) for r in kept))


# --- rows: the JSON that iproute2 prints ------------------------------------------------------------------------


def _rows(context: Context, form: Form) -> list[dict[str, Any]]:
    rows = [_shaped(form, dict(_LOOPBACK), {}, _stats(0, 0, 0, 0), _LOOPBACK_ADDRESSES)]
    for netdev in sorted(context.kernel.netdevs.values(), key=lambda n: n.ifindex):
        local = [netdev.link_local] if netdev.link_local else []
        stats = _stats(netdev.rx.bytes, netdev.rx.packets, netdev.tx.bytes, netdev.tx.packets)
        rows.append(_shaped(form, _link(netdev), _details(netdev), stats, [*netdev.addresses, *local]))
    return rows


def _link(netdev: NetDev) -> dict[str, Any]:
    row: dict[str, Any] = {
        "ifindex": netdev.ifindex,
        "ifname": netdev.name,
        "flags": list(netdev.flags),
        "mtu": netdev.mtu,
        "qdisc": netdev.qdisc,
        "operstate": netdev.operstate.upper(),
        "linkmode": "DEFAULT",
        "group": "default",
        "txqlen": 1000,
        "link_type": "ether",
        "address": netdev.port.mac,
        "broadcast": "ff:ff:ff:ff:ff:ff",
    }
    if netdev.name.startswith("ens1"):
        row["altnames"] = [netdev.name.replace("ens1", "enp1s0", 1)]
    return row


def _details(netdev: NetDev) -> dict[str, Any]:
    return {
        "promiscuity": 0,
        "allmulti": 0,
        "min_mtu": 68,
        "max_mtu": 9710,
        "inet6_addr_gen_mode": "eui64",
        "num_tx_queues": _QUEUES,
        "num_rx_queues": _QUEUES,
        **_GSO,
        "parentbus": "pci",
        "parentdev": bdf_of(netdev.port.function),
    }


def _stats(rx_bytes: int, rx_packets: int, tx_bytes: int, tx_packets: int) -> dict[str, Any]:
    silent = {"errors": 0, "dropped": 0}
    return {
        "rx": {"bytes": rx_bytes, "packets": rx_packets, **silent, "over_errors": 0, "multicast": 0},
        "tx": {"bytes": tx_bytes, "packets": tx_packets, **silent, "carrier_errors": 0, "collisions": 0},
    }


def _shaped(
    form: Form,
    row: dict[str, Any],
    details: Mapping[str, Any],
    stats: Mapping[str, Any],
    addresses: Sequence[Address],
) -> dict[str, Any]:
    altnames = row.pop("altnames", None)
    if form.addresses:
        del row["linkmode"]
        if form.family is not None and not form.details:
            for key in ("link_type", "address", "broadcast"):
                del row[key]
    if form.details:
        row |= details
    if form.statistics:
        row["stats64"] = stats
    if altnames:
        row["altnames"] = altnames
    if form.addresses:
        shown = [a for a in addresses if form.family in (None, a.version)]
        row["addr_info"] = [_address(a, row["ifname"]) for a in shown]
    return row


def _address(address: Address, ifname: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "family": "inet" if address.version == 4 else "inet6",
        "local": str(address.ip),
        "prefixlen": address.network.prefixlen,
        "scope": "host" if address.ip.is_loopback else "link" if address.ip.is_link_local else "global",
    }
    if address.version == 4:
        row["label"] = ifname
    return row | {"valid_life_time": _FOREVER, "preferred_life_time": _FOREVER}


def _json(form: Form, rows: list[dict[str, Any]]) -> str:
    if form.brief:
        rows = [_brief_row(form, r) for r in rows]
    if form.pretty:
        return json.dumps(rows, indent=4) + "\n"
    return json.dumps(rows, separators=(",", ":")) + "\n"


def _brief_row(form: Form, row: dict[str, Any]) -> dict[str, Any]:
    keys = ("ifname", "operstate", "addr_info") if form.addresses else ("ifname", "operstate", "address", "flags")
    return {k: row[k] for k in keys}


# --- text -------------------------------------------------------------------------------------------------------


def _text(form: Form, row: dict[str, Any]) -> str:
    if form.brief:
        return _brief(form, row)
    lines = [_head(form, row), *_tail(form, row)]
    if form.oneline:
        return "\\".join(lines) + "\n"
    return "\n".join(lines) + "\n"


def _brief(form: Form, row: dict[str, Any]) -> str:
    head = f"{row['ifname']:<16} {row['operstate']:<14} "
    if form.addresses:
        return head + "".join(f"{a['local']}/{a['prefixlen']} " for a in row["addr_info"]) + "\n"
    return f"{head}{row['address']} <{','.join(row['flags'])}> \n"


def _head(form: Form, row: dict[str, Any]) -> str:
    mode = "" if form.addresses else f"mode {row['linkmode']} "
    return (
        f"{row['ifindex']}: {row['ifname']}: <{','.join(row['flags'])}> mtu {row['mtu']} qdisc {row['qdisc']} "
        f"state {row['operstate']} {mode}group {row['group']} qlen {row['txqlen']}"
    )


def _tail(form: Form, row: dict[str, Any]) -> list[str]:
    lines = []
    if "link_type" in row:
        lines.append(f"    link/{row['link_type']} {row['address']} brd {row['broadcast']}{_details_text(row)}")
    if form.statistics:
        rx, tx = row["stats64"]["rx"], row["stats64"]["tx"]
        lines += _columns("RX:", _RX, tuple(rx.values())) + _columns("TX:", _TX, tuple(tx.values()))
    lines += [f"    altname {name}" for name in row.get("altnames", ())]
    for address in row.get("addr_info", ()):
        label = f" {address['label']}" if "label" in address else " "
        lines.append(
            f"    {address['family']} {address['local']}/{address['prefixlen']} scope {address['scope']}{label}"
        )
        lines.append("       valid_lft forever preferred_lft forever")
    return lines


def _details_text(row: dict[str, Any]) -> str:
    if "parentdev" not in row:
        return ""
    gso = " ".join(f"{k} {row[k]}" for k in _GSO)
    return (
        f" promiscuity 0  allmulti 0 minmtu {row['min_mtu']} maxmtu {row['max_mtu']} "
        f"addrgenmode {row['inet6_addr_gen_mode']} numtxqueues {row['num_tx_queues']} "
        f"numrxqueues {row['num_rx_queues']} {gso} parentbus {row['parentbus']} parentdev {row['parentdev']} "
    )


def _columns(direction: str, names: Sequence[str], values: Sequence[int]) -> list[str]:
    least = (10, 7, 6, 7, 7, 7)
    widths = [max(width, len(str(value))) for width, value in zip(least, values, strict=True)]
    head = " ".join(f"{n:>{w}}" for n, w in zip(names, [widths[0] - 4, *widths[1:]], strict=True))
    row = " ".join(f"{v:>{w}}" for v, w in zip(values, widths, strict=True))
    return [f"    {direction} {head}{' ' * 11}", f"    {row} "]
