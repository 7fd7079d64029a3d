"""What the soak asks of the bench."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.ports import HostPort, PartnerPort


@dataclass(frozen=True, slots=True)
class Ports:
    """The bench in the words of the soak; the unit is in the slot and the host up to its shell."""

    host: HostPort
    partner: PartnerPort
    root_port: str | None
    addresses: Sequence[str]
    iperf3_port: int
    carrier_deadline_s: float
    restart: Callable[[], None]
    """Everything off for the plan's time, then the host up to its shell; BenchError when it does not come."""
    keep: Callable[[str], None]
    """Keep the trials so far, as text: the bench failed, or somebody cancelled, and there will be no findings."""
    sleep: Callable[[float], None] = time.sleep
    now_s: Callable[[], float] = time.monotonic
