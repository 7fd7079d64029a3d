"""What else a state depends on: the PCIe link, the temperature, the links of the ports.

One console command reads all of it. Ref: Linux Documentation/ABI/testing/sysfs-class-hwmon (`tempN_input`,
millidegrees), sysfs-class-net (`carrier`, `speed` in Mbit/s).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rig.model import Measurement
from rig.parse.dump import Entry
from rig.steps.enumeration import LINK_ATTRIBUTES, link_state
from rig.steps.link import CabledPort
from rig.steps.netdev import NetDev
from rig.steps.pci import DEVICES, Located, read_files, text_of
from rig.steps.power_profile.bench import Ports

_TEMPERATURE = re.compile(r"temp\d+_input")
_WHOLE = re.compile(r"-?\d+")


class Context:
    """Reads it for one card; what there is to read is found out once."""

    def __init__(
        self, bench: Ports, card: Located | None, devices: Sequence[NetDev], ports: Sequence[CabledPort]
    ) -> None:
        self._bench, self._card, self._devices = bench, card, devices
        self._addresses = {p.device.name: p for p in ports}
        self._sensors = _sensors(bench, card) if card else []

    def read(self, state: str) -> list[Measurement]:
        """Rows of the state that holds now."""
        if self._card is None:
            return []
        ends = [self._card.endpoint, *([self._card.port] if self._card.port else [])]
        links = [f"{DEVICES}/{end}/{name}" for end in ends for name in LINK_ATTRIBUTES[:2]]
        nets = [_net(d, name) for d in self._devices for name in ("carrier", "speed")]
        files = read_files(self._bench.host, [*links, *nets, *self._sensors])
        return [*_pcie(files, state, self._card), self._temperature(files, state), self._linked(files, state)]

    def _temperature(self, files: Mapping[str, Entry], state: str) -> Measurement:
        """The hottest sensor below the card."""
        name = f"power.{state}.temperature_c"
        if not self._sensors:
            return Measurement(name, "no sensor", "")
        found = [n / 1000 for path in self._sensors if (n := _number(files, path)) is not None]
        if not found:
            return Measurement(name, None, "degC", "its sensors could not be read in this state")
        return Measurement(name, max(found), "degC", f"hottest of {len(found)}: {', '.join(f'{t:g}' for t in found)}")

    def _linked(self, files: Mapping[str, Entry], state: str) -> Measurement:
        linked = [(n, d) for n, d in enumerate(self._devices, 1) if _number(files, _net(d, "carrier")) == 1]
        said = [self._port(n, d, _number(files, _net(d, "speed"))) for n, d in linked]
        return Measurement(f"power.{state}.ports_linked", len(linked), "1", "; ".join(said) or "no link")

    def _port(self, number: int, device: NetDev, mbps: int | None) -> str:
        port, partner = self._addresses.get(device.name), self._bench.partners.get(number)
        rate = f"{mbps / 1000:g} Gbit/s" if mbps and mbps > 0 else "rate not known"
        return f"port {number} ({device.name}{f', {port.ip}' if port else ''}) {rate}" + (
            f" with {partner}" if partner else ""
        )


def _sensors(bench: Ports, card: Located) -> list[str]:
    """Temperature inputs below the card's functions."""
    monitors = _children(bench, [f"{DEVICES}/{f}/hwmon" for f in card.functions])
    return [path for path in _children(bench, monitors) if _TEMPERATURE.fullmatch(path.rpartition("/")[2])]


def _children(bench: Ports, folders: Sequence[str]) -> list[str]:
    found = read_files(bench.host, folders)
    return [f"{folder}/{name}" for folder in folders for name in (text_of(found, folder) or "").split()]


def _pcie(files: Mapping[str, Entry], state: str, card: Located) -> list[Measurement]:
    here = link_state(files, card.endpoint)
    there = link_state(files, card.port) if card.port else None
    other = there is not None and (there.width, there.speed_gtps) != (here.width, here.speed_gtps)
    note = f"the port above says x{there.width} at {there.speed_gtps} GT/s" if there and other else ""
    gone = "the device does not answer, or the kernel cannot tell"
    return [
        Measurement(f"power.{state}.link_width", here.width, "1", note if here.width else gone),
        Measurement(f"power.{state}.link_speed_gtps", here.speed_gtps, "GT/s", note if here.speed_gtps else gone),
    ]


def _net(device: NetDev, attribute: str) -> str:
    return f"/sys/class/net/{device.name}/{attribute}"


def _number(files: Mapping[str, Entry], path: str) -> int | None:
    text = (text_of(files, path) or "").strip()
    return int(text) if _WHOLE.fullmatch(text) else None
