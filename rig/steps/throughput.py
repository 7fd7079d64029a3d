"""Traffic: what every cabled port carries, both ways, and what the PCIe link counts meanwhile.

Ref: iperf3 JSON (`sum_received` is what arrived). A narrow PCIe link is judged on its own, never by throughput.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rig.config.plan import Throughput
from rig.errors import ReplyError
from rig.expect import Parts
from rig.model import Findings, Measurement
from rig.parse import iperf3
from rig.ports import HostPort, PartnerPort
from rig.steps.aer import ErrorWindow
from rig.steps.iperf_server import serving
from rig.steps.link import CabledPort, bring_up, cabled
from rig.steps.pci import locate

WAYS = {"to_host": "to_host_bps", "from_host": "from_host_bps"}


def measure(
    host: HostPort,
    partner: PartnerPort,
    parts: Parts,
    root_port: str | None,
    addresses: Sequence[str],
    port: int,
    plan: Throughput,
) -> Findings:
    """TCP payload rate of each port and direction, one at a time, with error counts around all of it."""
    ports = cabled(host, parts, root_port, addresses)
    found = locate(host, parts.card, root_port)
    evidence: dict[str, str] = {}
    rows: list[Measurement] = []
    if found is None or not ports:
        return Findings(())
    window = ErrorWindow(host, found, "traffic")
    with serving(host, port):
        for one in ports:
            bring_up(host, one)
            for way in WAYS:
                rows.extend(_one_way(partner, one, way, port, plan, evidence))
    return Findings((*rows, *window.close()), evidence)


def _one_way(
    partner: PartnerPort, one: CabledPort, way: str, port: int, plan: Throughput, evidence: dict[str, str]
) -> list[Measurement]:
    result = partner.transfer(one.ip, port, way, float(plan.duration_s), plan.streams)
    file = f"iperf3-port{one.number}-{way}.json"
    evidence[file] = json.dumps(result, indent=1)
    transfer = read(result)
    name = f"traffic.port{one.number}"
    rows = [
        Measurement(
            f"{name}.{WAYS[way]}",
            transfer.received_bps,
            "bit/s",
            f"{transfer.duration_s or 0:.1f} s, {plan.streams} stream(s)",
            file,
        ),
        Measurement(f"{name}.{way}_partner_cpu_pct", transfer.cpu_local_pct, "%"),
    ]
    if transfer.retransmits is not None:
        rows.append(Measurement(f"{name}.{way}_retransmits", transfer.retransmits, "1"))
    return rows


def read(result: Mapping[str, object]) -> iperf3.Transfer:
    """The partner's JSON as values; ReplyError when iperf3 itself reports an error."""
    transfer = iperf3.transfer(result)
    if transfer.error or transfer.received_bps is None:
        raise ReplyError(
            "link partner",
            "iperf3",
            transfer.error or "no sum_received",
            "is the cable in, and the host's firewall open?",
        )
    return transfer
