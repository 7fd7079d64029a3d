"""A block of 32-bit registers: plain ones keep what is written, the others are functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

ONES = 0xFFFFFFFF
_Handler = TypeVar("_Handler")


class RegisterFile:
    """Registers by byte offset; what nobody ever wrote reads as 0 and is remembered in `unknown`."""

    def __init__(self) -> None:
        self.values: dict[int, int] = {}
        self.on_read: dict[int, Callable[[], int]] = {}
        self.on_write: dict[int, Callable[[int], None]] = {}
        self.on_first: dict[int, Callable[[], None]] = {}
        """By offset / 64: puts the functions of that block in when one of its registers is touched first."""
        self.unknown: dict[int, int] = {}
        """Offsets that were read without anybody having given them a value, and how often."""

    def get(self, at: int) -> int:
        """The stored value, no function called."""
        return self.values.get(at, 0)

    def read(self, at: int, size: int) -> bytes:
        """A read of 1 to 8 byte; one that crosses registers reads each."""
        if size == 4 and not at & 3:
            return self._one(at).to_bytes(4, "little")
        first = at & ~3
        data = b"".join(self._one(n).to_bytes(4, "little") for n in range(first, at + size, 4))
        return data[at - first : at - first + size]

    def write(self, at: int, data: bytes) -> None:
        """A write of whole registers; others are lost, as on most silicon."""
        if at & 3 or len(data) & 3:
            return
        for n in range(0, len(data), 4):
            value = int.from_bytes(data[n : n + 4], "little")
            handler = self.on_write.get(at + n) or self._first(at + n, self.on_write)
            if handler is not None:
                handler(value)
            else:
                self.values[at + n] = value

    def clear_on_read(self, offsets: Iterable[int]) -> None:
        """Counters: a read takes what is there."""
        for at in offsets:
            self.on_read[at] = partial(self._take, at)

    def wide_counter(self, low: int, high: int) -> None:
        """A counter of two registers: `low` is read first and leaves the rest to `high`."""
        self.on_read[low] = partial(self._take_low, low, high)
        self.on_read[high] = partial(self._take, high)

    def add(self, at: int, amount: int) -> None:
        self.values[at] = self.values.get(at, 0) + amount

    def forget(self, keep: Iterable[int] = ()) -> None:
        """Reset: every value but those at `keep` is gone."""
        kept = {at: self.values[at] for at in keep if at in self.values}
        self.values.clear()
        self.values.update(kept)

    def _one(self, at: int) -> int:
        handler = self.on_read.get(at) or self._first(at, self.on_read)
        if handler is not None:
            return handler() & ONES
        value = self.values.get(at)
        if value is None:
            self.unknown[at] = self.unknown.get(at, 0) + 1
            return 0
        return value & ONES

    def _first(self, at: int, handlers: Mapping[int, _Handler]) -> _Handler | None:
        fill = self.on_first.pop(at >> 6, None)
        if fill is None:
            return None
        fill()
        return handlers.get(at)

    def _take(self, at: int) -> int:
        return self.values.pop(at, 0)

    def _take_low(self, low: int, high: int) -> int:
        value = self.values.pop(low, 0)
        self.values[high] = value >> 32
        return value
