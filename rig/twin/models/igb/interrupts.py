"""Causes and masks: which cause reaches the machine on which vector.

Ref: Intel I350 datasheet sections 7.3 (interrupts), 8.8; Linux igb_main.c (`igb_configure_msix`, `igb_irq_enable`,
`igb_msix_other`, `igb_intr_msi`), igb_ethtool.c (`igb_intr_test`).
"""

from __future__ import annotations

from collections.abc import Callable

from rig.twin.models.igb import names
from rig.twin.models.igb.names import Register
from rig.twin.models.intel.vectors import VectorRegisters, Vectors
from rig.twin.models.registers import RegisterFile

_AT = VectorRegisters(Register.GPIE, Register.IVAR, Register.IVAR_MISC, (Register.EIAM,))


class Interrupts:
    """ICR and IMS hold causes, EICS and EIMS vectors; a cause that is no queue's goes by a vector of its own."""

    def __init__(self, registers: RegisterFile, fire: Callable[[int], None]) -> None:
        self._registers, self._fire = registers, fire
        self._vectors = Vectors(registers, fire, _AT)
        self._causes = self._enabled = 0
        on_read, on_write = registers.on_read, registers.on_write
        on_read[Register.ICR] = self._read_and_clear
        on_read[Register.ICS] = lambda: self._causes
        on_read[Register.IMS] = on_read[Register.IMC] = lambda: self._enabled
        on_read[Register.EIMS] = on_read[Register.EIMC] = lambda: self._vectors.enabled
        on_write[Register.ICR] = self._clear
        on_write[Register.ICS] = self.cause
        on_write[Register.IMS] = self._enable
        on_write[Register.IMC] = self._disable
        on_write[Register.EICS] = self._vectors.set
        on_write[Register.EIMS] = self._vectors.enable
        on_write[Register.EIMC] = self._vectors.disable

    def reset(self) -> None:
        """Everything masked, nothing pending."""
        self._causes = self._enabled = 0
        self._vectors.reset()

    def queue(self, queue: int, transmit: bool) -> None:
        """A queue has something for the driver."""
        if not self._vectors.msix:
            self.cause(names.CAUSE_TX_DONE if transmit else names.CAUSE_RX_TIMER)
            return
        vector = self._vectors.of_queue(queue, transmit)
        if vector is not None:
            self._vectors.tell(vector)

    def cause(self, bits: int) -> None:
        """Something happened that is no queue's (or, without MSI-X, that is)."""
        self._causes |= bits
        self._others()

    def _others(self) -> None:
        if not self._causes & self._enabled:
            return
        if not self._vectors.msix:
            self._fire(0)
            return
        vector = self._vectors.of_others()
        if vector is not None:
            self._vectors.tell(vector)

    # --- the registers ----------------------------------------------------------------------------------------

    def _read_and_clear(self) -> int:
        asserted = names.CAUSE_ASSERTED if self._causes & self._enabled else 0
        found, self._causes = self._causes | asserted, 0
        if not self._vectors.msix:
            self._enabled &= ~self._registers.get(Register.IAM)
        return found

    def _clear(self, value: int) -> None:
        self._causes &= ~value

    def _enable(self, value: int) -> None:
        self._enabled |= value
        self._others()

    def _disable(self, value: int) -> None:
        self._enabled &= ~value
