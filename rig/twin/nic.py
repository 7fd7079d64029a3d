"""The card as a network card: drivers, port types, names, carrier, and how much data goes through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rig.model import GENERATION_GTPS
from rig.twin import eeprom
from rig.twin.endpoint import answers, port_mac
from rig.twin.link import Link
from rig.twin.power import Activity, rate_part
from rig.twin.silicon import CardState, of
from rig.twin.view import NetPort

SLOT_NAME = "ens1"
TCP_PART = 1448 / 1538
"""TCP payload with timestamps of a full 1500-byte frame, preamble and gap included."""
PCIE_PART = 256 / (256 + 26)
"""Payload of a 256-byte packet with its 26 bytes of overhead. Ref: domain notes on symptoms, section 3."""
CODING = {1: 0.8, 2: 0.8}
"""8b/10b; from 8 GT/s on 128b/130b."""


class Nic:
    """What a host's network stack made of the card since it booted."""

    def __init__(self, addresses: Sequence[str], partner_bps: Callable[[], float]) -> None:
        self._addresses, self._partner_bps = tuple(addresses), partner_bps
        self._driver = False
        self._types: dict[int, str] = {}
        self._up: set[str] = set()
        self._moving: set[tuple[str, bool]] = set()
        self._out: set[int] = set()

    def plug(self, port: int, *, plugged: bool) -> None:
        """Put the cable of a port (from 1) in, or pull it out."""
        (self._out.discard if plugged else self._out.add)(port)

    def all_plugged(self) -> None:
        self._out.clear()

    def cables_out(self) -> list[int]:
        """Ports whose cable was pulled out."""
        return sorted(self._out)

    def reset(self, *, driver_loaded: bool) -> None:
        """The host starts: port types fall back to the firmware's, the driver loads by itself."""
        self._types = {}
        self.reset_driver(driver_loaded)

    def reset_driver(self, loaded: bool) -> None:
        self._driver = loaded
        self._up, self._moving = set(), set()

    def set_admin(self, netdev: str, up: bool) -> None:
        (self._up.add if up else self._up.discard)(netdev)

    def traffic(self, netdev: str, to_host: bool, busy: bool) -> None:
        (self._moving.add if busy else self._moving.discard)((netdev, to_host))

    def busy(self) -> bool:
        return bool(self._moving)

    def busy_part(self) -> float:
        """What carries traffic, as a share of both directions of two ports."""
        return min(len(self._moving) / 4, 1.0)

    def driver_of(self, state: CardState) -> str | None:
        """Module that binds to what the card answers as."""
        working = answers(state) == state.card.pci_id and state.card.drivers
        return state.card.drivers[0] if working else None

    def firmware_version(self, state: CardState | None) -> str:
        if state is None or not self.driver_of(state):
            return ""
        running = state.chip.running if state.chip else None
        return ".".join(map(str, running.version)) if running else of(state.card).firmware

    def port_types(self, state: CardState | None) -> Mapping[int, str]:
        """mlx4 ports to `ib` or `eth`."""
        if state is None or not self.driver_of(state) or "vpi" not in of(state.card).modes:
            return {}
        return {port: self._types.get(port, _usual(state, port)) for port in range(1, (state.card.ports or 1) + 1)}

    def set_port_type(self, state: CardState, port: int, kind: str) -> bool:
        """False when this firmware cannot do it."""
        types = self.port_types(state)
        if port not in types or kind not in ("eth", "ib"):
            return False
        if types[port] != kind and state.firmware != "vpi":
            return False
        self._types[port] = kind
        return True

    def ports(self, state: CardState | None) -> tuple[NetPort, ...]:
        """Ethernet ports that the loaded driver registers."""
        if state is None or not self._driver or not self.driver_of(state) or not state.card.speeds_bps:
            return ()
        if eeprom.refused(state):
            return ()
        types = self.port_types(state)
        count = state.card.ports or 1
        return tuple(self._port(state, n) for n in range(count) if types.get(n + 1, "eth") == "eth")

    def _port(self, state: CardState, n: int) -> NetPort:
        own_function = of(state.card).function_per_port
        name = _name(state, n)
        return NetPort(
            name=name,
            function=n if own_function else 0,
            index=0 if own_function else n,
            mac=port_mac(state, n).hex(":"),
            speed_bps=self.cable_bps(state, n + 1) if name in self._up else None,
            admin_up=name in self._up,
            speeds_bps=state.card.speeds_bps,
            media=state.card.port_type or "",
            address=self._addresses[n] if n < len(self._addresses) else "",
        )

    def cable_bps(self, state: CardState, port: int) -> int | None:
        """Rate that both ends of the cable in `port` (from 1) can do; None: there is no signal."""
        common = [s for s in state.card.speeds_bps if s <= self._partner_bps()]
        dark = port in state.ports_down or port in self._out
        return max(common) if common and not dark else None

    def activity(self, state: CardState | None, *, clock: bool, running: bool, pcie_part: float) -> Activity:
        """What the card does, as far as its power goes."""
        ports = self.ports(state)
        linked = {p.name: p.speed_bps / max(p.speeds_bps) for p in ports if p.speed_bps}
        moving = [to_host for name, to_host in self._moving if name in linked]
        costs = [rate_part(share) for share in linked.values()]
        return Activity(
            clock=clock, running=running, driver=bool(ports), ports=(state.card.ports or 1) if state else 1,
            up=sum(p.admin_up for p in ports), linked=len(linked), rate_part=sum(costs) / max(len(costs), 1),
            pcie_part=pcie_part, transmitting=moving.count(False), receiving=moving.count(True),
        )  # fmt: skip

    def ceiling_bps(self, state: CardState | None, netdev: str, link: Link) -> float:
        """TCP payload a port lets through each way; ports that are busy the same way share the PCIe link."""
        port = next((p for p in self.ports(state) if p.name == netdev), None)
        if port is None or port.speed_bps is None or not link.width:
            return 0.0
        ways = [sum(way == to_host for _, way in self._moving) for to_host in (True, False)]
        return min(TCP_PART * port.speed_bps, pcie_payload_bps(link) / max(*ways, 1))


def pcie_payload_bps(link: Link) -> float:
    """What one direction of the link carries beyond its packet overhead."""
    coding = CODING.get(link.generation, 128 / 130)
    return GENERATION_GTPS[link.generation] * 1e9 * coding * link.width * PCIE_PART


def _usual(state: CardState, port: int) -> str:
    """What a port is until somebody sets it: as its firmware, or for VPI firmware its stored LINK_TYPE, says."""
    running = state.chip.running if state.chip else None
    kind = running.link_types.get(port) if running else state.firmware
    return "eth" if kind == "eth" else "ib"


def _name(state: CardState, n: int) -> str:
    """As systemd names a slot's ports. Ref: systemd.net-naming-scheme(7)."""
    silicon, count = of(state.card), state.card.ports or 1
    if not silicon.function_per_port:
        return SLOT_NAME + (f"d{n}" if n else "")
    function = f"f{n}" if count > 1 else ""
    return SLOT_NAME + function + (f"np{n}" if silicon.port_suffix else "")
