"""Causes and their mask, as every generation has them; what reaches the machine on which vector is a subclass's.

Ref: Intel X540 datasheet section 7.3, Intel I350 datasheet section 7.3 (interrupts).
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass

from rig.twin.models.intel.vectors import VectorRegisters, Vectors
from rig.twin.models.registers import RegisterFile


@dataclass(frozen=True, slots=True)
class CauseRegisters:
    """Where a controller has the registers of its causes."""

    read: int
    """ICR, or EICR."""
    set: int
    enable: int
    disable: int
    automask: int
    """What a read of the causes masks, without MSI-X."""


class CauseInterrupts(abc.ABC):
    """Causes wait until they are unmasked; every method is called under the port's lock."""

    def __init__(
        self, registers: RegisterFile, fire: Callable[[int], None], at: CauseRegisters, vectors: VectorRegisters
    ) -> None:
        self._registers, self._fire, self._at = registers, fire, at
        self._vectors = Vectors(registers, fire, vectors)
        self._causes = self._enabled = 0
        on_read, on_write = registers.on_read, registers.on_write
        on_read[at.read], on_write[at.read] = self._read_and_clear, self._clear
        on_read[at.set], on_write[at.set] = lambda: self._causes, self._set
        on_read[at.enable] = on_read[at.disable] = lambda: self._enabled
        on_write[at.enable], on_write[at.disable] = self._enable, self._disable

    @abc.abstractmethod
    def queue(self, queue: int, transmit: bool) -> None:
        """A queue has something for the driver."""

    @abc.abstractmethod
    def _tell_others(self, raised: int) -> None:
        """Causes of which some are unmasked, with MSI-X: by a vector of their own."""

    def reset(self) -> None:
        """Everything masked, nothing pending."""
        self._causes = self._enabled = 0
        self._vectors.reset()

    def cause(self, bits: int) -> None:
        """Something happened that is no queue's (or, without MSI-X, that is)."""
        self._causes |= bits
        self._others()

    def _others(self) -> None:
        raised = self._causes & self._enabled
        if not raised:
            return
        if self._vectors.msix:
            self._tell_others(raised)
        else:
            self._fire(0)

    # --- the registers ----------------------------------------------------------------------------------------

    def _read_and_clear(self) -> int:
        found, self._causes = self._causes, 0
        if not self._vectors.msix:
            self._enabled &= ~self._registers.get(self._at.automask)
        return found

    def _clear(self, value: int) -> None:
        self._causes &= ~value

    def _set(self, value: int) -> None:
        self.cause(value)

    def _enable(self, value: int) -> None:
        self._enabled |= value
        self._others()

    def _disable(self, value: int) -> None:
        self._enabled &= ~value
