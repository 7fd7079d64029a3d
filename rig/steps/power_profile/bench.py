"""What the profile asks of the bench."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from rig.ports import CablePort, HostPort, PartnerPort, SupplyPort

Note = Callable[..., None]


class NotMeasured(Exception):
    """A state that this bench, or this card, cannot be brought into; the text says why."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, for tests to put another in."""

    sleep: Callable[[float], None] = time.sleep
    now_s: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Ports:
    """The bench in the words of the profile."""

    supply: SupplyPort
    host: HostPort
    partner: PartnerPort
    cables: CablePort | None
    """None: nobody can take a link away."""
    root_port: str | None
    addresses: Sequence[str]
    iperf3_port: int
    counted: Sequence[str]
    """Rails that add up to the total: the card's own, or the one that feeds the whole host."""
    is_direct: bool
    """The total is the card's; False: it is the whole host's, and only a baseline tells the card's share."""
    to_card: Callable[[], None]
    """The unit in the slot, the host up to its shell."""
    to_adapter: Callable[[], None]
    """The unit's adapter without its card in the slot, the host up to its shell."""
    to_aux: Callable[[], None] | None
    """Everything off, then 3.3 V alone; None: `no_aux` says why not."""
    no_aux: str = ""
    host_is_off: bool = False
    partners: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """Port to the partner's end of its cable, as far as the bench knows."""
    clock: Clock = Clock()
