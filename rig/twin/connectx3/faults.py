"""What can be wrong with the chip or its flash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rig.errors import UsageError

KINDS = (
    "wip-stuck",  # an erase or program never ends, until power is cut
    "erase-fails",
    "program-fails",
    "stuck-byte",  # one byte takes another value than it is given
    "gateway-stuck",  # the flash gateway stays busy
    "off-bus",  # the chip does not answer at all, until the next cold start
    "no-flash",
    "secure-host",  # registers are locked
)


@dataclass(frozen=True, slots=True)
class ChipFault:
    """One fault; UsageError for a kind nobody knows."""

    kind: str
    after: int = 0
    """Page programs, since the chip was made, before it starts."""
    times: int | None = None
    """How often it strikes; None: always."""
    address: int = 0x90000
    """Flash address, of a stuck byte."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"no chip fault {self.kind!r}, there are {', '.join(KINDS)}")


class Faults:
    """Which faults strike, counted in page programs."""

    def __init__(self, faults: Sequence[ChipFault]) -> None:
        self._faults = tuple(faults)
        self._struck = [0] * len(self._faults)
        self.programs = 0

    def strikes(self, kind: str, covered: range | None = None) -> ChipFault | None:
        """The fault of this kind that strikes now, counted as one strike; `covered` limits it to its address."""
        for n, fault in enumerate(self._faults):
            due = fault.kind == kind and self.programs >= fault.after
            left = fault.times is None or self._struck[n] < fault.times
            if due and left and (covered is None or fault.address in covered):
                self._struck[n] += 1
                return fault
        return None
