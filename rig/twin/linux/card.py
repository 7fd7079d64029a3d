"""The card in the machine's slot: its functions on sockets that QEMU connects to, its ports on cables."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from rig.errors import BenchError
from rig.twin.linux import network
from rig.twin.linux.device import Registers
from rig.twin.linux.function import CardFunction, Look
from rig.twin.linux.machine import SLOT
from rig.twin.linux.network import Subnet, Wire
from rig.twin.linux.proxy import ProxyServer
from rig.twin.linux.qemu import Qemu
from rig.twin.linux.vfio_user import VfioUserServer
from rig.twin.models import MODELS, PortWiring, sfp
from rig.twin.view import Function, HostView, LiveSlot

BUSY_S, TRICKLE_BPS = 0.3, 2e6
"""A port carries traffic while more than a trickle went through in this time."""


class Port:
    """What one port's driver does, told to the model of the card's power; and what its cable allows."""

    def __init__(self, slot: LiveSlot, number: int) -> None:
        self._slot, self._number = slot, number
        self._moved = {True: 0, False: 0}
        self._counted = {True: 0, False: 0}
        self._busy = {True: False, False: False}
        self._at_s = time.monotonic()
        self._admin = False

    def driver(self, loaded: bool) -> None:
        """Not heeded: ixgbe's registers do not tell its end from a port that is put down; the bus master bit does."""

    def admin(self, up: bool) -> None:
        """The port was put up or down."""
        self._admin = up

    def moved(self, to_host: int, from_host: int) -> None:
        """So many bytes more went each way."""
        self._moved[True] += to_host
        self._moved[False] += from_host

    def allowed_bps(self) -> int | None:
        """Rate that cable and partner allow now; None: no carrier."""
        return self._slot.cable_bps(self._number + 1)

    def look(self, seen: HostView) -> None:
        """Tell the model what the driver made of the port."""
        shown = next((p for p in seen.ports if p.function == self._number), None)
        if shown is None:
            return
        if shown.admin_up != self._admin:
            self._slot.set_admin(shown.name, self._admin)
        elapsed_s = time.monotonic() - self._at_s
        if elapsed_s >= BUSY_S:
            self._at_s += elapsed_s
            for to_host, moved in self._moved.items():
                busy = (moved - self._counted[to_host]) * 8 / elapsed_s > TRICKLE_BPS
                self._counted[to_host] = moved
                if busy != self._busy[to_host]:
                    self._busy[to_host] = busy
                    self._slot.traffic(shown.name, to_host, busy)


class _Nvm:
    def __init__(self, slot: LiveSlot) -> None:
        self._slot = slot

    def load(self) -> bytes:
        return self._slot.load_nvm()

    def store(self, content: bytes) -> None:
        self._slot.store_nvm(content)


class Card:
    """The functions that answer at power-on, each behind a server of its own; an empty slot has none."""

    def __init__(self, slot: LiveSlot, qemu: Qemu, subnets: Sequence[Subnet], state: Path) -> None:
        self._slot, self._look = slot, Look(slot)
        found = self._look.view().functions
        model = MODELS.get(slot.model() or "")
        self.undriven = [] if model else sorted({f.driver for f in found if f.driver})
        self._ports = [Port(slot, n) for n in range(len(found))] if model else []
        self._wires: list[Wire] = [network.wire() for _ in self._ports[: len(subnets)]]
        self._loaded = False
        wirings = [self._wiring(n, found[n]) for n in range(len(self._ports))]
        self._registers: tuple[Registers, ...] = model(wirings) if model else ()
        self.functions = [
            CardFunction(slot, f, self._registers[n] if self._registers else None, self._look)
            for n, f in enumerate(found)
        ]
        self._servers, self.arguments, self.inherited = _on_bus(qemu, self.functions, state)
        self.cable_arguments = network.arguments(list(zip(subnets, self._wires, strict=False)))
        self.inherited += [w.machine.fileno() for w in self._wires]

    def _wiring(self, number: int, found: Function) -> PortWiring:
        port = self._ports[number]
        cable = self._wires[number].card if number < len(self._wires) else None
        mac = serial_mac(found.config)
        # a cage of this bench holds the end of a copper cable
        module = sfp.direct_attach(mac) if self._slot.has_cages() else b""
        return PortWiring(
            mac, _Nvm(self._slot), cable, port.allowed_bps, port, module, celsius=lambda: self._celsius(number)
        )

    def _celsius(self, number: int) -> int:
        function = self._look.function(number)
        return function.celsius if function else 0

    def start(self) -> None:
        """Answer on the bus."""
        for server in self._servers:
            server.start()

    def launched(self) -> None:
        """QEMU runs, and has inherited its ends of the connections."""
        for server in self._servers:
            if isinstance(server, ProxyServer):
                server.launched()

    def look(self) -> HostView:
        """Take what changed: cables, drivers, a card that went silent; what the model shows now."""
        for function in self.functions:
            function.watch()
        loaded = bool(self._ports) and any(f.is_driven for f in self.functions)
        if loaded != self._loaded:
            self._loaded = loaded
            self._slot.set_driver(loaded)
            self._look.again()
        seen = self._look.view()
        for port in self._ports:
            port.look(seen)
        return seen

    def close(self) -> None:
        """Nobody answers any more."""
        for server in self._servers:
            server.close()
        for registers in self._registers:
            registers.close()
        for wire in self._wires:
            wire.close()


def _on_bus(
    qemu: Qemu, functions: Sequence[CardFunction], state: Path
) -> tuple[list[VfioUserServer | ProxyServer], list[str], list[int]]:
    """A server for each function, QEMU's arguments for it, and the descriptors that they name."""
    servers: list[VfioUserServer | ProxyServer] = []
    words: list[str] = []
    inherited: list[int] = []
    for n, function in enumerate(functions):
        where = {"id": f"card{n}", "bus": SLOT, "addr": f"0.{n}", "multifunction": n == 0 and len(functions) > 1}
        if qemu.vfio_user:
            path = state / f"card{n}.sock"
            servers.append(VfioUserServer(path, function))
            device = {"driver": "vfio-user-pci", **where, "socket": {"type": "unix", "path": str(path)}}
        elif qemu.proxy:
            server = ProxyServer(function)
            servers.append(server)
            inherited.append(server.qemu.fileno())
            device = {"driver": "x-pci-proxy-dev", **where, "fd": str(server.qemu.fileno())}
        else:
            raise BenchError(f"twin host: {'; '.join(qemu.what_is_missing)}; install a newer QEMU (10.1 or later)")
        words += ["-device", json.dumps(device)]
    return servers, words, inherited


def serial_mac(config: bytes) -> bytes:
    """The MAC address in the Device Serial Number capability, which here is always at 0x150."""
    eui = config[0x154:0x15C][::-1]
    return eui[:3] + eui[5:]
