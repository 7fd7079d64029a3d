"""The seam between a card and the machine it is plugged into: what either may ask of the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rig.twin.view import Bar

COMMAND, BUS_MASTER = 0x04, 0x4
_SILENT = 0xFFFF


class Bus(Protocol):
    """What a card may do on the bus, from any thread."""

    def interrupt(self, vector: int) -> None:
        """Raise one interrupt vector; nobody hears it where the machine has not set it up."""

    def memory(self, address: int, size: int) -> memoryview:
        """The machine's memory by DMA address; LookupError: nothing there that the card may reach."""


class Device(Protocol):
    """One PCI function as a machine monitor sees it; called on the server's thread."""

    @property
    def bars(self) -> Mapping[int, Bar]: ...

    @property
    def vectors(self) -> int:
        """MSI-X vectors; 0: it has none."""

    def config_read(self, at: int, size: int) -> bytes: ...

    def config_write(self, at: int, data: bytes) -> None: ...

    def read(self, bar: int, at: int, size: int) -> bytes: ...

    def write(self, bar: int, at: int, data: bytes) -> None: ...

    def reset(self) -> None: ...

    def plugged(self, bus: Bus | None) -> None:
        """A machine took it; None: it let go of it."""


class Registers(Protocol):
    """A card's register model behind its BARs; configuration space is not its business."""

    def read(self, bar: int, at: int, size: int) -> bytes: ...

    def write(self, bar: int, at: int, data: bytes) -> None: ...

    def reset(self) -> None:
        """Power-on, or PERST#: everything volatile is as the silicon comes up."""

    def plugged(self, bus: Bus | None) -> None:
        """A machine took it; None: it let go of it."""

    def link_changed(self) -> None:
        """Cable or partner of a port may be another; safe under any lock."""

    def close(self) -> None:
        """Let go of threads and of what else the model holds; it is not used again."""


def is_bus_master(device: Device) -> bool:
    """Whether the function may move data by itself; a silent one may not. Ref: PCI Local Bus 3.0 section 6.2.2."""
    command = int.from_bytes(device.config_read(COMMAND, 2), "little")
    return command != _SILENT and bool(command & BUS_MASTER)
