"""Cable in: carrier and negotiated rate of every port.

Ref: ethtool(8); Linux Documentation/ABI/testing/sysfs-class-net (`carrier`).
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rig.config.plan import LinkStep
from rig.errors import BenchError
from rig.expect import Parts
from rig.model import Findings, Measurement
from rig.parse import ethtool
from rig.ports import HostPort
from rig.steps.answers import still_answers
from rig.steps.netdev import NetDev, netdevs
from rig.steps.pci import Located, locate, read_files, text_of

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class CabledPort:
    """One port of the card on this bench: its interface and the address its host end has."""

    number: int
    device: NetDev
    address: str
    """With prefix length, `192.168.86.2/24`."""

    @property
    def ip(self) -> str:
        return self.address.partition("/")[0]


def measure(host: HostPort, parts: Parts, root_port: str | None, addresses: Sequence[str], plan: LinkStep) -> Findings:
    """Every cabled port up, with its address, and what it linked at."""
    found = locate(host, parts.card, root_port)
    rows: list[Measurement] = []
    evidence: dict[str, str] = {}
    with still_answers(host, found, rows):
        devices = ethernet_devices(host, found)
        ports = cabled(devices, addresses)
        rows.append(Measurement("link.ports", len(devices), "1", ", ".join(d.name for d in devices)))
        bring_up(host, ports)
        await_carrier(host, ports, plan.carrier_deadline_s)
        for port in ports:
            rows.extend(_port(host, port, evidence))
        if spare := [d.name for d in devices[len(ports) :]]:
            rows.append(Measurement("link.uncabled", " ".join(spare), "", "this bench has no cable for them"))
    return Findings(tuple(rows), evidence)


def ethernet_devices(host: HostPort, found: Located | None) -> list[NetDev]:
    """The card's Ethernet interfaces, first port first; empty when the card is not there."""
    return [d for d in netdevs(host, found.functions) if d.is_ethernet] if found else []


def cabled(devices: Sequence[NetDev], addresses: Sequence[str]) -> list[CabledPort]:
    """The bench's cables on the card's ports, first to first."""
    return [CabledPort(n, d, a) for n, (d, a) in enumerate(zip(devices, addresses, strict=False), 1)]


def bring_up(
    host: HostPort, ports: Sequence[CabledPort], up: Sequence[NetDev] = (), down: Sequence[NetDev] = ()
) -> None:
    """These ports administratively up with their addresses, `up` without one, `down` down, with one command."""
    words = [f"ip link set dev {shlex.quote(d.name)} {way}" for way, all_ in (("down", down), ("up", up)) for d in all_]
    for port in ports:
        name, address = shlex.quote(port.device.name), shlex.quote(port.address)
        words += [f"ip link set dev {name} up", f"ip addr replace {address} dev {name}"]
    if not words:
        return
    command = " && ".join(words)
    reply = host.run(command)
    if reply.code != 0:
        raise BenchError(f"test host: {command!r} ended with {reply.code}: {reply.text.strip()[-200:]!r}")


def await_carrier(host: HostPort, ports: Sequence[CabledPort], deadline_s: float) -> None:
    """Return when every port has carrier or the deadline is over; whoever calls looks at what there is."""
    deadline = time.monotonic() + deadline_s
    while not all(carriers(host, ports)) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def carriers(host: HostPort, ports: Sequence[CabledPort]) -> list[bool]:
    paths = [f"/sys/class/net/{p.device.name}/carrier" for p in ports]
    files = read_files(host, paths)
    return [(text_of(files, path) or "").strip() == "1" for path in paths]


def _port(host: HostPort, port: CabledPort, evidence: dict[str, str]) -> list[Measurement]:
    name, file = f"link.port{port.number}", f"ethtool-port{port.number}.txt"
    quoted = shlex.quote(port.device.name)
    evidence[file] = host.run(f"ethtool {quoted}").text
    evidence[f"module-port{port.number}.txt"] = host.run(f"ethtool -m {quoted}").text
    settings = ethtool.settings(evidence[file])
    module = ethtool.module(evidence[f"module-port{port.number}.txt"])
    carrier = carriers(host, [port])[0]
    speed = settings.speed_bps if settings and carrier else None
    rows = [
        Measurement(f"{name}.carrier", int(carrier), "1", port.device.name, file),
        Measurement(f"{name}.speed_bps", speed, "bit/s", "" if speed else "no link, no rate", file),
        Measurement(f"{name}.mac", port.device.mac or None, ""),
    ]
    if module:
        rows.append(Measurement(f"{name}.module", f"{module.vendor} {module.part_number}".strip(), ""))
    return rows
