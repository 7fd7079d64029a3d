"""MSI-X vectors: which reach the machine when, and only once while the driver works on what they told.

Ref: Intel X540 datasheet section 7.3, Intel I350 datasheet section 7.3 (interrupts); Linux ixgbe_main.c
(`ixgbe_configure_msix`, `ixgbe_irq_enable`), igb_main.c (`igb_write_ivar`, `igb_irq_enable`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.twin.models.registers import RegisterFile

GPIE_MSIX, GPIE_AUTOMASK = 1 << 4, 1 << 30
_VALID, _VECTOR = 0x80, 0x3F


@dataclass(frozen=True, slots=True)
class VectorRegisters:
    """Where a controller has the registers behind its vectors."""

    gpie: int
    ivar: int
    ivar_misc: int
    automask: Sequence[int]
    """EIAM, 32 vectors each."""


class Vectors:
    """A vector fires when it is enabled, masks itself, and fires again when the driver is done with it."""

    def __init__(self, registers: RegisterFile, fire: Callable[[int], None], at: VectorRegisters) -> None:
        self._get, self._fire, self._at = registers.get, fire, at
        self.enabled = self._pending = 0

    def reset(self) -> None:
        """Everything masked, nothing pending."""
        self.enabled = self._pending = 0

    @property
    def msix(self) -> bool:
        """Vectors are used; False: there is one interrupt for all."""
        return bool(self._get(self._at.gpie) & GPIE_MSIX)

    def of_queue(self, queue: int, transmit: bool) -> int | None:
        """The vector that the driver gave a queue; None: none."""
        return _valid(self._get(self._at.ivar + 4 * (queue >> 1)) >> (16 * (queue & 1) + 8 * transmit))

    def of_others(self) -> int | None:
        """The vector of what is no queue's; None: the driver gave it none."""
        return _valid(self._get(self._at.ivar_misc) >> 8)

    def tell(self, vector: int) -> None:
        """It fires now, or when it is unmasked."""
        bit = 1 << vector
        if not self.enabled & bit:
            self._pending |= bit
            return
        self._pending &= ~bit
        if self._get(self._at.gpie) & GPIE_AUTOMASK and self._automask & bit:
            self.enabled &= ~bit
        self._fire(vector)

    def set(self, value: int) -> None:
        """The driver raises vectors itself."""
        for vector in _bits(value):
            self.tell(vector)

    def enable(self, value: int) -> None:
        self.enabled |= value
        for vector in _bits(self._pending & self.enabled):
            self.tell(vector)

    def disable(self, value: int) -> None:
        self.enabled &= ~value

    @property
    def _automask(self) -> int:
        return sum(self._get(at) << 32 * n for n, at in enumerate(self._at.automask))


def _valid(entry: int) -> int | None:
    return entry & _VECTOR if entry & _VALID else None


def _bits(value: int) -> list[int]:
    return [n for n in range(value.bit_length()) if value >> n & 1]
