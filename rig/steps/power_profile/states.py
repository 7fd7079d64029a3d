"""Bringing the card into each of its states, and holding it there for a window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from rig.config.plan import PowerProfile, State
from rig.errors import UsageError
from rig.model import Measurement
from rig.parse import iperf3
from rig.steps.link import CabledPort, bring_up, carriers
from rig.steps.netdev import NetDev
from rig.steps.power_profile.bench import NotMeasured, Ports
from rig.steps.power_profile.window import Recorder, Taken
from rig.steps.throughput import read

__all__ = ["TRAFFIC", "State", "States"]

TRAFFIC = {"tx": "from_host", "rx": "to_host", "both": "both"}
_HEAD_S = 0.3
"""iperf3 needs this long from its start to full rate on a quiet bench."""
_TAIL_S = 0.1
_CARRIER_S = 15.0
_POLL_S = 0.1

Look = Callable[[str], list[Measurement]]
"""State to what else is seen in it; called while it holds, after its window."""
Seen = tuple[Taken, list[Measurement]]


class States:
    """The states in which the host is on, of one card."""

    def __init__(
        self,
        bench: Ports,
        devices: Sequence[NetDev],
        ports: Sequence[CabledPort],
        plan: PowerProfile,
        recorder: Recorder,
    ) -> None:
        self._bench, self._devices, self._ports = bench, devices, ports
        self._plan, self._recorder = plan, recorder

    def take(self, state: State, look: Look) -> Seen:
        """One steady window of the state; NotMeasured says why there is none, Gap that some of it was lost."""
        if state in TRAFFIC:
            self._need_ports(state)
            self._link(self._ports)
            return self._under_traffic(state, look)
        with self._quiet(state):
            return self._recorder.take(state), look(state)

    @contextmanager
    def _quiet(self, state: State) -> Iterator[None]:
        if state == "driver":
            bring_up(self._bench.host, (), down=self._devices)
            yield
        elif state == "ports_up":
            self._need_ports(state)
            with self._unplugged():
                yield
        else:
            self._need_ports(state)
            self._link(self._ports[:1] if state == "one_link" else self._ports)
            yield

    def _need_ports(self, state: State) -> None:
        if not self._ports:
            raise NotMeasured(f"state {state!r} needs a cabled port; this bench or this card has none")

    # --- links ------------------------------------------------------------------------------------------------

    def _link(self, ports: Sequence[CabledPort]) -> None:
        """These ports linked, every other one down; both seen."""
        wanted = {p.device.name for p in ports}
        bring_up(self._bench.host, ports, down=[d for d in self._devices if d.name not in wanted])
        self._await_links({p.number: p.device.name in wanted for p in self._ports})

    @contextmanager
    def _unplugged(self) -> Iterator[None]:
        """Every port up and no link: its cable is out, or its partner down."""
        cables = self._bench.cables
        if cables is None:
            raise NotMeasured(
                "nobody can take the links away: name the partner's interfaces in the bench file "
                "(IperfPartnerDriver: interfaces)"
            )
        out: list[int] = []
        try:
            for port in self._ports:
                try:
                    cables.plug(port.number, plugged=False)
                except UsageError as e:
                    raise NotMeasured(str(e)) from e
                out.append(port.number)
            bring_up(self._bench.host, self._ports, up=self._devices[len(self._ports) :])
            self._await_links({p.number: False for p in self._ports})
            yield
        finally:
            for number in out:
                cables.plug(number, plugged=True)

    def _await_links(self, wanted: dict[int, bool]) -> None:
        """Until every cabled port has its carrier, or has none, as wanted; NotMeasured names the one that does not."""
        clock = self._bench.clock
        deadline_s = clock.now_s() + _CARRIER_S
        while True:
            found = carriers(self._bench.host, self._ports)
            wrong = [p for p, carrier in zip(self._ports, found, strict=True) if carrier is not wanted[p.number]]
            if not wrong:
                return
            if clock.now_s() > deadline_s:
                has = "no carrier" if wanted[wrong[0].number] else "carrier"
                raise NotMeasured(
                    f"port {wrong[0].number} ({wrong[0].device.name}) still has {has} after {_CARRIER_S:g} s"
                )
            clock.sleep(_POLL_S)

    # --- traffic ----------------------------------------------------------------------------------------------

    def _under_traffic(self, state: State, look: Look) -> Seen:
        """Runs of iperf3, one after the other, until the power was steady in one: its window is within that run."""
        plan, waited_s = self._plan, 0.0
        room_s = min(plan.max_settle_s, plan.min_settle_s + plan.window_s / 2)
        while True:
            with self._traffic(state, room_s) as run:
                is_last = waited_s + room_s >= plan.max_settle_s
                settled = self._recorder.settle(0.0 if waited_s else plan.min_settle_s, room_s, waited_s)
                if settled.steady or is_last:
                    taken = self._recorder.window(state, settled)
                    seen = look(state)
                    return taken, [*seen, _rate(state, self._ports[0], run.result())]
                run.result()
            waited_s = settled.after_s

    @contextmanager
    def _traffic(self, state: State, room_s: float) -> Iterator[Future[dict[str, object]]]:
        """iperf3 runs on the first port for as long as the block may take."""
        duration_s = float(math.ceil(_HEAD_S + room_s + self._plan.window_s + _TAIL_S))
        port, bench = self._ports[0], self._bench
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(
                lambda: dict(bench.partner.transfer(port.ip, bench.iperf3_port, TRAFFIC[state], duration_s))
            )
            bench.clock.sleep(_HEAD_S)
            yield run


def _rate(state: State, port: CabledPort, result: dict[str, object]) -> Measurement:
    """TCP payload that arrived, of both directions together; ReplyError when iperf3 reports an error."""
    read(result)
    rates = {t.direction: t.received_bps or 0.0 for t in iperf3.transfers(result)}
    ways = ", ".join(f"{way} {rate / 1e9:.2f} Gbit/s" for way, rate in rates.items() if way)
    note = f"on port {port.number} ({port.device.name}, {port.ip}) alone" + (f": {ways}" if len(rates) > 1 else "")
    return Measurement(f"power.{state}.rate_bps", sum(rates.values()), "bit/s", note)
