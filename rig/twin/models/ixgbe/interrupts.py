"""Causes, masks and vectors: which cause reaches the machine when, and only once while the driver works on it.

Ref: Intel X540 datasheet sections 7.3 (interrupts), 8.2.3.5; Linux ixgbe_main.c (`ixgbe_configure_msix`,
`ixgbe_setup_gpie`, `ixgbe_irq_enable`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rig.twin.models.ixgbe.names import (
    CAUSE_OTHERS,
    GPIE_AUTOMASK,
    GPIE_MSIX,
    IVAR_VALID,
    IVAR_VECTOR,
    QUEUE_CAUSES,
    Register,
)
from rig.twin.models.registers import RegisterFile

_WORDS = 2
"""The extended registers hold 64 vectors."""


class Interrupts:
    """A queue's vector fires when it is enabled, masks itself, and fires again when the driver is done with it."""

    def __init__(self, registers: RegisterFile, fire: Callable[[int], None]) -> None:
        self._registers, self._fire = registers, fire
        self._causes = self._enabled = self._vectors_on = self._pending = 0
        on_read, on_write = registers.on_read, registers.on_write
        on_read[Register.EICR] = self._read_and_clear
        on_read[Register.EICS] = lambda: self._causes
        on_read[Register.EIMS] = on_read[Register.EIMC] = lambda: self._enabled
        on_write[Register.EICR] = self._clear
        on_write[Register.EICS] = self._set
        on_write[Register.EIMS] = self._enable
        on_write[Register.EIMC] = self._disable
        for n in range(_WORDS):
            on_write[Register.EICS_EX + 4 * n] = partial(self._set_vectors, 32 * n)
            on_write[Register.EIMS_EX + 4 * n] = partial(self._enable_vectors, 32 * n)
            on_write[Register.EIMC_EX + 4 * n] = partial(self._disable_vectors, 32 * n)

    def reset(self) -> None:
        """Everything masked, nothing pending."""
        self._causes = self._enabled = self._vectors_on = self._pending = 0

    def queue(self, queue: int, transmit: bool) -> None:
        """A queue has something for the driver."""
        table = self._registers.get(Register.IVAR + 4 * (queue >> 1))
        entry = table >> (16 * (queue & 1) + 8 * transmit) & 0xFF
        if not entry & IVAR_VALID:
            return
        if self._msix:
            self._vector(entry & IVAR_VECTOR)
        else:
            self.cause(1 << (entry & 0xF))

    def cause(self, bits: int) -> None:
        """Something happened that is no queue's (or, without MSI-X, that is)."""
        self._causes |= bits
        self._others()

    @property
    def _msix(self) -> bool:
        return bool(self._registers.get(Register.GPIE) & GPIE_MSIX)

    def _vector(self, vector: int) -> None:
        bit = 1 << vector
        if not self._vectors_on & bit:
            self._pending |= bit
            return
        self._pending &= ~bit
        if self._registers.get(Register.GPIE) & GPIE_AUTOMASK and self._automask & bit:
            self._vectors_on &= ~bit
        self._fire(vector)

    @property
    def _automask(self) -> int:
        get = self._registers.get
        return get(Register.EIAM_EX) | get(Register.EIAM_EX + 4) << 32

    def _others(self) -> None:
        if not self._causes & self._enabled:
            return
        if not self._msix:
            self._fire(0)
        elif self._causes & self._enabled & CAUSE_OTHERS:
            entry = self._registers.get(Register.IVAR_MISC) >> 8
            if entry & IVAR_VALID:
                self._fire(entry & IVAR_VECTOR)

    # --- the registers ----------------------------------------------------------------------------------------

    def _read_and_clear(self) -> int:
        found, self._causes = self._causes, 0
        if not self._msix:
            self._enabled &= ~self._registers.get(Register.EIAM)
        return found

    def _clear(self, value: int) -> None:
        self._causes &= ~value

    def _set(self, value: int) -> None:
        if self._msix:
            self._set_vectors(0, value & QUEUE_CAUSES)
            value &= ~QUEUE_CAUSES
        self.cause(value)

    def _enable(self, value: int) -> None:
        self._enabled |= value
        if self._msix:
            self._enable_vectors(0, value & QUEUE_CAUSES)
        self._others()

    def _disable(self, value: int) -> None:
        self._enabled &= ~value
        if self._msix:
            self._vectors_on &= ~(value & QUEUE_CAUSES)

    def _set_vectors(self, first: int, value: int) -> None:
        for n in _bits(value):
            self._vector(first + n)

    def _enable_vectors(self, first: int, value: int) -> None:
        self._vectors_on |= value << first
        for vector in _bits(self._pending & self._vectors_on):
            self._vector(vector)

    def _disable_vectors(self, first: int, value: int) -> None:
        self._vectors_on &= ~(value << first)


def _bits(value: int) -> list[int]:
    return [n for n in range(value.bit_length()) if value >> n & 1]
