"""A PCI function as the test host's kernel keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rig.twin.host import pci
from rig.twin.host.resources import Resource

ROOT_PORT = "0000:00:01.0"


@dataclass(slots=True)
class Device:
    """One PCI function the kernel has enumerated."""

    bdf: str
    number: int | None
    """None: the root port."""
    identity: bytes
    """Configuration space at enumeration; ids are remembered from then."""
    driver: str | None
    config: bytes
    correctable: Mapping[str, int] | None
    vpd: bytes = b""
    resources: Mapping[int, Resource] = field(default_factory=dict)
    bar_files: Mapping[int, Path] = field(default_factory=dict)
    irq: int = 0
    nvm: bytes = b""
    fault: str = ""
    """What its driver finds wrong with the NVM."""
    sensor: str = ""
    """Name of the hwmon device its driver registers; empty: none."""
    celsius: int = 0
    firmware: str = ""
    """Version that its driver read; of a card that fell silent the driver still tells it."""
    bound: bool = False

    @property
    def is_gone(self) -> bool:
        """It answers nothing any more: all ones."""
        return self.config == pci.GONE

    @property
    def express(self) -> int | None:
        return pci.express_at(self.identity)

    @property
    def ids(self) -> str:
        return f"{pci.vendor(self.identity):04x}:{pci.device(self.identity):04x}"

    @property
    def log_name(self) -> str:
        return self.driver if self.bound and self.driver else "pci"

    def capable(self) -> pci.Link | None:
        return None if self.express is None else pci.link_capability(self.identity, self.express)

    def link(self) -> pci.Link | None:
        return None if self.express is None else pci.link_status(self.config, self.express)


def bdf_of(number: int) -> str:
    return f"0000:01:00.{number}"
