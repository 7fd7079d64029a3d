"""Finding the card on the test host's PCI tree, and its error counters.

Ref: Linux Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus-pci-devices-aer_stats.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rig.errors import BenchError, ReplyError
from rig.model import Card
from rig.parse import setpci, sysfs
from rig.parse.dump import Entry, Kind, dump_commands, parse_dump
from rig.ports import HostPort

DEVICES = "/sys/bus/pci/devices"
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_HARMLESS = frozenset({"NonFatalErr", "TOTAL_ERR_COR"})
"""Not physical (unsupported requests of a probing host), and the sum over all."""


@dataclass(frozen=True, slots=True)
class Located:
    """The card on the host's PCI tree."""

    functions: tuple[str, ...]
    """Addresses `0000:01:00.0`, ascending; the first is the one the link is read from."""
    port: str | None
    """Address of the port above it."""
    ids: Mapping[str, str]
    """Function to `vendor:device`."""

    @property
    def endpoint(self) -> str:
        return self.functions[0]


@dataclass(frozen=True, slots=True)
class Errors:
    """AER counts of one device; None: the kernel does not own AER there."""

    correctable: Mapping[str, int] | None
    uncorrectable: int | None


def read_files(host: HostPort, paths: Sequence[str]) -> Mapping[str, Entry]:
    """Every path of the test host in as few console commands as fit; ReplyError when a frame came back torn."""
    if not paths:
        return {}
    marker = secrets.token_hex(8)
    text = "".join(host.run(command).text + "\n" for command in dump_commands(paths, marker))
    found = parse_dump(text, marker, paths)
    lost = [path for path, entry in found.items() if entry.kind is Kind.LOST]
    if lost:
        raise ReplyError(
            "test host",
            f"contents of {lost[0]}",
            text[-200:],
            "the console lost text: check its cable and speed",
        )
    return found


def text_of(entries: Mapping[str, Entry], path: str) -> str | None:
    """A file's text; None when it is not there or not readable."""
    entry = entries.get(path)
    return entry.text if entry is not None else None


def register(host: HostPort, address: str, name: str) -> int | None:
    """A register of configuration space in setpci's words, `COMMAND` or `ECAP19+8.l`; None: setpci does not tell it."""
    reply = host.run(f"setpci -s {address} {name}")
    found = setpci.values(reply.text, 1) if reply.code == 0 else None
    return found[0] if found else None


def locate(host: HostPort, card: Card, root_port: str | None) -> Located | None:
    """The card's functions: what sits below `root_port`, or, where the bench names none, what has one of its ids."""
    listing = read_files(host, [DEVICES])[DEVICES].text or ""
    addresses = [a for a in listing.split() if _ADDRESS.fullmatch(a)]
    files = {a: [f"{DEVICES}/{a}", f"{DEVICES}/{a}/vendor", f"{DEVICES}/{a}/device"] for a in addresses}
    found = read_files(host, [f for three in files.values() for f in three])
    ids = {a: _id(found, three) for a, three in files.items()}
    ports = {a: _parent(text_of(found, three[0]) or "") for a, three in files.items()}
    known = {card.pci_id, card.recovery_id, *card.other_ids}
    wanted = [a for a in addresses if (ports[a] == root_port if root_port else ids[a] in known)]
    if not wanted:
        return None
    slots = sorted({a.rpartition(".")[0] for a in wanted if ids[a] in (card.pci_id, card.recovery_id)})
    if len(slots) > 1 and not root_port:
        raise BenchError(
            f"test host: cards like {card.model} are at {' and '.join(slots)}: name the port above the slot in the "
            "bench file (slot: root_port), or the wrong one is measured and flashed"
        )
    # one card: what shares the bus and device number of the first hit
    slot = sorted(wanted)[0].rpartition(".")[0]
    functions = tuple(sorted(a for a in addresses if a.rpartition(".")[0] == slot))
    return Located(functions, ports[functions[0]], {a: ids[a] for a in functions})


def _id(found: Mapping[str, Entry], files: Sequence[str]) -> str:
    vendor, device = (sysfs.hex_id(text_of(found, f) or "") or "?" for f in files[1:])
    return f"{vendor}:{device}"


def _parent(real_path: str) -> str | None:
    """The port above a device, from where its link leads: `.../0000:00:01.0/0000:01:00.0`."""
    above = real_path.rsplit("/", 2)[-2:-1]
    return above[0] if above and _ADDRESS.fullmatch(above[0]) else None


def read_errors(host: HostPort, addresses: Sequence[str]) -> dict[str, Errors]:
    """AER counts since boot of each device."""
    kinds = ("correctable", "nonfatal", "fatal")
    paths = {a: [f"{DEVICES}/{a}/aer_dev_{kind}" for kind in kinds] for a in addresses}
    found = read_files(host, [p for three in paths.values() for p in three])
    return {a: _errors(*(sysfs.aer_counts(text_of(found, p)) for p in three)) for a, three in paths.items()}


def _errors(
    cor: Mapping[str, int] | None, nonfatal: Mapping[str, int] | None, fatal: Mapping[str, int] | None
) -> Errors:
    if nonfatal is None or fatal is None:
        return Errors(cor, None)
    return Errors(cor, nonfatal.get("TOTAL_ERR_NONFATAL", 0) + fatal.get("TOTAL_ERR_FATAL", 0))


def correctable_between(before: Errors, after: Errors) -> int | None:
    """Physical correctable errors between two readings; None: not counted by this kernel."""
    if before.correctable is None or after.correctable is None:
        return None
    return sum(n - before.correctable.get(k, 0) for k, n in after.correctable.items() if k not in _HARMLESS)


def uncorrectable_between(before: Errors, after: Errors) -> int | None:
    if before.uncorrectable is None or after.uncorrectable is None:
        return None
    return after.uncorrectable - before.uncorrectable
