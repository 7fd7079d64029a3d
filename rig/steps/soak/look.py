"""What both ends of the link say after a trial, and what is wrong with it.

Ref: PCI Express Base Specification, Secondary PCI Express capability (id 0019h), Lane Error Status at offset 08h:
write 1 to clear, 8 GT/s and faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rig.expect import Parts
from rig.ports import HostPort
from rig.steps.enumeration import LINK_ATTRIBUTES, LinkState, link_state
from rig.steps.pci import (
    DEVICES,
    Errors,
    Located,
    correctable_between,
    read_errors,
    read_files,
    register,
    uncorrectable_between,
)

LANE_ERRORS = "ECAP19+8.l"
FRESH = Errors({}, 0)
"""Counts of a device at the beginning of a boot."""


@dataclass(frozen=True, slots=True)
class Due:
    """What every trial must bring back: the least that both ends, adapter and slot can do."""

    width: int
    speed_gtps: float
    correctable: int
    """Errors of an end that one trial may have at most."""


@dataclass(frozen=True, slots=True)
class Look:
    """The link as the card reports it, and the error counts of both ends."""

    link: LinkState
    errors: Mapping[str, Errors]
    """By end, `endpoint` and `root`."""


def ends_of(found: Located) -> dict[str, str]:
    return {"endpoint": found.endpoint, **({"root": found.port} if found.port else {})}


def look(host: HostPort, found: Located) -> Look:
    """One reading of both ends."""
    ends = ends_of(found)
    files = read_files(host, [f"{DEVICES}/{found.endpoint}/{name}" for name in LINK_ATTRIBUTES])
    errors = read_errors(host, list(ends.values()))
    return Look(link_state(files, found.endpoint), {end: errors[address] for end, address in ends.items()})


def due_of(host: HostPort, found: Located, parts: Parts, correctable: int) -> Due | None:
    """None: the link cannot be read now."""
    ends = list(ends_of(found).values())
    files = read_files(host, [f"{DEVICES}/{a}/{name}" for a in ends for name in LINK_ATTRIBUTES])
    card = link_state(files, found.endpoint)
    if card.width is None or card.speed_gtps is None:
        return None
    states = [link_state(files, a) for a in ends]
    widths = [s.max_width for s in states if s.max_width and card.max_width]
    speeds = [s.max_speed_gtps for s in states if s.max_speed_gtps and card.max_speed_gtps]
    width = min([*widths, parts.adapter.lanes, parts.slot.lanes]) if widths else card.width
    return Due(width, min(speeds) if speeds else card.speed_gtps, correctable)


def faults(due: Due, link: LinkState, correctable: Mapping[str, int | None], uncorrectable: Mapping[str, int | None]
           ) -> list[str]:  # fmt: skip
    """Why the trial failed, in short stable words; empty: it did not."""
    if link.width is None:
        return ["the card no longer answers"]
    found = [f"x{link.width} in place of x{due.width}"] if link.width < due.width else []
    if link.speed_gtps is None or link.speed_gtps < due.speed_gtps:
        found.append(f"{link.speed_gtps or 0:g} in place of {due.speed_gtps:g} GT/s")
    found += [f"uncorrectable errors at the {end}" for end, n in uncorrectable.items() if n]
    found += [f"correctable errors at the {end}" for end, n in correctable.items() if (n or 0) > due.correctable]
    return found


def counted(before: Mapping[str, Errors], after: Mapping[str, Errors]) -> tuple[dict[str, int | None], ...]:
    """Correctable and uncorrectable errors by end between two looks.

    None: the kernel does not count them, or a counter went back: it began anew in between.
    """
    ways = (correctable_between, uncorrectable_between)
    return tuple({end: _grown(between(before[end], now)) for end, now in after.items()} for between in ways)


def _grown(count: int | None) -> int | None:
    return count if count is not None and count >= 0 else None


class LaneErrors:
    """LaneErrStat of the ends that have one; read and cleared between trials."""

    def __init__(self, host: HostPort, found: Located, lanes: int) -> None:
        self._host, self._mask = host, (1 << lanes) - 1
        self._ends = {end: a for end, a in ends_of(found).items() if self._read(a) is not None}
        self.clear()

    def take(self) -> dict[str, list[int]]:
        """Lanes named since the last time, by end; an end that does not answer names none."""
        named = {end: self._read(address) or 0 for end, address in self._ends.items()}
        if any(named.values()):
            self.clear()
        return {end: [n for n in range(32) if bits >> n & 1] for end, bits in named.items() if bits}

    def clear(self) -> None:
        for address in self._ends.values():
            self._host.run(f"setpci -s {address} {LANE_ERRORS}={self._mask:08x}")

    def _read(self, address: str) -> int | None:
        found = register(self._host, address, LANE_ERRORS)
        return None if found is None else found & self._mask
