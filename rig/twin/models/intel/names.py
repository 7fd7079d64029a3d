"""Names of registers that every generation has once a queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum

from rig.twin.models.rings import BASE_HIGH, BASE_LOW, CONTROL, HEAD, LENGTH, TAIL

Offset = Callable[[int], int]
"""Queue to the offset of its register, or of its ring's first."""


def named(
    registers: Iterable[IntEnum], queues: int, tx_ring: Offset, rx_ring: Offset, srrctl: Offset, ivar: int
) -> dict[int, str]:
    """Offset to name, for a trace: of `registers`, of both rings of every queue, and of the vectors from `ivar` on."""
    known = {int(register): register.name for register in registers}
    for n in range(queues):
        for word, name in ((BASE_LOW, "BAL"), (BASE_HIGH, "BAH"), (LENGTH, "LEN"), (HEAD, "H"), (TAIL, "T")):
            known[tx_ring(n) + word] = f"TD{name}({n})"
            known[rx_ring(n) + word] = f"RD{name}({n})"
        known[tx_ring(n) + CONTROL], known[rx_ring(n) + CONTROL] = f"TXDCTL({n})", f"RXDCTL({n})"
        known[srrctl(n)] = f"SRRCTL({n})"
        known[ivar + 4 * (n // 2)] = f"IVAR({n // 2})"
    return known
