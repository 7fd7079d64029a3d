"""Which registers a driver touches, in order and by name: what someone who writes a card model looks at first."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import TextIO

from rig.twin.linux.device import Bus, Registers


class Traced:
    """A register model that writes down every access; `file` None: it counts alone."""

    def __init__(self, behind: Registers, names: Mapping[int, str], file: TextIO | None = None) -> None:
        self._behind, self._names, self._file = behind, names, file
        self.reads: collections.Counter[str] = collections.Counter()
        self.writes: collections.Counter[str] = collections.Counter()

    def read(self, bar: int, at: int, size: int) -> bytes:
        data = self._behind.read(bar, at, size)
        self._note(self.reads, "read ", bar, at, data)
        return data

    def write(self, bar: int, at: int, data: bytes) -> None:
        self._note(self.writes, "write", bar, at, data)
        self._behind.write(bar, at, data)

    def reset(self) -> None:
        self._say("reset")
        self._behind.reset()

    def plugged(self, bus: Bus | None) -> None:
        self._say("unplugged" if bus is None else "plugged")
        self._behind.plugged(bus)

    def close(self) -> None:
        self._behind.close()

    def _note(self, counts: collections.Counter[str], what: str, bar: int, at: int, data: bytes) -> None:
        name = self._names.get(at, f"{at:#07x}") if bar == 0 else f"BAR {bar} {at:#07x}"
        counts[name] += 1
        self._say(f"{what} {name} {int.from_bytes(data, 'little'):#010x}")

    def _say(self, line: str) -> None:
        if self._file is not None:
            self._file.write(line + "\n")
