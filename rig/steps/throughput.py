"""Traffic: what every cabled port carries, both ways, and what the PCIe link counts meanwhile.

Ref: iperf3 JSON (`sum_received` is what arrived). A narrow PCIe link is judged on its own, never by throughput.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from rig.config.plan import Throughput
from rig.errors import BenchError, ReplyError
from rig.expect import Parts, expected_payload_bps
from rig.model import Findings, Measurement
from rig.parse import iperf3
from rig.ports import HostPort, PartnerPort
from rig.steps.aer import ErrorWindow
from rig.steps.answers import still_answers
from rig.steps.iperf_server import serving
from rig.steps.link import CabledPort, bring_up, cabled, ethernet_devices
from rig.steps.pci import locate

_ENOUGH_IDLE = 0.30
"""Share of the partner's processors that must have been idle for a low rate to be the card's."""
_PAUSE_S = 1.0
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
    found = locate(host, parts.card, root_port)
    evidence: dict[str, str] = {}
    rows: list[Measurement] = []
    with still_answers(host, found, rows):
        ports = cabled(ethernet_devices(host, found), addresses)
        if found is not None and ports:
            window = ErrorWindow(host, found, "traffic")
            payload_bps = expected_payload_bps(parts)
            with serving(host, port):
                for one in ports:
                    bring_up(host, [one])
                    for way in WAYS:
                        rows.extend(_one_way(partner, one, way, port, payload_bps, plan, evidence))
            rows.extend(window.close())
    return Findings(tuple(rows), evidence)


def _one_way(
    partner: PartnerPort,
    one: CabledPort,
    way: str,
    port: int,
    payload_bps: float | None,
    plan: Throughput,
    evidence: dict[str, str],
) -> list[Measurement]:
    """One port and direction; a run that the partner's own CPU held back is done again, each try kept."""
    name = f"traffic.port{one.number}"
    rows: list[Measurement] = []
    for attempt in range(1, plan.tries + 1):
        result = partner.transfer(one.ip, port, way, float(plan.duration_s), plan.streams)
        transfer, idle = read(result), cpu_idle(result)
        if idle >= _ENOUGH_IDLE or (transfer.received_bps or 0) >= _enough_bps(plan, payload_bps):
            break
        rows.append(Measurement(f"{name}.{WAYS[way]}.starved{attempt}", transfer.received_bps, "bit/s", _starved(idle)))
        time.sleep(attempt * _PAUSE_S)
    else:
        raise BenchError(
            f"link partner: {way} on port {one.number}: {plan.tries} runs in a row, {_starved(idle)}; "
            "end what else runs on it, or use a faster machine"
        )
    file = f"iperf3-port{one.number}-{way}.json"
    evidence[file] = json.dumps(result, indent=1)
    rows += [
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


def _enough_bps(plan: Throughput, payload_bps: float | None) -> float:
    """A rate that is judged well whatever held it back needs no second try."""
    return max(plan.min_fraction, plan.marginal_fraction) * (payload_bps or 0.0)


def cpu_idle(result: Mapping[str, object]) -> float:
    """How idle the partner was during a run, 0 to 1; 1 where it does not say."""
    controller = result.get("controller")
    return float(controller.get("cpu_idle", 1.0)) if isinstance(controller, Mapping) else 1.0


def _starved(idle: float) -> str:
    return f"below the line rate while the partner had {idle:.0%} idle CPU: the rate is the partner's, not the card's"


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
