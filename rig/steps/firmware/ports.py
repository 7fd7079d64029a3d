"""What the firmware step may ask of the bench and of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rig.config.bench import FirmwareTools
from rig.config.plan import Firmware
from rig.model import Card, Unit
from rig.ports import BurnPort, HostPort, ImageBuilderPort, OperatorPort, SupplyPort
from rig.vault import Backup, Vault

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the state machine touches."""

    host: HostPort
    supply: SupplyPort
    guard: BurnPort
    operator: OperatorPort
    builder: ImageBuilderPort | None
    """None: this bench cannot build images."""
    vault: Vault
    cold_restart: Callable[[Callable[[], None] | None], None]
    """Everything off for the plan's time, then up to the shell; what is given is done while all is off."""
    tell: Tell
    event: Callable[..., None]
    """Into the run's journal."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the step is to do, to which unit, where."""

    unit: Unit
    card: Card
    root_port: str | None
    plan: Firmware
    images: tuple[bytes, ...]
    """Contents of the plan's images, in its order, their SHA-256 checked."""
    tools: FirmwareTools
    bench: str
    virtual: bool
    run: str
    twin_state: str | None
    restore: Backup | None = None
    """What the task `restore` puts back."""
