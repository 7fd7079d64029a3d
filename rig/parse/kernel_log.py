"""The rules for reading several kernel events together: retries, counts, what a failure means.

Ref: see `rig.parse.kernel_patterns`; Linux 6.1 drivers/pci/setup-bus.c (failures are logged before retries).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rig.parse.kernel_events import Event, Value, events
from rig.parse.kernel_patterns import Kind

__all__ = [
    "Bandwidth", "Event", "FailedBar", "Harm", "Kind", "aer_counts", "bandwidth", "events", "failed_bars",
    "symptoms",
]  # fmt: skip

_HOTPLUG_CODES = {
    "Cannot train link": "pcie.cannot_train",
    "Card not present": "pcie.not_present",
    "No device found": "pcie.not_present",
    "Link Down": "pcie.link_lost",
    "Power fault": "pcie.power_fault",
}


class Harm(enum.StrEnum):
    """What a BAR without a place means for a network card."""

    FATAL = "the driver cannot reach the card"
    VIRTUAL_FUNCTIONS = "SR-IOV does not work, the card does"
    ROM = "harmless: no network boot"
    IO = "harmless: the cards' drivers use memory BARs"
    BRIDGE = "devices behind this port may get no BARs"


@dataclass(frozen=True, slots=True)
class FailedBar:
    device: str
    resource: str
    """`BAR 2`, `VF BAR 0`, `ROM`, `bridge window`."""
    size: int | None
    """Bytes."""
    harm: Harm
    text: str

    @property
    def harmless(self) -> bool:
        """True: the card works without it."""
        return self.harm not in (Harm.FATAL, Harm.BRIDGE)


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """What the kernel or a driver said about a device's link; None where its version does not say."""

    device: str
    speed_gtps: float | None
    width: int | None
    rate_bps: float | None
    limited_by: str | None
    """The port whose link is the narrow one; None: not limited, or an old driver that does not say where."""
    capable_speed_gtps: float | None
    capable_width: int | None


def failed_bars(found: Iterable[Event]) -> tuple[FailedBar, ...]:
    """BARs whose last line is a failure: the kernel logs failures, retries, and then may succeed."""
    last: dict[tuple[str, str, str], Event] = {}
    for event in found:
        if event.kind is Kind.BAR and event.device:
            key = (event.device, str(event.detail["resource"]), _window(event))
            last.pop(key, None)
            last[key] = event
    return tuple(_failed(event) for event in last.values() if event.detail["outcome"] != "assigned")


def aer_counts(found: Iterable[Event]) -> Mapping[str, Mapping[str, int]]:
    """Errors by device and short name, as far as they were printed: a lower bound, a console drops lines."""
    counts: dict[str, dict[str, int]] = {}
    for event in found:
        if event.kind is Kind.AER_BIT and event.device:
            names = counts.setdefault(event.device, {})
            name = str(event.detail["name"])
            names[name] = names.get(name, 0) + 1
    return counts


def bandwidth(found: Iterable[Event]) -> Mapping[str, Bandwidth]:
    """The last word on each device's link; a driver that says it on two lines counts as one."""
    parts: dict[str, dict[str, Value]] = {}
    for event in found:
        if event.kind is Kind.BANDWIDTH and event.device:
            known = parts.setdefault(event.device, {})
            if known.keys() & event.detail.keys():
                known.clear()
            known.update(event.detail)
    return {device: _bandwidth(device, known) for device, known in parts.items()}


def symptoms(found: Iterable[Event], device: str | None = None) -> tuple[str, ...]:
    """Stable codes of what went wrong, in order of first appearance; `device`: only at this address.

    The codes of `kernel_patterns.FAULTS` and `HINTS`, and `pcie.cannot_train` (pciehp sees the card, the link
    does not train), `pcie.not_present`, `pcie.link_lost`, `pcie.power_fault`, `pcie.contained` (DPC),
    `pcie.limited` (narrow or slow somewhere on the path), `pci.bar_failed` (a BAR the driver needs).
    """
    mine = [event for event in found if device in (None, event.device)]
    codes = [code for event in mine if (code := _code(event)) is not None]
    lost = ["pci.bar_failed"] if any(not bar.harmless for bar in failed_bars(mine)) else []
    return tuple(dict.fromkeys(codes + lost))


def _code(event: Event) -> str | None:
    if event.kind in (Kind.FAULT, Kind.HINT):
        return str(event.detail["code"])
    if event.kind is Kind.HOTPLUG:
        what = str(event.detail["what"]).partition(":")[0]
        return _HOTPLUG_CODES.get(what)
    if event.kind is Kind.BANDWIDTH:
        return "pcie.limited" if "limited_by" in event.detail else None
    return "pcie.contained" if event.kind is Kind.CONTAINED else None


def _window(event: Event) -> str:
    """A port has several windows of one name; a BAR has one place whatever its space is called."""
    return str(event.detail["space"]) if event.detail["resource"] == "bridge window" else ""


def _failed(event: Event) -> FailedBar:
    size = event.detail.get("size")
    resource = str(event.detail["resource"])
    harm = _harm(resource, str(event.detail["space"]))
    return FailedBar(event.device or "", resource, size if isinstance(size, int) else None, harm, event.text)


def _harm(resource: str, space: str) -> Harm:
    by_name = {"ROM": Harm.ROM, "bridge window": Harm.BRIDGE}
    if resource.startswith("VF "):
        return Harm.VIRTUAL_FUNCTIONS
    return by_name.get(resource) or (Harm.IO if space.startswith("io") else Harm.FATAL)


def _bandwidth(device: str, parts: Mapping[str, Value]) -> Bandwidth:
    def number(key: str) -> float | None:
        value = parts.get(key)
        return float(value) if isinstance(value, int | float) else None

    width, capable, gbps = number("width"), number("capable_width"), number("gbps")
    return Bandwidth(
        device=device,
        speed_gtps=number("speed_gtps"),
        width=int(width) if width is not None else None,
        rate_bps=gbps * 1e9 if gbps is not None else None,
        limited_by=str(parts["limited_by"]) if "limited_by" in parts else None,
        capable_speed_gtps=number("capable_speed_gtps"),
        capable_width=int(capable) if capable is not None else None,
    )
