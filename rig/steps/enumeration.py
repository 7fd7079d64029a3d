"""Host on: is the card there, how wide and fast is its link, does it err, does its driver take it?

Ref: PCI Express Base Specification, Link Capabilities and Link Status; kernel_strings of the domain notes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rig.config.plan import Enumeration
from rig.expect import Parts
from rig.model import Findings, Measurement
from rig.parse import lspci, sysfs
from rig.parse.dump import Entry
from rig.parse.kernel_log import Event, FailedBar, Harm, events, failed_bars
from rig.ports import HostPort
from rig.steps.aer import ErrorWindow
from rig.steps.answers import answers
from rig.steps.damage import complaints
from rig.steps.pci import DEVICES, Located, locate, read_files, text_of

LINK_ATTRIBUTES = ("current_link_speed", "current_link_width", "max_link_speed", "max_link_width")
_ATTRIBUTES = ("subsystem_vendor", "subsystem_device", *LINK_ATTRIBUTES, "resource", "driver")


@dataclass(frozen=True, slots=True)
class LinkState:
    """A link as one end reports it; None: not known."""

    speed_gtps: float | None
    width: int | None
    max_speed_gtps: float | None
    max_width: int | None


def measure(host: HostPort, parts: Parts, root_port: str | None, plan: Enumeration) -> Findings:
    """Everything the host can say about the card in the slot; needs a booted host."""
    boot = (Measurement("host.boot_s", host.boot_s(), "s"), Measurement("host.kernel", _kernel(host), ""))
    log = host.run("dmesg").text
    evidence = {"dmesg.txt": log, "lspci-all.txt": host.run("lspci -D -nn").text}
    found = locate(host, parts.card, root_port)
    if found is None:
        absent = Measurement("pcie.present", 0, "1", "nothing of this card is in lspci", "lspci-all.txt")
        return Findings((*boot, absent), evidence)
    told = events(log)
    window = ErrorWindow(host, found, "pcie")
    files = _attributes(host, found)
    verbose = _lspci(host, found, evidence)
    time.sleep(plan.aer_window_s)
    measurements = [
        *boot,
        Measurement("pcie.present", 1, "1", evidence="lspci-all.txt"),
        *_identity(found, files),
        *_damage(found, parts, told),
        *_link(found, files, parts),
        *_bars(found, files, told),
        *_lane_errors(found, verbose),
        *window.close(),
        answers(host, found),
    ]
    return Findings(tuple(measurements), evidence)


def link_state(files: Mapping[str, Entry], address: str) -> LinkState:
    """Both ends print the same four attributes."""

    def speed(name: str) -> float | None:
        return sysfs.link_speed_gtps(text_of(files, f"{DEVICES}/{address}/{name}_link_speed") or "")

    def width(name: str) -> int | None:
        return sysfs.link_width(text_of(files, f"{DEVICES}/{address}/{name}_link_width") or "")

    return LinkState(speed("current"), width("current"), speed("max"), width("max"))


def _kernel(host: HostPort) -> str | None:
    reply = host.run("uname -r")
    return reply.text.strip() or None if reply.code == 0 else None


def _attributes(host: HostPort, found: Located) -> Mapping[str, Entry]:
    ends = [found.endpoint, *([found.port] if found.port else [])]
    others = [f"{DEVICES}/{f}/resource" for f in found.functions[1:]]
    return read_files(host, [f"{DEVICES}/{a}/{name}" for a in ends for name in _ATTRIBUTES] + others)


def _lspci(host: HostPort, found: Located, evidence: dict[str, str]) -> dict[str, lspci.Device | None]:
    """`lspci -vvv` of both ends, kept as evidence."""
    seen = {}
    for end, address in (("endpoint", found.endpoint), ("root", found.port)):
        if address:
            evidence[f"lspci-{end}.txt"] = host.run(f"lspci -D -nn -vvv -s {address}").text
            seen[end] = lspci.device(evidence[f"lspci-{end}.txt"], address)
    return seen


def _identity(found: Located, files: Mapping[str, Entry]) -> list[Measurement]:
    here = f"{DEVICES}/{found.endpoint}"
    halves = [sysfs.hex_id(text_of(files, f"{here}/subsystem_{half}") or "") for half in ("vendor", "device")]
    subsystem = f"{halves[0]}:{halves[1]}" if all(halves) else None
    driver = text_of(files, f"{here}/driver")
    return [
        Measurement("pcie.id", found.ids[found.endpoint], "", evidence="lspci-endpoint.txt"),
        Measurement("pcie.subsystem_id", subsystem, ""),
        Measurement("pcie.address", found.endpoint, ""),
        Measurement("pcie.functions", len(found.functions), "1"),
        Measurement("pcie.driver", driver.rstrip("/").rpartition("/")[2] if driver else "none", ""),
    ]


def _damage(found: Located, parts: Parts, told: Sequence[Event]) -> list[Measurement]:
    """Why a driver would not take the card, where that is its NVM; no row where no driver complained."""
    damages, lines = complaints(parts.card, found.functions, told)
    return [Measurement("pcie.nvm_damage", "; ".join(damages), "", lines[0], "dmesg.txt")] if lines else []


def _link(found: Located, files: Mapping[str, Entry], parts: Parts) -> list[Measurement]:
    card = link_state(files, found.endpoint)
    port = link_state(files, found.port) if found.port else LinkState(None, None, None, None)
    gone = "the device no longer answers (all ones), or the kernel cannot tell"
    at = "lspci-endpoint.txt"
    return [
        Measurement("pcie.link.width", card.width, "1", "" if card.width else gone, at),
        Measurement("pcie.link.speed_gtps", card.speed_gtps, "GT/s", "" if card.speed_gtps else gone, at),
        _missing(
            "pcie.link.lanes_missing",
            "1",
            card.width,
            [card.max_width, port.max_width, parts.adapter.lanes, parts.slot.lanes],
        ),
        _missing(
            "pcie.link.speed_missing_gtps",
            "GT/s",
            card.speed_gtps,
            [card.max_speed_gtps, port.max_speed_gtps],
        ),
        Measurement("pcie.link.max_width", card.max_width, "1"),
        *_untested(card, parts),
        Measurement("pcie.link.max_speed_gtps", card.max_speed_gtps, "GT/s"),
    ]


def _untested(card: LinkState, parts: Parts) -> list[Measurement]:
    """An x4 card, or slot, says nothing of the adapter's other lanes: a pass covers half of the board."""
    exercised = min(card.max_width or parts.adapter.lanes, parts.slot.lanes)
    count = parts.adapter.lanes - exercised
    idle = f"lanes {exercised}-{parts.adapter.lanes - 1}"
    note = f"{idle} of this adapter carried nothing: accept boards with an x8 card in an x8 slot"
    return [Measurement("pcie.link.lanes_untested", count, "1", note)] if count > 0 else []


def _missing(name: str, unit: str, now: float | None, able: Sequence[float | None]) -> Measurement:
    """How much less than the least able end the link runs at."""
    known = [a for a in able if a is not None]
    if now is None or able[0] is None:
        return Measurement(name, None, unit, "the card's own capability or its link is not known")
    return Measurement(
        name, max(min(known) - now, 0), unit, f"has {now:g}, ends can {', '.join(f'{a:g}' for a in known)}"
    )


def _bars(found: Located, files: Mapping[str, Entry], told: Sequence[Event]) -> list[Measurement]:
    """BARs without an address, of all functions: by the resource file and by the kernel's last word on each."""
    failed = [bar for bar in failed_bars(told) if bar.harm is Harm.FATAL]
    lost = {function: _lost_bars(function, files, failed) for function in found.functions}
    count = sum(max(map(len, ways.values())) for ways in lost.values())
    notes = [
        f"function {f[-1]}: {said}" if f != found.endpoint else said for f, w in lost.items() if (said := _said(w))
    ]
    return [Measurement("pcie.bars.unassigned", count, "1", "; ".join(notes), "dmesg.txt")]


def _lost_bars(function: str, files: Mapping[str, Entry], failed: Sequence[FailedBar]) -> dict[str, list[str]]:
    """Who says so to the BARs that one function has without an address."""
    bars = sysfs.bars(text_of(files, f"{DEVICES}/{function}/resource") or "")
    return {
        "resource file": [str(b.index) for b in bars if b.index <= 5 and not b.assigned],
        "kernel": [b.resource for b in failed if b.device == function],
    }


def _said(lost: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{who}: {', '.join(bars)}" for who, bars in lost.items() if bars)


def _lane_errors(found: Located, verbose: Mapping[str, lspci.Device | None]) -> list[Measurement]:
    """LaneErrStat (8 GT/s devices and ports only): which lanes saw errors."""
    rows = []
    for end, device in verbose.items():
        if device is not None and device.lane_errors is not None:
            lanes = " ".join(map(str, device.lane_errors)) or "none"
            rows.append(Measurement(f"pcie.lane_errors.{end}", lanes, "", evidence=f"lspci-{end}.txt"))
    return rows
