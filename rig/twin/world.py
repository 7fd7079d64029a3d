"""The whole virtual bench as its test host meets it."""

from __future__ import annotations

from dataclasses import replace

from rig.config.twin import TwinCard
from rig.twin import nvms
from rig.twin.endpoint import Host, answers, nvm_of
from rig.twin.hands import Hands
from rig.twin.inserted import Slotted
from rig.twin.thermal import sensor_of
from rig.twin.view import Function, Gateway, HostView, LiveSlot


class World(Hands, LiveSlot):
    """Adapter, card, slot, supply wiring, test host and mains; every method may be called from any thread."""

    def view(self) -> HostView:
        with self._lock:
            self._advance()
            there = self._on_bench
            driver = self._nic.driver_of(there.state) if isinstance(there, Slotted) else None
            functions = self._sensed(self._host.functions(driver))
            state = self._reached_card()
            fresh = HostView(
                generation=self._shown.generation if self._shown else 0,
                root_port=self._host.root_port(),
                functions=functions,
                ports=self._nic.ports(state),
                port_types=self._nic.port_types(state),
                firmware_version=self._nic.firmware_version(state),
            )
            if fresh != self._shown:
                self._shown = replace(fresh, generation=fresh.generation + 1)
            return self._shown

    def host_state(self, state: str) -> None:
        with self._lock:
            self._advance()
            # a host's last word may come after its power went
            state = state if self._machine.on else "off"
            if state in ("booting", "off"):
                self._host = Host(self._twin.host.slot, self._twin.host.aer)
                self._nic.reset(driver_loaded=state == "booting")
                if state == "booting" and isinstance(self._on_bench, Slotted) and self._on_bench.awake:
                    self._on_bench.state.cold_start()
            self._machine.state = state
            # a restart does not bring a dead card back, its power does
            if state == "off":
                self._up_at_s = None
            elif state == "up" and self._up_at_s is None:
                self._up_at_s = self._now_s
            self._changed()

    def gateway(self) -> Gateway | None:
        # without the lock: a tool that flashes asks 70,000 times
        return self._gateway

    def set_driver(self, loaded: bool) -> None:
        with self._lock:
            self._advance()
            self._nic.reset_driver(loaded)
            self._changed()

    def set_port_type(self, port: int, kind: str) -> bool:
        with self._lock:
            self._advance()
            state = self._running_card()
            done = state is not None and self._nic.set_port_type(state, port, kind)
            self._changed()
            return done

    def set_admin(self, netdev: str, up: bool) -> None:
        with self._lock:
            self._advance()
            self._nic.set_admin(netdev, up)
            self._changed()

    def write_config(self, function: int | None, config: bytes) -> None:
        with self._lock:
            self._advance()
            self._host.write(function, config)
            self._changed()

    def write_registers(self, function: int, at: int, data: bytes) -> None:
        with self._lock:
            self._advance()
            self._host.write_registers(function, at, data)
            self._changed()

    def model(self) -> str | None:
        with self._lock:
            state = self._running_card()
            return state.card.pci_id if state and answers(state) == state.card.pci_id else None

    def has_cages(self) -> bool:
        with self._lock:
            there = self._on_bench
            return isinstance(there, Slotted) and "SFP" in (there.state.card.port_type or "")

    def cable_bps(self, port: int) -> int | None:
        with self._lock:
            state = self._running_card()
            return self._nic.cable_bps(state, port) if state else None

    def load_nvm(self) -> bytes:
        with self._lock:
            there = self._on_bench
            return nvm_of(there.state) if isinstance(there, Slotted) else b""

    def store_nvm(self, content: bytes) -> None:
        with self._lock:
            if isinstance(self._on_bench, Slotted):
                nvms.keep(self._on_bench.state, content, self._drawer)

    def ceiling_bps(self, netdev: str) -> float:
        with self._lock:
            self._advance()
            return self._nic.ceiling_bps(self._reached_card(), netdev, self._link)

    def traffic(self, netdev: str, to_host: bool, busy: bool) -> None:
        with self._lock:
            self._advance()
            self._nic.traffic(netdev, to_host, busy)
            self._changed()

    def _sensed(self, functions: tuple[Function, ...]) -> tuple[Function, ...]:
        """The functions, with the temperature where their driver shows one."""
        there = self._on_bench
        if not isinstance(there, Slotted):
            return functions
        fitted = self._twin.cards.get(there.state.serial, TwinCard()).sensor
        celsius = round(there.temperature_c)

        def shown(f: Function) -> Function:
            sensor = sensor_of(f.driver, there.state.card.pci_id, fitted)
            told = sensor and not (sensor.first_only and f.number)
            return replace(f, sensor=sensor.name, celsius=celsius) if sensor and told else f

        return tuple(shown(f) for f in functions)
