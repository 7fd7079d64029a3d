"""Which faults of the bench itself are on now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rig.config.twin import Fault


class Faults:
    """The twin file's bench faults, each from its own second after the start."""

    def __init__(self, faults: Sequence[Fault], clock: Callable[[], float]) -> None:
        self._faults, self._clock = tuple(faults), clock
        self._start_s = clock()

    def active(self, plug: str, kind: str) -> bool:
        elapsed_s = self._clock() - self._start_s
        return any(f.plug == plug and f.kind == kind and elapsed_s >= f.after_s for f in self._faults)
