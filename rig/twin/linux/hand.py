"""The experimenter's hidden hand in the guest: a second serial line that says when it is up, and raises errors.

What the link loses a kernel learns from messages that QEMU cannot send for a card outside it; the kernel's own
aer_inject module hands them to the kernel's own handler. Its line "aer_inject: Injecting errors" stays in the log.
Ref: Linux drivers/pci/pcie/aer_inject.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rig.twin.pci import CORRECTABLE_BITS

CARD, ROOT_PORT = (1, 0, 0), (0, 1, 0)
"""Bus, device, function."""
MOST_AT_ONCE = 40
"""Errors handed over in one look; a kernel counts no more than it can handle."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Correctable errors to raise at one device: each a set of bits of its status register."""

    where: tuple[int, int, int]
    raised: tuple[int, ...]

    def line(self) -> str:
        """What the hand is told; nothing where there is none."""
        bus, device, function = self.where
        masks = " ".join(f"{bits:x}" for bits in self.raised)
        return f"aer {bus:x} {device:x} {function:x} 0 {masks}" if masks else ""


class ErrorFeed:
    """Turns counters of the model into errors that the kernel counts itself."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int, int], dict[str, int]] = {}

    def due(self, where: tuple[int, int, int], counts: Mapping[str, int] | None) -> Errors:
        """What came since the last call; counters that started anew count from 0."""
        now = dict(counts or {})
        before = self._seen.get(where, {})
        if any(now.get(name, 0) < n for name, n in before.items()):
            before = {}
        fresh = {name: n - before.get(name, 0) for name, n in now.items()}
        rounds = min(max(fresh.values(), default=0), MOST_AT_ONCE)
        raised = [_bits(name for name, n in fresh.items() if n > turn) for turn in range(rounds)]
        self._seen[where] = now
        return Errors(where, tuple(raised))

    def forget(self) -> None:
        """A new power-on: the kernel's counters are at 0 too."""
        self._seen.clear()


def _bits(names: Iterable[str]) -> int:
    return sum(1 << CORRECTABLE_BITS[name] for name in names)
