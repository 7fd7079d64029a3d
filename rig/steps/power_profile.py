"""What the card draws in each of its states: mean, peak and energy, per rail.

Ref: domain notes on power, section 6: never the first reading after a change of state; the unit of analysis is the
mean of a steady window of one insert.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from rig.config.plan import PowerProfile
from rig.errors import BenchError
from rig.expect import Parts
from rig.model import Findings, Measurement, Sample
from rig.ports import HostPort, PartnerPort, SupplyPort
from rig.steps.iperf_server import serving
from rig.steps.link import CabledPort, await_carrier, bring_up, cabled, ethernet_devices
from rig.steps.pci import locate
from rig.steps.throughput import read

_DIRECTION = {"tx": "from_host", "rx": "to_host", "both": "both"}
_TRAFFIC_HEAD_S = 0.3
"""iperf3 needs this long from its start to full rate on a quiet bench."""
_TRAFFIC_TAIL_S = 0.1
_CARRIER_S = 15.0

Note = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the profile asks of the bench."""

    supply: SupplyPort
    host: HostPort
    partner: PartnerPort
    root_port: str | None
    addresses: Sequence[str]
    iperf3_port: int


def measure(bench: Ports, parts: Parts, plan: PowerProfile, note: Note) -> Findings:
    """One steady window a state; `note` records when each state began and ended."""
    found = locate(bench.host, parts.card, bench.root_port)
    ports = cabled(ethernet_devices(bench.host, found), bench.addresses)
    rows: list[Measurement] = []
    needs_server = any(state in _DIRECTION for state in plan.states)
    with serving(bench.host, bench.iperf3_port) if needs_server else nullcontext():
        for state in plan.states:
            with _in_state(bench, ports, state, plan):
                window = _window(bench.supply, state, plan, note)
            rows.extend(_rows(state, window))
    return Findings(tuple(rows))


def _window(supply: SupplyPort, state: str, plan: PowerProfile, note: Note) -> list[Sample]:
    """The samples of the steady part of a state."""
    time.sleep(plan.settle_s)
    start_s = supply.mark(state)
    note("state", name=state)
    time.sleep(plan.window_s)
    end_s = supply.mark(f"{state} end")
    note("state_end", name=state)
    found = [s for s in supply.samples(start_s) if s.time_s <= end_s and s.rails]
    if len(found) < 2:
        supply.read()  # a supply that does not answer says so here, in its own words
        raise BenchError(f"supply: {len(found)} sample(s) in state {state!r}; a longer window_s, or look at the supply")
    return found


@contextmanager
def _in_state(bench: Ports, ports: Sequence[CabledPort], state: str, plan: PowerProfile) -> Iterator[None]:
    """The card is in `state` inside the block."""
    if state == "driver":
        for port in ports:
            bench.host.run(f"ip link set dev {port.device.name} down")
        yield
        return
    for port in ports:
        bring_up(bench.host, port)
    await_carrier(bench.host, ports, _CARRIER_S)
    if state == "idle":
        yield
        return
    if not ports:
        raise BenchError(f"power profile: state {state!r} needs a cabled port; this bench or this card has none")
    with _traffic(bench, ports[0], _DIRECTION[state], plan):
        yield


@contextmanager
def _traffic(bench: Ports, port: CabledPort, direction: str, plan: PowerProfile) -> Iterator[None]:
    """iperf3 runs on the first port for as long as the block may take."""
    duration_s = math.ceil(_TRAFFIC_HEAD_S + plan.settle_s + plan.window_s + _TRAFFIC_TAIL_S)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.partner.transfer, port.ip, bench.iperf3_port, direction, float(duration_s))
        time.sleep(_TRAFFIC_HEAD_S)
        yield
        read(running.result())


def _rows(state: str, window: Sequence[Sample]) -> list[Measurement]:
    rails = sorted({rail for s in window for rail in s.rails if rail != "probe"})
    watts = {
        rail: [s.rails[rail].voltage_v * s.rails[rail].current_a for s in window if rail in s.rails] for rail in rails
    }
    totals = [sum(r.voltage_v * r.current_a for name, r in s.rails.items() if name != "probe") for s in window]
    mean = sum(totals) / len(totals)
    length_s = window[-1].time_s - window[0].time_s
    name = f"power.{state}"
    return [
        Measurement(f"{name}.total_w", mean, "W", f"mean of {len(window)} samples"),
        *(Measurement(f"{name}.{rail}_w", sum(w) / len(w), "W") for rail, w in watts.items()),
        Measurement(f"{name}.peak_w", max(totals), "W"),
        Measurement(f"{name}.energy_j", mean * length_s, "J", f"over {length_s:.2f} s"),
        Measurement(f"{name}.samples", len(window), "1"),
    ]
