"""Causes and masks: which cause reaches the machine on which vector.

Ref: Intel I350 datasheet sections 7.3 (interrupts), 8.8; Linux igb_main.c (`igb_configure_msix`, `igb_irq_enable`,
`igb_msix_other`, `igb_intr_msi`), igb_ethtool.c (`igb_intr_test`).
"""

from __future__ import annotations

from collections.abc import Callable

from rig.twin.models.igb import names
from rig.twin.models.igb.names import Register
from rig.twin.models.intel.interrupts import CauseInterrupts, CauseRegisters
from rig.twin.models.intel.vectors import VectorRegisters
from rig.twin.models.registers import RegisterFile

_AT = CauseRegisters(Register.ICR, Register.ICS, Register.IMS, Register.IMC, Register.IAM)
_VECTORS_AT = VectorRegisters(Register.GPIE, Register.IVAR, Register.IVAR_MISC, (Register.EIAM,))


class Interrupts(CauseInterrupts):
    """ICR and IMS hold causes, EICS and EIMS vectors; a cause that is no queue's goes by a vector of its own."""

    def __init__(self, registers: RegisterFile, fire: Callable[[int], None]) -> None:
        super().__init__(registers, fire, _AT, _VECTORS_AT)
        on_read, on_write = registers.on_read, registers.on_write
        on_read[Register.EIMS] = on_read[Register.EIMC] = lambda: self._vectors.enabled
        on_write[Register.EICS] = self._vectors.set
        on_write[Register.EIMS] = self._vectors.enable
        on_write[Register.EIMC] = self._vectors.disable

    def queue(self, queue: int, transmit: bool) -> None:
        if not self._vectors.msix:
            self.cause(names.CAUSE_TX_DONE if transmit else names.CAUSE_RX_TIMER)
            return
        vector = self._vectors.of_queue(queue, transmit)
        if vector is not None:
            self._vectors.tell(vector)

    def _tell_others(self, raised: int) -> None:
        vector = self._vectors.of_others()
        if vector is not None:
            self._vectors.tell(vector)

    def _read_and_clear(self) -> int:
        asserted = names.CAUSE_ASSERTED if self._causes & self._enabled else 0
        return super()._read_and_clear() | asserted
