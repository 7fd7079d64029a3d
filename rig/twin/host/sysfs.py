"""The kernel's devices as the files of /sys: pure, path to content.

Ref: Linux 6.1 drivers/pci/pci-sysfs.c, net/core/net-sysfs.c, Documentation/ABI/testing/sysfs-bus-pci,
Documentation/hwmon/sysfs-interface.rst (`temp1_input` in thousandths of a degree).
Reading `carrier`, `speed` or `duplex` of an interface that is down fails with EINVAL on a kernel; here it is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rig.twin.host import aer, pci
from rig.twin.host.device import ROOT_PORT, Device
from rig.twin.host.kernel import Kernel
from rig.twin.host.netdev import NetDev


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Sparse:
    """A file of zeros of this size: a BAR."""

    size: int


@dataclass(frozen=True, slots=True)
class Shared:
    """A file that the model holds open too: a BAR that tools map."""

    path: Path


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory that is there even when it is empty."""


Node = bytes | Link | Sparse | Shared | Folder
BRIDGE = "devices/pci0000:00"
_MLX4 = "mlx4_core"
_FIXED: Mapping[str, Node] = {
    "bus/pci/devices": Folder(),
    "bus/pci/slots/1/address": b"0000:01:00\n",
    "bus/pci/drivers/pcieport": Folder(),
    "class/net": Folder(),
    "class/hwmon": Folder(),
    "class/net/lo": Link("../../devices/virtual/net/lo"),
    "devices/virtual/net/lo/address": b"00:00:00:00:00:00\n",
    "devices/virtual/net/lo/carrier": b"1\n",
    "devices/virtual/net/lo/operstate": b"unknown\n",
    "devices/virtual/net/lo/mtu": b"65536\n",
    "devices/virtual/net/lo/flags": b"0x9\n",
    "devices/virtual/net/lo/ifindex": b"1\n",
    "devices/virtual/net/lo/type": b"772\n",
}


def tree(kernel: Kernel) -> dict[str, Node]:
    """Every file the kernel shows, relative to /sys; the files that a guest may write to are not in it."""
    nodes: dict[str, Node] = dict(_FIXED)
    for module in (*kernel.modules, "pcieport"):
        nodes[f"bus/pci/drivers/{module}"] = Folder()
    for device in kernel.devices.values():
        nodes |= _device(device, kernel)
    sensors = [d for d in kernel.devices.values() if d.bound and d.sensor]
    for number, device in enumerate(sensors):
        nodes |= _sensor(device, number)
    for netdev in kernel.netdevs.values():
        nodes |= _netdev(netdev, kernel)
    return nodes


def writable(kernel: Kernel) -> dict[str, bytes]:
    """The files a guest may write to and what they hold when nobody has: configuration space, triggers, port types."""
    files = {"bus/pci/rescan": b""}
    for device in kernel.devices.values():
        at = folder(device)
        files[f"{at}/config"] = device.config
        files[f"{at}/remove"] = b""
        if device.driver == _MLX4 and device.bound:
            kinds = kernel.view.port_types
            files |= {f"{at}/mlx4_port{port}": f"{kind}\n".encode() for port, kind in kinds.items()}
    return files


def folder(device: Device) -> str:
    """Where the device's own files are, below /sys."""
    return f"{BRIDGE}/{ROOT_PORT}" if device.number is None else f"{BRIDGE}/{ROOT_PORT}/{device.bdf}"


def _device(device: Device, kernel: Kernel) -> dict[str, Node]:
    at = folder(device)
    nodes: dict[str, Node] = {f"{at}/{name}": text.encode() for name, text in _attributes(device).items()}
    nodes[f"bus/pci/devices/{device.bdf}"] = Link(f"../../../{at}")
    up = "../" * (at.count("/") + 1)
    nodes[f"{at}/subsystem"] = Link(f"{up}bus/pci")
    if device.vpd:
        # its length was found when it was there
        gone = pci.vendor(device.config) == 0xFFFF
        nodes[f"{at}/vpd"] = b"\xff" * len(device.vpd) if gone else device.vpd
    for number, resource in device.resources.items():
        held = device.bar_files.get(number)
        nodes[f"{at}/resource{number}"] = Shared(held) if held else Sparse(resource.size)
    if device.bound and device.driver:
        nodes[f"{at}/driver"] = Link(f"{up}bus/pci/drivers/{device.driver}")
        nodes[f"bus/pci/drivers/{device.driver}/{device.bdf}"] = Link(f"../../../../{at}")
    return nodes


def _sensor(device: Device, number: int) -> dict[str, Node]:
    at = f"{folder(device)}/hwmon/hwmon{number}"
    return {
        f"{at}/name": f"{device.sensor}\n".encode(),
        f"{at}/temp1_input": f"{1000 * device.celsius}\n".encode(),
        f"{at}/device": Link(f"../../../{device.bdf}"),
        f"class/hwmon/hwmon{number}": Link(f"../../{at}"),
    }


def _attributes(device: Device) -> dict[str, str]:
    identity = device.identity
    sub_vendor, sub_device = pci.subsystem(identity)
    return {
        "vendor": f"{pci.vendor(identity):#06x}\n",
        "device": f"{pci.device(identity):#06x}\n",
        "subsystem_vendor": f"{sub_vendor:#06x}\n",
        "subsystem_device": f"{sub_device:#06x}\n",
        "class": f"{pci.class_code(identity):#08x}\n",
        "revision": f"{pci.u8(identity, pci.CLASS):#04x}\n",
        "irq": f"{device.irq}\n",
        "enable": f"{int(device.bound)}\n",
        "numa_node": "-1\n",
        "modalias": _modalias(identity),
        "resource": _resource_file(device),
        "uevent": _uevent(device),
        **_link_attributes(device),
        **_error_attributes(device),
    }


def _modalias(identity: bytes) -> str:
    sub_vendor, sub_device = pci.subsystem(identity)
    code = pci.class_code(identity)
    return (
        f"pci:v{pci.vendor(identity):08X}d{pci.device(identity):08X}sv{sub_vendor:08X}sd{sub_device:08X}"
        f"bc{code >> 16:02X}sc{code >> 8 & 0xFF:02X}i{code & 0xFF:02X}\n"
    )


def _resource_file(device: Device) -> str:
    rows = [(r.start, r.end, r.flags) if (r := device.resources.get(number)) else (0, 0, 0) for number in range(7)]
    return "".join("{:#018x} {:#018x} {:#018x}\n".format(*row) for row in rows)


def _uevent(device: Device) -> str:
    identity = device.identity
    sub_vendor, sub_device = pci.subsystem(identity)
    driver = f"DRIVER={device.driver}\n" if device.bound else ""
    return (
        f"{driver}PCI_CLASS={pci.class_code(identity):X}\n"
        f"PCI_ID={pci.vendor(identity):04X}:{pci.device(identity):04X}\n"
        f"PCI_SUBSYS_ID={sub_vendor:04X}:{sub_device:04X}\n"
        f"PCI_SLOT_NAME={device.bdf}\nMODALIAS={_modalias(identity)}"
    )


def _link_attributes(device: Device) -> dict[str, str]:
    """A device that reads all ones shows width 63, an unknown speed, and is capable of every speed.

    Ref: Linux 6.1 drivers/pci/pci.c (`pcie_get_speed_cap`: the highest bit of Link Capabilities 2).
    """
    now, most = device.link(), device.capable()
    if now is None or most is None:
        return {}
    if pci.vendor(device.config) == 0xFFFF:
        most = pci.Link(max(pci.SPEED_NAMES), now.width)
    return {
        "current_link_speed": f"{now.speed_name}\n",
        "current_link_width": f"{now.width}\n",
        "max_link_speed": f"{most.speed_name}\n",
        "max_link_width": f"{most.width}\n",
    }


def _error_attributes(device: Device) -> dict[str, str]:
    """Absent where firmware keeps AER to itself."""
    if device.correctable is None:
        return {}
    files = {
        "aer_dev_correctable": aer.correctable_file(device.correctable),
        "aer_dev_nonfatal": aer.uncorrectable_file("TOTAL_ERR_NONFATAL"),
        "aer_dev_fatal": aer.uncorrectable_file("TOTAL_ERR_FATAL"),
    }
    if device.number is None:
        files["aer_rootport_total_err_fatal"] = files["aer_rootport_total_err_nonfatal"] = "0\n"
    return files


def _netdev(netdev: NetDev, kernel: Kernel) -> dict[str, Node]:
    device = next(d for d in kernel.devices.values() if d.number == netdev.port.function)
    at = f"{folder(device)}/net/{netdev.name}"
    attributes = _interface_attributes(netdev) | _statistics(netdev)
    nodes: dict[str, Node] = {f"{at}/{name}": text.encode() for name, text in attributes.items()}
    nodes[f"{at}/device"] = Link(f"../../../{device.bdf}")
    nodes[f"{at}/subsystem"] = Link("../" * (at.count("/") + 1) + "class/net")
    nodes[f"class/net/{netdev.name}"] = Link(f"../../{at}")
    return nodes


def _interface_attributes(netdev: NetDev) -> dict[str, str]:
    port = netdev.port
    mbps = (port.speed_bps or 0) // 1_000_000 if netdev.carrier else -1
    return {
        "address": f"{port.mac}\n",
        "addr_len": "6\n",
        "broadcast": "ff:ff:ff:ff:ff:ff\n",
        "carrier": f"{int(netdev.carrier)}\n" if port.admin_up else "",
        "speed": f"{mbps}\n" if port.admin_up else "",
        "duplex": ("full\n" if netdev.carrier else "unknown\n") if port.admin_up else "",
        "operstate": f"{netdev.operstate}\n",
        "mtu": f"{netdev.mtu}\n",
        "flags": f"{netdev.flag_bits:#x}\n",
        "ifindex": f"{netdev.ifindex}\n",
        "dev_port": f"{port.index}\n",
        "dev_id": "0x0\n",
        "type": "1\n",
        "tx_queue_len": "1000\n",
        "uevent": f"INTERFACE={port.name}\nIFINDEX={netdev.ifindex}\n",
    }


def _statistics(netdev: NetDev) -> dict[str, str]:
    silent = ("rx_errors", "tx_errors", "rx_dropped", "tx_dropped", "rx_crc_errors", "tx_carrier_errors", "multicast")
    counts = dict.fromkeys(silent, 0) | {
        "rx_bytes": netdev.rx.bytes,
        "tx_bytes": netdev.tx.bytes,
        "rx_packets": netdev.rx.packets,
        "tx_packets": netdev.tx.packets,
    }
    return {f"statistics/{name}": f"{count}\n" for name, count in counts.items()}
