"""What the kernel of the test host knows: devices, modules, interfaces; and what it says when they change.

It enumerates as Linux does: a function that goes away stays in the tree and reads all ones, a function that
comes later is not seen before a rescan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from rig.config.twin import TwinHost
from rig.twin.host import aer, bandwidth, nvm, pci
from rig.twin.host.aer import Line
from rig.twin.host.device import ROOT_PORT, Device, bdf_of
from rig.twin.host.dialects import BANDWIDTH, Dialect, dialect, known_modules
from rig.twin.host.klog import ERR, INFO, WARNING, KernelLog
from rig.twin.host.netdev import NetDev
from rig.twin.host.placing import Placed, allocator
from rig.twin.host.resources import program
from rig.twin.view import Function, HostView, NetPort, Slot

_FIRST_IFINDEX = 2
_MEM_AND_MASTER = 0x0006


class Kernel:
    """One boot of the test host's kernel; not thread-safe, the host holds a lock around it."""

    def __init__(self, slot: Slot, log: KernelLog, config: TwinHost | None = None) -> None:
        self._slot, self._log = slot, log
        self.view: HostView = slot.view()
        self.devices: dict[str, Device] = {}
        self.modules: list[str] = []
        self.netdevs: dict[str, NetDev] = {}
        self.revision = 0
        """Counts up when something changed that the view's generation does not tell."""
        self._next_ifindex = _FIRST_IFINDEX
        self._allocator = allocator(config or TwinHost(), self.view.root_port.config)
        self._refused: set[str] = set()
        """Devices whose driver gave them up; it is asked again when it is loaded again."""

    # --- enumeration ------------------------------------------------------------------------------------------

    def enumerate(self) -> list[Line]:
        """Find what is in the slot and not yet known; the lines of it."""
        self.view = self._slot.view()
        lines = [] if ROOT_PORT in self.devices else self._add_root_port()
        unknown = [f for f in self.view.functions if bdf_of(f.number) not in self.devices]
        fresh = [f for f in unknown if pci.vendor(f.config) != 0xFFFF]
        placed = self._allocator.place(fresh)
        lines += [line for function in fresh for line in self._add(function, placed)]
        self.revision += 1
        return lines + [(INFO, text) for text in placed.texts]

    def remove(self, bdf: str) -> None:
        """`echo 1 > remove`: forget the device, and with the root port all behind it."""
        gone = list(self.devices) if bdf == ROOT_PORT else [bdf]
        for name in gone:
            device = self.devices.pop(name, None)
            self._refused.discard(name)
            if device is not None:
                self._drop_netdevs(n for n in self.netdevs.values() if n.port.function == device.number)
        self.revision += 1

    def _add_root_port(self) -> list[Line]:
        port = self.view.root_port
        device = Device(ROOT_PORT, None, port.config, "pcieport", port.config, port.correctable, irq=24)
        device.bound = True
        self.devices[ROOT_PORT] = device
        return [(INFO, self._found(device)), (INFO, f"pci {ROOT_PORT}: PCI bridge to [bus 01]")]

    def _add(self, function: Function, placed: Placed) -> list[Line]:
        resources = placed.of(function.number)
        config = program(function.config, resources, 0, function.bars.keys() - resources.keys())
        if config != function.config:
            self._slot.write_config(function.number, config)
        bdf = bdf_of(function.number)
        device = Device(bdf, function.number, function.config, function.driver, config, function.correctable)
        device.bar_files = function.bar_files
        device.nvm, device.fault = function.nvm, function.fault
        device.sensor, device.celsius = function.sensor, function.celsius
        device.vpd, device.resources, device.irq = function.vpd, resources, 30 + function.number
        self.devices[bdf] = device
        texts = [self._found(device), *self._allocator.registers(function, placed)]
        narrow = self._bandwidth(device, verbose=False) if function.number == 0 else None
        return [(INFO, text) for text in [*texts, *([f"pci {bdf}: {narrow}"] if narrow else [])]]

    def _found(self, device: Device) -> str:
        kind = pci.header_type(device.identity)
        return f"pci {device.bdf}: [{device.ids}] type {kind:02x} class {pci.class_code(device.identity):#08x}"

    def _bandwidth(self, device: Device, *, verbose: bool) -> str | None:
        capable, port = device.capable(), self.devices.get(ROOT_PORT)
        ends = [(d.bdf, d.link()) for d in (device, port) if d is not None]
        path = [(bdf, link) for bdf, link in ends if link is not None]
        if capable is None or not path:
            return None
        return bandwidth.sentence(capable, path, verbose=verbose)

    # --- modules and drivers ----------------------------------------------------------------------------------

    def drivers(self) -> list[str]:
        """Modules the devices in the tree ask for, in the order they were found."""
        return list(dict.fromkeys(d.driver for d in self.devices.values() if d.driver and d.number is not None))

    def installed(self, module: str) -> bool:
        return module in known_modules() or module in self.drivers()

    def load(self, module: str) -> list[Line]:
        """`modprobe module`: load it with its companions and bind it; the lines of it."""
        words = dialect(module)
        fresh = module not in self.modules
        self._refused -= {d.bdf for d in self.devices.values() if fresh and d.driver == module}
        missing = [m for m in (*words.companions, module) if m not in self.modules]
        self.modules = [*missing, *self.modules]
        lines = [(INFO, text) for text in words.load] if fresh else []
        return lines + self.bind()

    def unload(self, module: str) -> None:
        """`modprobe -r module`: its devices lose their driver, its interfaces are gone."""
        self.modules.remove(module)
        lost = [d for d in self.devices.values() if d.driver == module and d.bound]
        for device in lost:
            device.bound = False
        if lost:
            self._slot.set_driver(False)
        self.revision += 1
        self.refresh()

    def bind(self) -> list[Line]:
        """Give every device without a driver the loaded module that knows it; the lines of it."""
        free = [d for d in self.devices.values() if d.driver in self.modules and not d.bound]
        asked = [d for d in free if d.bdf not in self._refused]
        self._refused |= {d.bdf for d in asked if self._refusal(d)}
        fresh = [d for d in asked if d.bdf not in self._refused]
        running = any(d.bound for d in self.devices.values() if d.number is not None)
        for device in fresh:
            device.bound = True
            self._slot.write_config(device.number, program(device.config, {}, _MEM_AND_MASTER))
        if fresh and not running:
            self._slot.set_driver(True)
        self._look()
        self.revision += 1
        return [line for d in asked for line in self._probed(d)]

    def _probed(self, device: Device) -> list[Line]:
        words = dialect(device.driver or "")
        started = self._say(words.probe, device, None)
        warned = nvm.said(device.driver, device.bdf, device.fault)
        return started + (self._refusal(device) or warned + self._say(words.function, device, None))

    def _refusal(self, device: Device) -> list[Line]:
        """Why the driver gives the device up; empty: it takes it. An ENODEV is no line of the driver core's.

        Ref: Linux 6.1 drivers/base/dd.c `call_driver_probe`.
        """
        words = dialect(device.driver or "")
        bars = sorted(next((f.bars for f in self.view.functions if f.number == device.number), ()))
        lost = [n for n in bars if n in (words.no_bar or bars[:1]) and n not in device.resources]
        if not lost:
            refused = nvm.refuses(device.driver, device.fault)
            return nvm.said(device.driver, device.bdf, device.fault) if refused else []
        if text := words.no_bar.get(lost[0]):
            return [(ERR, said) for _, said in self._say((text,), device, None)]
        return [(WARNING, f"{device.driver}: probe of {device.bdf} failed with error -5")]

    # --- changes ----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look at the slot again and write what changed into the log."""
        self._look()
        for level, text in self._port_changes():
            self._log.write(text, level)

    def _look(self) -> None:
        self.view = self._slot.view()
        present = {bdf_of(f.number): f for f in self.view.functions}
        for bdf, device in self.devices.items():
            if bdf == ROOT_PORT:
                device.config = self.view.root_port.config
                self._count(device, self.view.root_port.correctable)
            elif bdf in present:
                device.config, device.celsius = present[bdf].config, present[bdf].celsius
                # of a card that was reset under its driver the driver still tells what it read
                device.firmware = self.view.firmware_version or device.firmware
                self._count(device, present[bdf].correctable)
            else:
                device.config = pci.GONE

    def _count(self, device: Device, now: Mapping[str, int] | None) -> None:
        before, device.correctable = device.correctable, now
        if before is None or now is None or before == now:
            return
        for level, text in aer.corrected(ROOT_PORT, device.bdf, device.log_name, device.ids, before, now):
            self._log.write(text, level)

    def _port_changes(self) -> list[Line]:
        wanted = {p.name: p for p in self._registered_ports()}
        self._drop_netdevs(n for n in list(self.netdevs.values()) if n.name not in wanted)
        lines: list[Line] = []
        for name, port in wanted.items():
            known = self.netdevs.get(name)
            if known is None:
                lines += self._register(port)
            elif known.port != port:
                lines += self._change(known, port)
        return lines

    def _registered_ports(self) -> list[NetPort]:
        """Ports the model shows, and those whose function stopped answering: the kernel keeps them, dark."""
        there = {f.number for f in self.view.functions if pci.decodes(f.config)}
        kept = [_dark(n.port) for n in self.netdevs.values() if n.port.function not in there]
        return [p for p in (*self.view.ports, *kept) if self._has_driver(p.function)]

    def _has_driver(self, number: int) -> bool:
        device = self.devices.get(bdf_of(number))
        if device is None or not device.bound or device.driver is None:
            return False
        return all(c in self.modules for c in dialect(device.driver).companions)

    def _register(self, port: NetPort) -> list[Line]:
        dark = NetDev(_dark(port), self._next_ifindex)
        self._next_ifindex += 1
        self.netdevs[port.name] = dark
        self.revision += 1
        words, device = self._words(port)
        return self._say(words.port, device, port) + self._change(dark, port)

    def _change(self, netdev: NetDev, port: NetPort) -> list[Line]:
        had, netdev.port = netdev.carrier, port
        netdev.opened = netdev.opened or port.admin_up
        self.revision += 1
        words, device = self._words(port)
        if netdev.carrier and not had:
            ready = f"IPv6: ADDRCONF(NETDEV_CHANGE): {port.name}: link becomes ready"
            return [*self._say(words.up, device, port), (INFO, ready)]
        if had and not netdev.carrier:
            return [(words.down_level, text) for _, text in self._say((words.down,), device, port)]
        return []

    def _words(self, port: NetPort) -> tuple[Dialect, Device]:
        device = self.devices[bdf_of(port.function)]
        return dialect(device.driver or ""), device

    def _drop_netdevs(self, gone: Iterable[NetDev]) -> None:
        for netdev in list(gone):
            del self.netdevs[netdev.name]
            self._slot.set_admin(netdev.name, False)
            self.revision += 1

    def _say(self, templates: Iterable[str], device: Device, port: NetPort | None) -> list[Line]:
        fields = self._fields(device, port)
        lines: list[Line] = []
        for template in templates:
            if template != BANDWIDTH:
                lines.append((INFO, template.format_map(fields)))
            elif text := self._bandwidth(device, verbose=True):
                lines.append((INFO, f"{device.driver} {device.bdf}: {text}"))
        return lines

    def _fields(self, device: Device, port: NetPort | None) -> Mapping[str, object]:
        sub_vendor, sub_device = pci.subsystem(device.identity)
        link = device.link() or pci.Link(0, 0)
        fields: dict[str, object] = {
            "driver": device.driver,
            "bdf": device.bdf,
            "ids": f"[{device.ids}] [{sub_vendor:04x}:{sub_device:04x}]",
            "irq": device.irq,
            "mem": f"{next((r.start for r in device.resources.values()), 0):x}",
            "link_speed": link.speed_name.split(" ")[0],
            "width": link.width,
            "firmware": self.view.firmware_version,
        }
        return fields if port is None else fields | _port_fields(port)

    def port_type_refused(self, port: int) -> None:
        """The firmware cannot make `port` what was asked."""
        text = f"Requested port type for port {port} is not supported on this HCA"
        self._log.write(f"mlx4_core {bdf_of(0)}: {text}", ERR)


def _dark(port: NetPort) -> NetPort:
    return dataclasses.replace(port, speed_bps=None)


def _port_fields(port: NetPort) -> dict[str, object]:
    mbps = (port.speed_bps or 0) // 1_000_000
    return {
        "netdev": port.name,
        "eth": f"eth{port.index}",
        "mac": port.mac,
        "port": port.index + 1,
        "mbps": mbps,
        "gbps": f"{mbps / 1000:g} Gbps" if mbps >= 1000 else f"{mbps} Mbps",
    }
