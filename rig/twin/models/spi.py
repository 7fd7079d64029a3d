"""A serial EEPROM that a driver clocks bit by bit.

Ref: Atmel AT25256 datasheet (instructions); Linux ixgbe_common.c (`ixgbe_write_eeprom_buffer_bit_bang`).
"""

from __future__ import annotations

from collections.abc import Callable

_WRITE, _READ, _DISABLE, _STATUS, _ENABLE = 0x02, 0x03, 0x04, 0x05, 0x06
_ENABLED = 0x02
_ADDRESS_BITS = 16


class SpiEeprom:
    """Bytes behind select, clock and two data lines; `stored` is called when a write ends."""

    def __init__(self, content: bytearray, stored: Callable[[], None]) -> None:
        self._content, self._stored = content, stored
        self._selected = self._clock = self._enabled = False
        self._out = True
        self._bits = self._shift = self._opcode = self._at = 0
        self._written = False

    @property
    def out(self) -> bool:
        """The part's data line."""
        return self._out

    def drive(self, selected: bool, clock: bool, data: bool) -> None:
        """The driver sets its lines."""
        if selected and not self._selected:
            self._bits = self._shift = self._opcode = 0
            self._out = True
        elif self._selected and not selected:
            self._end()
        elif selected and clock and not self._clock:
            self._rise(data)
        self._selected, self._clock = selected, clock

    def _rise(self, data: bool) -> None:
        if self._opcode == _READ and self._bits >= 8 + _ADDRESS_BITS:
            self._send(self._content[self._at % len(self._content)], self._bits % 8)
            self._at += self._bits % 8 == 7
        elif self._opcode == _STATUS and self._bits >= 8:
            self._send(_ENABLED if self._enabled else 0, self._bits % 8)
        else:
            self._shift = self._shift << 1 | data
        self._bits += 1
        if self._bits == 8:
            self._begin(self._shift & 0xFF)
        elif self._bits == 8 + _ADDRESS_BITS and self._opcode in (_READ, _WRITE):
            self._at = self._shift & 0xFFFF
        elif self._bits > 8 + _ADDRESS_BITS and self._bits % 8 == 0 and self._opcode == _WRITE:
            self._store(self._shift & 0xFF)

    def _begin(self, opcode: int) -> None:
        self._opcode = opcode
        if opcode == _ENABLE:
            self._enabled = True
        elif opcode == _DISABLE:
            self._enabled = False

    def _send(self, byte: int, bit: int) -> None:
        self._out = bool(byte >> (7 - bit) & 1)

    def _store(self, byte: int) -> None:
        if self._enabled:
            self._content[self._at % len(self._content)] = byte
            self._at += 1
            self._written = True

    def _end(self) -> None:
        if self._opcode == _WRITE:
            self._enabled = False
        if self._written:
            self._written = False
            self._stored()
