"""A twin file: what is plugged into the virtual bench, and what is broken on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rig.config.yamlfile import Name, Section, load

PinName = Annotated[str, StringConstraints(pattern=r"^[AB][1-9][0-9]?$")]
Serial = Annotated[Name, StringConstraints(min_length=1, max_length=64)]


class Joint(Section):
    """One fault in the soldering; what is not named is good."""

    pins: Annotated[list[PinName], Field(min_length=1, max_length=2)]
    state: Literal["open", "resistive", "bridge"]
    ohm: Annotated[float, Field(ge=0)] | None = None


class TwinAdapter(Section):
    joints: list[Joint] = []
    jumpers: dict[str, str] = {}
    """Jumper to the pads joined: `JP3: "2-3"`, `JP1: open`, `JP3: "1-2-3"`."""
    mods: list[str] = []
    """Names of the adapter file's published mods that were done on this board."""


class TwinCard(Section):
    firmware: Literal["eth", "ib", "vpi", "blank", "recovery"] | None = None
    """None: what the model comes with (ConnectX-3 family: vpi; others: eth)."""
    power_w: Annotated[float, Field(gt=0)] | None = None
    """Idle power with every link up; None: the twin's own figure for the model."""
    ports_down: list[int] = []
    """Ports (from 1) whose cable is not plugged."""
    mac: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")] | None = None


class TwinSlot(Section):
    gen: Literal[1, 2, 3, 4] = 3
    lanes: Literal[1, 4, 8, 16] = 8


class TwinHost(Section):
    boot_s: Annotated[float, Field(ge=0, le=600)] = 1.0
    slot: TwinSlot = TwinSlot()
    partner_bps: Annotated[float, Field(gt=0)] = 10e9
    """Rate of the link partner's ports."""
    aer: bool = True
    """False: firmware-first, the kernel has no aer_* files."""


class TwinPsu(Section):
    model: Literal["DP832", "SPD3303X-E"] = "DP832"


class Fault(Section):
    """A fault of the bench itself (not of a unit)."""

    plug: Literal["supply", "mains", "console", "operator", "partner", "host"]
    kind: Literal["dead", "silent", "garbage", "slow", "wrong_model", "stuck", "no_boot"]
    after_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds after the twin started."""


class TwinFile(Section):
    seed: Annotated[int, Field(ge=0)] = 1
    psu: TwinPsu = TwinPsu()
    host: TwinHost = TwinHost()
    adapters: dict[Serial, TwinAdapter] = {}
    cards: dict[Serial, TwinCard] = {}
    faults: list[Fault] = []


def load_twin(path: Path) -> TwinFile:
    """The twin file, checked on its own; `rig.twin.check` holds it against layouts and cards."""
    return load(path, TwinFile)
