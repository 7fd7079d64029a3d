"""iperf3 both ways at once on each cabled port, one after another, with both ends' error counts around every run.

How fast it went is not judged here: that is the throughput step's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from rig.config.plan import Soak
from rig.errors import BenchError
from rig.parse import iperf3
from rig.steps.iperf_server import serving
from rig.steps.link import CabledPort, await_carrier, bring_up, cabled, carriers, ethernet_devices
from rig.steps.pci import Located
from rig.steps.soak.bench import Ports
from rig.steps.soak.look import Due, LaneErrors, look
from rig.steps.soak.trials import Trial, Trials, judged
from rig.steps.throughput import read


def traffic(bench: Ports, found: Located, due: Due, plan: Soak, trials: Trials) -> str | None:
    """All that the plan wants; the reason where a port carries nothing."""
    ports = cabled(ethernet_devices(bench.host, found), bench.addresses)
    if not ports:
        return "the card shows no Ethernet interface that this bench has a cable for"
    bring_up(bench.host, ports)
    await_carrier(bench.host, ports, bench.carrier_deadline_s)
    dark = [p for p, lit in zip(ports, carriers(bench.host, ports), strict=True) if not lit]
    lanes = LaneErrors(bench.host, found, due.width)
    number = 0
    with serving(bench.host, bench.iperf3_port):
        for port in (p for p in ports if p not in dark):
            for _ in range(math.ceil(plan.traffic_s / plan.traffic_run_s)):
                if trials.enough:
                    return None
                number += 1
                trials.add(one := _one(bench, found, port, due, plan, lanes, number))
                if one.width is None:
                    return "the card was gone: traffic ended there"
    return f"no carrier on port {', '.join(str(p.number) for p in dark)}: nothing went there" if dark else None


def _one(bench: Ports, found: Located, port: CabledPort, due: Due, plan: Soak, lanes: LaneErrors, number: int) -> Trial:
    before, start_s = look(bench.host, found), bench.now_s()
    # a link that is narrow already failed before: the traffic did not do it
    due = replace(
        due,
        width=min(due.width, before.link.width or due.width),
        speed_gtps=min(due.speed_gtps, before.link.speed_gtps or due.speed_gtps),
    )
    broken, more = None, dict[str, object](port=port.number)
    run_s = float(min(plan.traffic_run_s, math.ceil(plan.traffic_s)))
    try:
        more |= _rates(bench.partner.transfer(port.ip, bench.iperf3_port, "both", run_s))
    except BenchError as e:
        broken, more["broken"] = e, str(e)
    took_s = bench.now_s() - start_s
    trial = judged("traffic", number, took_s, due, before.errors, look(bench.host, found), [], lanes.take(), more)
    if broken is not None and not trial.faults:
        # the link is as it should be: the cable, the partner or iperf3 failed, not a joint
        raise broken
    return trial


def _rates(result: Mapping[str, object]) -> dict[str, object]:
    """TCP payload that arrived, by direction; ReplyError when iperf3 reports an error."""
    read(result)
    return {f"{t.direction}_bps": t.received_bps for t in iperf3.transfers(result) if t.direction}
