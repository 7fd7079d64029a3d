"""Causes and masks: which cause reaches the machine on which vector.

Ref: Intel X540 datasheet sections 7.3 (interrupts), 8.2.3.5; Linux ixgbe_main.c (`ixgbe_configure_msix`,
`ixgbe_setup_gpie`, `ixgbe_irq_enable`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rig.twin.models.intel.vectors import VectorRegisters, Vectors
from rig.twin.models.ixgbe.names import CAUSE_OTHERS, QUEUE_CAUSES, Register
from rig.twin.models.registers import RegisterFile

_WORDS = 2
"""The extended registers hold 64 vectors."""
_AT = VectorRegisters(
    Register.GPIE, Register.IVAR, Register.IVAR_MISC, [Register.EIAM_EX + 4 * n for n in range(_WORDS)]
)


class Interrupts:
    """One register of causes and masks for queues and all else; a second pair of the queues' alone."""

    def __init__(self, registers: RegisterFile, fire: Callable[[int], None]) -> None:
        self._registers, self._fire = registers, fire
        self._vectors = Vectors(registers, fire, _AT)
        self._causes = self._enabled = 0
        on_read, on_write = registers.on_read, registers.on_write
        on_read[Register.EICR] = self._read_and_clear
        on_read[Register.EICS] = lambda: self._causes
        on_read[Register.EIMS] = on_read[Register.EIMC] = lambda: self._enabled
        on_write[Register.EICR] = self._clear
        on_write[Register.EICS] = self._set
        on_write[Register.EIMS] = self._enable
        on_write[Register.EIMC] = self._disable
        for n in range(_WORDS):
            on_write[Register.EICS_EX + 4 * n] = partial(self._shifted, self._vectors.set, 32 * n)
            on_write[Register.EIMS_EX + 4 * n] = partial(self._shifted, self._vectors.enable, 32 * n)
            on_write[Register.EIMC_EX + 4 * n] = partial(self._shifted, self._vectors.disable, 32 * n)

    def reset(self) -> None:
        """Everything masked, nothing pending."""
        self._causes = self._enabled = 0
        self._vectors.reset()

    def queue(self, queue: int, transmit: bool) -> None:
        """A queue has something for the driver."""
        vector = self._vectors.of_queue(queue, transmit)
        if vector is None:
            return
        if self._vectors.msix:
            self._vectors.tell(vector)
        else:
            self.cause(1 << (vector & 0xF))

    def cause(self, bits: int) -> None:
        """Something happened that is no queue's (or, without MSI-X, that is)."""
        self._causes |= bits
        self._others()

    def _others(self) -> None:
        if not self._causes & self._enabled:
            return
        if not self._vectors.msix:
            self._fire(0)
        elif self._causes & self._enabled & CAUSE_OTHERS:
            vector = self._vectors.of_others()
            if vector is not None:
                self._fire(vector)

    # --- the registers ----------------------------------------------------------------------------------------

    def _read_and_clear(self) -> int:
        found, self._causes = self._causes, 0
        if not self._vectors.msix:
            self._enabled &= ~self._registers.get(Register.EIAM)
        return found

    def _clear(self, value: int) -> None:
        self._causes &= ~value

    def _set(self, value: int) -> None:
        if self._vectors.msix:
            self._vectors.set(value & QUEUE_CAUSES)
            value &= ~QUEUE_CAUSES
        self.cause(value)

    def _enable(self, value: int) -> None:
        self._enabled |= value
        if self._vectors.msix:
            self._vectors.enable(value & QUEUE_CAUSES)
        self._others()

    def _disable(self, value: int) -> None:
        self._enabled &= ~value
        if self._vectors.msix:
            self._vectors.disable(value & QUEUE_CAUSES)

    def _shifted(self, handler: Callable[[int], None], first: int, value: int) -> None:
        handler(value << first)
