"""The 10GBASE-T PHY of the X540 behind MDIO, clause 45.

Ref: IEEE 802.3 clause 45 (devices 1, 3, 4, 7); Linux ixgbe_phy.c, ixgbe_type.h (`X540_PHY_ID`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rig.twin.models.ixgbe.names import Register
from rig.twin.models.registers import RegisterFile

_COMMAND, _MASK_DEVICE, _MASK_PORT = 1 << 30, 0x1F, 0x1F
_SET_ADDRESS, _WRITE, _READ_NEXT = 0, 1, 2
_NOBODY = 0xFFFF
_PMA, _PCS, _XS, _AN = 1, 3, 4, 7
_ALWAYS: Mapping[tuple[int, int], int] = {
    (_PMA, 2): 0x0154, (_PMA, 3): 0x0200, (_PMA, 4): 0x0031, (_PMA, 5): 0x009A, (_PMA, 8): 0x8000,
    (_PCS, 8): 0x8000, (_XS, 8): 0x8000, (_AN, 8): 0x8000,
    # what it offers at power-on: 100 Mb/s with both kinds of pause, 10 Gb/s, 1 Gb/s
    (_AN, 0x10): 0x0D01, (_AN, 0x20): 0x1001, (_AN, 0xC400): 0xC000,
    (0x1E, 0xC400): 0x0001,
}  # fmt: skip
_LINKED: Mapping[tuple[int, int], int] = {(_PMA, 1): 0x0004, (_AN, 1): 0x002C, (_AN, 0x13): 0x0C00, (_AN, 0x21): 0x0800}
_OFFERS = (
    (10_000_000_000, (_AN, 0x20), 0x1000),
    (1_000_000_000, (_AN, 0xC400), 0xC000),
    (100_000_000, (_AN, 0x10), 0x0100),
)


class Phy:
    """Answers at MDIO address 0; keeps what the driver writes until power-on."""

    def __init__(self, carrier: Callable[[], int | None]) -> None:
        self._carrier = carrier
        self._written: dict[tuple[int, int], int] = {}
        self._address = 0

    def attach(self, registers: RegisterFile, retrained: Callable[[], None]) -> None:
        """Answer for the register pair MSCA (command) and MSRWD (data); call when the driver made the rate another."""

        def command(value: int) -> None:
            if value & _COMMAND:
                before = self.rate_bps()
                self._run(value, registers)
                if self.rate_bps() != before:
                    retrained()
            registers.values[Register.MSCA] = value & ~_COMMAND

        registers.on_write[Register.MSCA] = command

    def power_on(self) -> None:
        self._written.clear()

    def rate_bps(self) -> int | None:
        """The fastest rate that cable and partner allow and the driver lets it offer."""
        allowed = self._carrier()
        if allowed is None:
            return None
        return next((rate for rate, at, bits in _OFFERS if rate <= allowed and self._word(at) & bits), None)

    def _run(self, value: int, registers: RegisterFile) -> None:
        device, port, operation = value >> 16 & _MASK_DEVICE, value >> 21 & _MASK_PORT, value >> 26 & 3
        if operation == _SET_ADDRESS:
            self._address = value & 0xFFFF
        elif operation == _WRITE:
            if port == 0:
                self._written[device, self._address] = registers.get(Register.MSRWD) & 0xFFFF
        else:
            word = self._word((device, self._address)) if port == 0 else _NOBODY
            registers.values[Register.MSRWD] = word << 16
            self._address += operation == _READ_NEXT

    def _word(self, at: tuple[int, int]) -> int:
        if at in self._written:
            return self._written[at]
        if at in _LINKED:
            return _LINKED[at] if self._carrier() is not None else 0
        return _ALWAYS.get(at, 0)
