"""Which registers get an address behind the root port, and what the kernel says of those that do not.

Ref: Linux 6.1 drivers/pci/setup-bus.c (`__assign_resources_sorted`), setup-res.c (`pci_assign_resource`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rig.config.twin import TwinHost
from rig.twin.host import pci
from rig.twin.host.device import bdf_of
from rig.twin.host.resources import FIRST_FREE, Resource, programmed, unplaced
from rig.twin.view import Bar, Function

_IOV_RESOURCES = 7
"""First row of the virtual functions in the kernel's table. Ref: Linux include/linux/pci.h PCI_IOV_RESOURCES."""
_ADVICE = "pci_bus 0000:00: Some PCI device resources are unassigned, try booting with pci=realloc"
_REALLOC = "pci_bus 0000:00: Automatically enabled pci realloc, if you have problem, try booting with pci=realloc=off"
Place = tuple[int, int]
"""Function and row of its table of resources."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How a kernel tells of a register as it finds it, and of what became of it."""

    found: str
    virtual: str
    """Of the virtual functions' registers."""
    assigned: str
    no_space: str
    failed: str


WORDINGS: Mapping[str, Wording] = MappingProxyType({
    "6.1": Wording(
        "{name} {at}", "{name} {at}: contains BAR {number} for {copies} VFs",
        "{name} {at}: assigned", "{name} {at}: can't assign; no space", "{name} {at}: failed to assign",
    ),
    "5.10": Wording(
        "reg {offset:#x}: {at}", "VF(n) BAR{number} space: {at} (contains BAR{number} for {copies} VFs)",
        "BAR {row}: assigned {at}", "BAR {row}: no space for {at}", "BAR {row}: failed to assign {at}",
    ),
})  # fmt: skip
"""Kernel to its words: 6.1.192 has those of 6.8 (its own lines, but for those of virtual functions: iov.c of 6.8)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A register that needs a place; `copies` is how many virtual functions share it, 0 for one of the card's own."""

    function: int
    number: int
    bar: Bar
    copies: int = 0

    @property
    def size(self) -> int:
        return self.bar.size * (self.copies or 1)

    @property
    def name(self) -> str:
        return f"{'VF ' if self.copies else ''}BAR {self.number}"

    @property
    def row(self) -> int:
        return self.number + (_IOV_RESOURCES if self.copies else 0)

    @property
    def place(self) -> Place:
        return self.function, self.row


@dataclass(frozen=True, slots=True)
class Placed:
    """What came of placing the registers of some functions."""

    resources: Mapping[Place, Resource]
    """Those that have a place."""
    by_firmware: frozenset[Place]
    """Those that had it before the kernel looked."""
    texts: tuple[str, ...] = ()
    """What the kernel says of those it had to place itself."""

    def of(self, function: int) -> Mapping[int, Resource]:
        """The function's own registers that have a place, by number."""
        return {row: r for (f, row), r in self.resources.items() if f == function and row < _IOV_RESOURCES}

    def found(self, wanted: Wanted) -> Resource:
        """The register as the kernel first read it: at 0 where firmware had given it no place."""
        here = wanted.place in self.by_firmware
        return self.resources[wanted.place] if here else Resource(0, wanted.size, wanted.bar.kind)


class Window:
    """The prefetchable window of a root port: `size` bytes from `base`, handed out naturally aligned."""

    def __init__(self, base: int, size: int) -> None:
        self._base, self._size = base, size
        self._taken: dict[Place, Resource] = {}

    def take(self, wanted: Wanted) -> Resource | None:
        """The lowest free place for it; None: there is none."""
        for low in sorted({self._base, *(r.end + 1 for r in self._taken.values())}):
            resource = Resource(-(-low // wanted.bar.size) * wanted.bar.size, wanted.size, wanted.bar.kind)
            if self._is_free(resource):
                self._taken[wanted.place] = resource
                return resource
        return None

    def keep(self, wanted: Wanted, start: int) -> Resource | None:
        """The register stays at `start`; None: that is no free place of this window."""
        self._taken.pop(wanted.place, None)
        resource = Resource(start, wanted.size, wanted.bar.kind)
        if not self._is_free(resource):
            return None
        self._taken[wanted.place] = resource
        return resource

    def release(self, places: Iterable[Place]) -> None:
        for place in places:
            self._taken.pop(place, None)

    def _is_free(self, wanted: Resource) -> bool:
        inside = self._base <= wanted.start and wanted.end < self._base + self._size
        return inside and not any(r.start <= wanted.end and wanted.start <= r.end for r in self._taken.values())


class Allocator:
    """Hands out addresses behind one root port.

    `window`: the prefetchable window the BIOS gives and fills itself at boot, the largest register first, until one
    does not fit; None: there is room for all. What the kernel cannot place there has no place: the window below
    4 GiB has room for the registers that must be there and for nothing else.
    """

    def __init__(self, window: Window | None = None, wording: Wording = WORDINGS["6.1"]) -> None:
        self._window, self._wording = window, wording
        self._next = dict(FIRST_FREE)
        self._is_boot = True

    def place(self, functions: Sequence[Function]) -> Placed:
        """Every register of these functions: where its configuration space already says, else a free place."""
        configs = {f.number: f.config for f in functions}
        everything = [w for f in functions for w in wanted(f)]
        tight = [w for w in everything if self._window is not None and w.bar.kind == "pref64"]
        roomy = {w.place: self._roomy(configs[w.function], w) for w in everything if w not in tight}
        if self._window is None:
            return Placed(roomy, frozenset(roomy))
        found = self._at_boot(self._window, tight) if self._is_boot else self._later(self._window, configs, tight)
        self._is_boot = False
        rest = [w for w in tight if w.place not in found]
        own, texts = _assign(self._window, rest, self._wording)
        return Placed({**roomy, **found, **own}, frozenset((*roomy, *found)), tuple(texts))

    def registers(self, function: Function, placed: Placed) -> list[str]:
        """What the kernel says of each register when it finds the function."""
        words = self._wording
        return [_said(words.virtual if w.copies else words.found, w, placed.found(w)) for w in wanted(function)]

    def _at_boot(self, window: Window, tight: Sequence[Wanted]) -> dict[Place, Resource]:
        found: dict[Place, Resource] = {}
        for w in sorted(tight, key=lambda w: -w.size):
            if (resource := window.take(w)) is None:
                break
            found[w.place] = resource
        return found

    def _later(self, window: Window, configs: Mapping[int, bytes], tight: Sequence[Wanted]) -> dict[Place, Resource]:
        """A device that was removed and is found again still holds the addresses it was given."""
        window.release(w.place for w in tight if w.copies)
        held = [w for w in tight if not w.copies]
        kept = {w.place: window.keep(w, programmed(configs[w.function], w.number, w.bar.kind)) for w in held}
        return {place: resource for place, resource in kept.items() if resource is not None}

    def _roomy(self, config: bytes, w: Wanted) -> Resource:
        start = 0 if w.copies else programmed(config, w.number, w.bar.kind)
        return Resource(start or self._take(w), w.size, w.bar.kind)

    def _take(self, w: Wanted) -> int:
        window = "mem32" if w.bar.kind == "mem64" else w.bar.kind
        start = -(-self._next[window] // w.bar.size) * w.bar.size
        self._next[window] = start + w.size
        return start


def allocator(config: TwinHost, bridge: bytes) -> Allocator:
    """What the test host's BIOS and kernel place behind `bridge` (its configuration space)."""
    base = pci.prefetchable_base(bridge) or FIRST_FREE["pref64"]
    window = None if config.window_mib is None else Window(base, config.window_mib << 20)
    return Allocator(window, WORDINGS[config.kernel_format])


def wanted(function: Function) -> list[Wanted]:
    """The function's own registers, then those of the virtual functions it offers."""
    own = [Wanted(function.number, n, bar) for n, bar in sorted(function.bars.items())]
    virtual = [Wanted(function.number, n, bar, function.vfs) for n, bar in sorted(function.vf_bars.items())]
    return [*own, *(virtual if function.vfs else ())]


def _assign(window: Window, rest: Sequence[Wanted], wording: Wording) -> tuple[dict[Place, Resource], list[str]]:
    """Place what firmware left: all of it, or, where that fails, first what must be and then what may be.

    The registers of virtual functions are optional to the kernel; the largest alignment goes first.
    """
    ordered = sorted(rest, key=lambda w: -w.bar.size)
    must, may = [w for w in ordered if not w.copies], [w for w in ordered if w.copies]
    placed, texts = _try(window, ordered, wording)
    if may and len(placed) < len(ordered):
        window.release(placed)
        placed, again = _try(window, [*must, *may], wording)
        texts += again
    if any(w.place not in placed for w in must):
        texts.append(_REALLOC if may else _ADVICE)
    return placed, texts


def _try(window: Window, ordered: Sequence[Wanted], wording: Wording) -> tuple[dict[Place, Resource], list[str]]:
    placed: dict[Place, Resource] = {}
    texts: list[str] = []
    for w in ordered:
        resource = window.take(w)
        if resource is not None:
            placed[w.place] = resource
        words = (wording.assigned,) if resource else (wording.no_space, wording.failed)
        texts += [_said(text, w, resource or unplaced(w.size, w.bar.kind)) for text in words]
    return placed, texts


def _said(words: str, w: Wanted, at: Resource | str) -> str:
    offset = pci.BAR0 + 4 * w.number
    said = words.format(name=w.name, row=w.row, offset=offset, number=w.number, copies=w.copies, at=at)
    return f"pci {bdf_of(w.function)}: {said}"
