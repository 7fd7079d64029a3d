"""What a card model is soldered to: its NVM, its cables, and those who want to know what its driver does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Nvm(Protocol):
    """What the card keeps without power, in bytes."""

    def load(self) -> bytes: ...

    def store(self, content: bytes) -> None:
        """OSError: it could not be kept; the card then never reports that its update is done."""


class Told(Protocol):
    """What the card's driver does, for the power model; called on the port's own thread, under no lock."""

    def driver(self, loaded: bool) -> None: ...

    def admin(self, up: bool) -> None: ...

    def moved(self, to_host_bytes: int, from_host_bytes: int) -> None:
        """Bytes since the last call, several times a second while there are any."""


@dataclass(frozen=True, slots=True)
class PortWiring:
    """One port of a card; the ports of one card share one `nvm`."""

    mac: bytes
    """What the port calls itself where its NVM names no address."""
    nvm: Nvm
    wire: socket.socket | None
    """Datagrams, one Ethernet frame each, without the check sequence."""
    carrier_bps: Callable[[], int | None]
    """Rate that cable and partner allow now; None: no carrier. Asked on the port's own thread, under no lock."""
    told: Told
    module: bytes = b""
    """Contents of the SFP+ module's EEPROMs (A0h, then A2h, 256 byte each); empty: no module, or no cage."""
    celsius: Callable[[], int] = lambda: 0
    """What the controller's own temperature sensor reads; asked on the server's thread."""
