"""Causes and masks: which cause reaches the machine on which vector.

Ref: Intel X540 datasheet sections 7.3 (interrupts), 8.2.3.5; Linux ixgbe_main.c (`ixgbe_configure_msix`,
`ixgbe_setup_gpie`, `ixgbe_irq_enable`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rig.twin.models.intel.interrupts import CauseInterrupts, CauseRegisters
from rig.twin.models.intel.vectors import VectorRegisters
from rig.twin.models.ixgbe.names import CAUSE_OTHERS, QUEUE_CAUSES, Register
from rig.twin.models.registers import RegisterFile

_WORDS = 2
"""The extended registers hold 64 vectors."""
_AT = CauseRegisters(Register.EICR, Register.EICS, Register.EIMS, Register.EIMC, Register.EIAM)
_VECTORS_AT = VectorRegisters(
    Register.GPIE, Register.IVAR, Register.IVAR_MISC, [Register.EIAM_EX + 4 * n for n in range(_WORDS)]
)


class Interrupts(CauseInterrupts):
    """One register of causes and masks for queues and all else; a second pair of the queues' alone."""

    def __init__(self, registers: RegisterFile, fire: Callable[[int], None]) -> None:
        super().__init__(registers, fire, _AT, _VECTORS_AT)
        on_write = registers.on_write
        for n in range(_WORDS):
            on_write[Register.EICS_EX + 4 * n] = partial(self._shifted, self._vectors.set, 32 * n)
            on_write[Register.EIMS_EX + 4 * n] = partial(self._shifted, self._vectors.enable, 32 * n)
            on_write[Register.EIMC_EX + 4 * n] = partial(self._shifted, self._vectors.disable, 32 * n)

    def queue(self, queue: int, transmit: bool) -> None:
        vector = self._vectors.of_queue(queue, transmit)
        if vector is None:
            return
        if self._vectors.msix:
            self._vectors.tell(vector)
        else:
            self.cause(1 << (vector & 0xF))

    def _tell_others(self, raised: int) -> None:
        if raised & CAUSE_OTHERS:
            vector = self._vectors.of_others()
            if vector is not None:
                self._fire(vector)

    # --- the registers ----------------------------------------------------------------------------------------

    def _set(self, value: int) -> None:
        if self._vectors.msix:
            self._vectors.set(value & QUEUE_CAUSES)
            value &= ~QUEUE_CAUSES
        self.cause(value)

    def _enable(self, value: int) -> None:
        if self._vectors.msix:
            self._vectors.enable(value & QUEUE_CAUSES)
        super()._enable(value)

    def _disable(self, value: int) -> None:
        super()._disable(value)
        if self._vectors.msix:
            self._vectors.disable(value & QUEUE_CAUSES)

    def _shifted(self, handler: Callable[[int], None], first: int, value: int) -> None:
        handler(value << first)
