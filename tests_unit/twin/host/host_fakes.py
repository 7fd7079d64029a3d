"""A slot with a two-port 10G card in it, for tests of the test host."""

from __future__ import annotations

import dataclasses
import struct
import threading
from collections.abc import Mapping

from rig.twin.view import Bar, Function, Gateway, HostView, NetPort, RootPort, Slot

EXPRESS, AER, SECONDARY = 0xA0, 0x100, 0x180
ADDRESSES = ("127.86.41.2", "127.86.41.3")
NO_ERRORS: Mapping[str, int] = {"RxErr": 0, "BadTLP": 0}


def config_space(ids: tuple[int, int], *, bridge: bool = False, gen: int = 2, width: int = 8, now: int = 8) -> bytes:
    """4 KiB with an express, an AER and a secondary express capability."""
    out = bytearray(4096)
    struct.pack_into("<HH", out, 0, *ids)
    struct.pack_into("<H", out, 6, 0x0010)
    out[9:12] = b"\x00\x04\x06" if bridge else b"\x00\x00\x02"
    out[0x0E] = 1 if bridge else 0
    if not bridge:
        struct.pack_into("<HH", out, 0x2C, 0x103C, 0x192D)
        out[0x10], out[0x20] = 0x0C, 0x0C
    out[0x34] = EXPRESS
    struct.pack_into("<BBHI", out, EXPRESS, 0x10, 0, 0x0042 if bridge else 0x0002, 0x10008022)
    struct.pack_into("<I", out, EXPRESS + 0x0C, gen | width << 4)
    struct.pack_into("<H", out, EXPRESS + 0x12, gen | now << 4)
    struct.pack_into("<I", out, AER, 0x0001 | 2 << 16 | SECONDARY << 20)
    struct.pack_into("<I", out, SECONDARY, 0x0019 | 1 << 16)
    return bytes(out)


def card(number: int, ids: tuple[int, int] = (0x8086, 0x1528), driver: str | None = "ixgbe", now: int = 8) -> Function:
    bars = {0: Bar(1 << 21, "pref64"), 4: Bar(1 << 14, "pref64")}
    return Function(number, config_space(ids, now=now), bars, b"", driver, NO_ERRORS)


def port(name: str, number: int, address: str, speed_bps: int | None = 10_000_000_000) -> NetPort:
    mac = f"9c:b6:54:00:00:0{number + 1}"
    return NetPort(name, number, 0, mac, speed_bps, False, (1_000_000_000, 10_000_000_000), "RJ45", address)


def view_of(*functions: Function, ports: tuple[NetPort, ...] = (), now: int = 8) -> HostView:
    root = RootPort(config_space((0x8086, 0x1901), bridge=True, width=16, now=now), NO_ERRORS)
    return HostView(1, root, functions, ports, {}, "0x80000835")


class FakeSlot(Slot):
    """Shows what it is told to show and notes what it is told."""

    def __init__(self, view: HostView) -> None:
        self._lock = threading.RLock()
        self._view = view
        self.calls: list[tuple[object, ...]] = []
        self.rate_bps = 200e6
        self.refuses = False
        self.registers: Gateway | None = None
        self.changed = threading.Condition(self._lock)

    def view(self) -> HostView:
        with self._lock:
            return self._view

    def change(self, **fields: object) -> None:
        with self._lock:
            generation = self._view.generation + 1
            self._view = dataclasses.replace(self._view, generation=generation, **fields)  # type: ignore[arg-type]

    def note(self, *call: object) -> None:
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()

    def wait_for(self, *call: object, timeout_s: float = 10.0) -> bool:
        """Wait until the host said this."""
        with self.changed:
            return self.changed.wait_for(lambda: call in self.calls, timeout_s)

    def host_state(self, state: str) -> None:
        self.note("state", state)

    def set_driver(self, loaded: bool) -> None:
        self.note("driver", loaded)

    def set_port_type(self, port: int, kind: str) -> bool:
        self.note("type", port, kind)
        if not self.refuses:
            self.change(port_types={**self.view().port_types, port: kind})
        return not self.refuses

    def set_admin(self, netdev: str, up: bool) -> None:
        self.note("admin", netdev, up)
        ports = (dataclasses.replace(p, admin_up=up) if p.name == netdev else p for p in self.view().ports)
        self.change(ports=tuple(ports))

    def write_config(self, function: int | None, config: bytes) -> None:
        """Everything is writable but the AER status, which is write-1-to-clear."""
        self.note("config", function)
        with self._lock:
            functions = (
                dataclasses.replace(f, config=_written(f.config, config)) if f.number == function else f
                for f in self._view.functions
            )
            self.change(functions=tuple(functions))

    def gateway(self) -> Gateway | None:
        return self.registers

    def ceiling_bps(self, netdev: str) -> float:
        return self.rate_bps

    def traffic(self, netdev: str, to_host: bool, busy: bool) -> None:
        self.note("traffic", netdev, to_host, busy)


def _written(before: bytes, config: bytes) -> bytes:
    out = bytearray(config)
    at = slice(AER + 0x10, AER + 0x14)
    cleared = bytes(old & ~new if old != new else old for old, new in zip(before[at], config[at], strict=True))
    out[at] = cleared
    return bytes(out)
