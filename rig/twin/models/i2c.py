"""Memories on a two-wire bus that a driver clocks bit by bit, as an SFP+ module's are.

Ref: NXP UM10204 (I2C-bus specification) section 3.1; SFF-8472 section 4.
"""

from __future__ import annotations

from collections.abc import Mapping

_ADDRESS, _OFFSET, _STORE, _SEND, _IDLE = "address", "offset", "store", "send", "idle"


class I2cMemories:
    """256-byte memories by their write address (0xa0 ...); the driver moves the lines, `data` is what it then sees."""

    def __init__(self, memories: Mapping[int, bytes]) -> None:
        self._memories = {address: bytearray(content) for address, content in memories.items()}
        self._state = _IDLE
        self._clock = self._line = self._held = True
        """Clock and data as the driver drives them, and data as the memories do: False pulls down."""
        self._bits = self._shift = self._address = self._at = 0

    @property
    def data(self) -> bool:
        """The data line: low where either side pulls."""
        return self._line and self._held

    def drive(self, clock: bool, data: bool) -> None:
        """The driver sets both lines."""
        was_clock, was_data = self._clock, self._line
        self._clock, self._line = clock, data
        if clock and was_clock and data != was_data:
            self._begin() if was_data else self._end()
        elif clock and not was_clock:
            self._rise()
        elif was_clock and not clock:
            self._fall()

    def _begin(self) -> None:
        self._state, self._bits, self._shift, self._held = _ADDRESS, 0, 0, True

    def _end(self) -> None:
        self._state, self._held = _IDLE, True

    def _rise(self) -> None:
        if self._state == _IDLE:
            return
        self._bits += 1
        if self._state == _SEND:
            # the ninth bit is the driver's: high means that it wants no more
            if self._bits == 9 and self._line:
                self._end()
        elif self._bits <= 8:
            self._shift = self._shift << 1 | self._line

    def _fall(self) -> None:
        if self._state == _IDLE:
            return
        if self._state == _SEND:
            if self._bits == 9:
                self._bits = 0
                self._at = (self._at + 1) % 256
            self._held = self._bits == 8 or bool(self._memory()[self._at] >> (7 - self._bits) & 1)
        elif self._bits == 8:
            self._held = not self._take(self._shift)
        elif self._bits == 9:
            self._next()

    def _next(self) -> None:
        """The acknowledgement is over."""
        self._bits = self._shift = 0
        self._held = True
        if self._state == _ADDRESS:
            self._state = _SEND if self._address & 1 else _OFFSET
            if self._state == _SEND:
                self._held = bool(self._memory()[self._at] >> 7)
        elif self._state == _OFFSET:
            self._state = _STORE

    def _take(self, byte: int) -> bool:
        """A whole byte came; False: nobody acknowledges it."""
        if self._state == _ADDRESS:
            if byte & ~1 not in self._memories:
                self._end()
                return False
            self._address = byte
        elif self._state == _OFFSET:
            self._at = byte
        else:
            self._memory()[self._at] = byte
            self._at = (self._at + 1) % 256
        return True

    def _memory(self) -> bytearray:
        return self._memories[self._address & ~1]
