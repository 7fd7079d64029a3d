"""`ethtool` 6.1: plain, -i, -m, -S, -e, --version; what no driver here supports fails as it does there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rig.twin.host.device import bdf_of
from rig.twin.host.dialects import dialect
from rig.twin.host.klog import RELEASE
from rig.twin.host.netdev import NetDev
from rig.twin.host.tools import eeprom_dump, transceiver
from rig.twin.host.tools.base import Answer, Context

_BAD = Answer(err="ethtool: bad command line argument(s)\nFor more information run ethtool -h\n", code=1)
_NO_NETLINK_DEVICE = "netlink error: no device matches name (offset 24)\nnetlink error: No such device\n"
_DUMP = ("-e", "--eeprom-dump")
_UNSUPPORTED = frozenset(f"-{letter}" for letter in "aAcCgGkKlLptsxXdETrfnNuUwWP") | {
    *("--show-priv-flags", "--set-priv-flags", "--show-eee", "--set-eee", "--show-fec", "--set-fec"),
    *("--show-features", "--show-module"),
}
_COPPER = "RJ45"
_BASE = {10: "10baseT", 100: "100baseT", 1000: "1000baseT", 2500: "2500baseT", 5000: "5000baseT", 10000: "10000baseT"}
_SERIAL = {
    1000: ("1000baseKX",),
    10000: ("10000baseKR", "10000baseCR", "10000baseSR"),
    25000: ("25000baseCR", "25000baseSR"),
    40000: ("40000baseCR4", "40000baseSR4"),
    56000: ("56000baseCR4",),
    100000: ("100000baseCR4", "100000baseSR4"),
}


def run(context: Context, argv: Sequence[str]) -> Answer:
    """Ask a driver about an interface."""
    if not argv:
        return _BAD
    first, *rest = argv
    if first in ("--version",):
        return Answer(out="ethtool version 6.1\n")
    if first in ("-h", "--help"):
        return Answer(
            out="ethtool version 6.1\nUsage:\n        ethtool [ FLAGS ] DEVNAME\tDisplay standard information\n"
        )
    if not first.startswith("-"):
        return _settings(context, first) if not rest else _BAD
    if first in _DUMP:
        return eeprom_dump.run(context, rest) if rest else _BAD
    ask = _ASKED.get(first)
    if ask is None and first not in _UNSUPPORTED:
        return _BAD
    if not rest:
        return _BAD
    return ask(context, rest[0]) if ask else _refused(context, rest[0])


def _settings(context: Context, name: str) -> Answer:
    if name == "lo":
        return Answer(out="Settings for lo:\n\tLink detected: yes\n")
    netdev = context.kernel.netdevs.get(name)
    if netdev is None:
        return Answer(out="No data available\n", err=_NO_NETLINK_DEVICE * 5, code=75)
    return Answer(out="\n".join([f"Settings for {name}:", *_modes(netdev), *_state(netdev)]) + "\n")


def _modes(netdev: NetDev) -> list[str]:
    copper = netdev.port.media == _COPPER
    names = [n for speed in netdev.port.speeds_bps for n in _mode_names(speed // 1_000_000, copper=copper)]
    pad = "\n\t" + " " * 24
    modes = pad.join(f"{n}/Full" for n in names) or "Not reported"
    rows = [f"\tSupported ports: [ {'TP' if copper else 'FIBRE'} ]", f"\tSupported link modes:   {modes}"]
    rows += ["\tSupported pause frame use: Symmetric", f"\tSupports auto-negotiation: {'Yes' if copper else 'No'}"]
    rows += ["\tSupported FEC modes: Not reported", f"\tAdvertised link modes:  {modes}"]
    rows += ["\tAdvertised pause frame use: Symmetric", f"\tAdvertised auto-negotiation: {'Yes' if copper else 'No'}"]
    return [*rows, "\tAdvertised FEC modes: Not reported"]


def _mode_names(mbps: int, *, copper: bool) -> tuple[str, ...]:
    if copper:
        return (_BASE[mbps],) if mbps in _BASE else ()
    return _SERIAL.get(mbps, ())


def _state(netdev: NetDev) -> list[str]:
    port, up = netdev.port, netdev.carrier
    copper = port.media == _COPPER
    speed = f"{(port.speed_bps or 0) // 1_000_000}Mb/s" if up else "Unknown!"
    rows = [f"\tSpeed: {speed}", f"\tDuplex: {'Full' if up else 'Unknown! (255)'}"]
    rows += [f"\tAuto-negotiation: {'on' if copper else 'off'}"]
    rows += [f"\tPort: {'Twisted Pair' if copper else 'Direct Attach Copper'}", "\tPHYAD: 0", "\tTransceiver: internal"]
    rows += ["\tMDI-X: Unknown"] if copper else []
    rows += ["\tSupports Wake-on: g", "\tWake-on: g"]
    rows += ["        Current message level: 0x00000007 (7)", "                               drv probe link"]
    return [*rows, f"\tLink detected: {'yes' if up else 'no'}"]


def _driver(context: Context, name: str) -> Answer:
    if name == "lo":
        return Answer(err="Cannot get driver information: Operation not supported\n", code=71)
    netdev = context.kernel.netdevs.get(name)
    if netdev is None:
        return Answer(err="Cannot get driver information: No such device\n", code=71)
    device = context.kernel.devices[bdf_of(netdev.port.function)]
    driver = device.driver or ""
    words = dialect(driver)
    rows = {
        "driver": words.companions[0] if words.companions else driver,
        "version": words.version or RELEASE,
        "firmware-version": device.firmware,
        "expansion-rom-version": "",
        "bus-info": bdf_of(netdev.port.function),
        "supports-statistics": "yes",
        "supports-test": "yes",
        "supports-eeprom-access": "yes" if device.nvm or driver == "bnxt_en" else "no",
        "supports-register-dump": "no",
        "supports-priv-flags": "no",
    }
    return Answer(out="".join(f"{k}: {v}\n" for k, v in rows.items()))


def _module(context: Context, name: str) -> Answer:
    if name == "lo":
        return Answer(err="netlink error: Operation not supported\n", code=1)
    netdev = context.kernel.netdevs.get(name)
    if netdev is None:
        return Answer(err=_NO_NETLINK_DEVICE, code=1)
    device = context.kernel.devices[bdf_of(netdev.port.function)]
    if netdev.port.media == _COPPER:
        return Answer(err=f"netlink error: {dialect(device.driver or '').no_cage}\n", code=1)
    if device.is_gone or (netdev.port.admin_up and netdev.port.speed_bps is None):
        return Answer(err="netlink error: Input/output error\n", code=1)
    return Answer(out=transceiver.text(netdev.port.media, netdev.port.mac))


def _statistics(context: Context, name: str) -> Answer:
    if name == "lo":
        return Answer(err="no stats available\n", code=94)
    netdev = context.kernel.netdevs.get(name)
    if netdev is None:
        return Answer(err="Cannot get stats strings information: No such device\n", code=96)
    rows: Mapping[str, int] = {
        "rx_packets": netdev.rx.packets,
        "tx_packets": netdev.tx.packets,
        "rx_bytes": netdev.rx.bytes,
        "tx_bytes": netdev.tx.bytes,
        "rx_errors": 0,
        "tx_errors": 0,
        "rx_dropped": 0,
        "tx_dropped": 0,
        "rx_crc_errors": 0,
    }
    return Answer(out="NIC statistics:\n" + "".join(f"     {k}: {v}\n" for k, v in rows.items()))


def _refused(context: Context, name: str) -> Answer:
    if name != "lo" and name not in context.kernel.netdevs:
        return Answer(err=_NO_NETLINK_DEVICE, code=1)
    return Answer(err="netlink error: Operation not supported\n", code=1)


_ASKED: Mapping[str, Callable[[Context, str], Answer]] = {
    "-i": _driver,
    "--driver": _driver,
    "-m": _module,
    "--module-info": _module,
    "--dump-module-eeprom": _module,
    "-S": _statistics,
    "--statistics": _statistics,
}
