"""Which faults of the bench itself are on now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rig.config.twin import Fault


class Faults:
    """The twin file's bench faults, each from its own second after the start."""

    def __init__(self, faults: Sequence[Fault], clock: Callable[[], float]) -> None:
        self._faults, self._clock = tuple(faults), clock
        self._start_s = clock()

    def after_s(self, plug: str, kind: str) -> float | None:
        """The fault's own delay; None: the twin file has no such fault."""
        return next((f.after_s for f in self._faults if f.plug == plug and f.kind == kind), None)

    def active(self, plug: str, kind: str) -> bool:
        elapsed_s = self._clock() - self._start_s
        return any(f.plug == plug and f.kind == kind and elapsed_s >= f.after_s for f in self._faults)

    def spoiler(self, plug: str) -> Callable[[bytes], bytes]:
        """What a serial line with the faults `silent` and `garbage` makes of the bytes on it."""

        def spoil(data: bytes) -> bytes:
            if self.active(plug, "silent"):
                return b""
            # as at a wrong baud rate: other bytes, about as many
            return bytes(b * 5 + 0x83 & 0xFF for b in data) if self.active(plug, "garbage") else data

        return spoil
