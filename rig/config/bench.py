"""A bench file: a labgrid environment, and what the rig has to know of the bench beyond labgrid.

What labgrid's classes take is checked by `rig.bench`, against labgrid's own registry.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from rig.config.yamlfile import Section, read, validate
from rig.errors import ConfigError
from rig.model import Slot

TARGET = "main"
"""The one target of a bench file; labgrid's pytest fixtures use the same name."""

Positive = Annotated[float, Field(gt=0)]


class RailWiring(Section):
    """Which channel of which supply feeds a rail, and the ceilings that nobody may pass on it."""

    instrument: Literal["main", "second"] = "main"
    channel: Annotated[int, Field(ge=1, le=8)]
    max_voltage_v: Annotated[float, Field(gt=0, le=60)]
    max_current_a: Annotated[float, Field(gt=0, le=30)]


class WallWiring(Section):
    """Which channel of the meter measures a rail; it is never switched and has no ceilings."""

    channel: Annotated[int, Field(ge=1, le=8)] = 1


class MeterAccuracy(Section):
    """Error bound of the watts a meter shows: percent of the reading, and watts."""

    percent: Annotated[float, Field(ge=0)]
    offset: Annotated[float, Field(ge=0)]


class Wiring(Section):
    """The rails of the bench, each where its topology has it.

    `12v` and `3v3` are what a card gets through the riser, `host` the whole host, `wall` what a meter measures, and
    `probe` the test leads of the bare-board check.
    """

    rail_12v: RailWiring | None = Field(alias="12v", default=None)
    rail_3v3: RailWiring | None = Field(alias="3v3", default=None)
    rail_probe: RailWiring | None = Field(alias="probe", default=None)
    rail_host: RailWiring | None = Field(alias="host", default=None)
    rail_wall: WallWiring | None = Field(alias="wall", default=None)

    def by_name(self) -> dict[str, RailWiring]:
        """Rail name to wiring, of the rails that a supply feeds."""
        every = {"12v": self.rail_12v, "3v3": self.rail_3v3, "probe": self.rail_probe, "host": self.rail_host}
        return {name: rail for name, rail in every.items() if rail is not None}

    def metered(self) -> dict[str, int]:
        """Rail name to channel of the meter, of the rails that are only measured."""
        return {} if self.rail_wall is None else {"wall": self.rail_wall.channel}


class SetPoint(Section):
    voltage_v: Positive
    limit_a: Positive


class SetPoints(Section):
    """What the rails are set to before the host comes on."""

    # 25 W of the 12 V rail is what a slot grants an x4 or x8 card; 3.3 V carries the aux rail
    rail_12v: SetPoint = Field(alias="12v", default=SetPoint(voltage_v=12.0, limit_a=2.1))
    rail_3v3: SetPoint = Field(alias="3v3", default=SetPoint(voltage_v=3.3, limit_a=1.0))
    rail_host: SetPoint | None = Field(alias="host", default=None)
    """The whole host on DC: it comes on where else the mains would."""

    def by_name(self) -> dict[str, SetPoint]:
        """Rail name to set point of what feeds the card alone, in the order in which they come on."""
        return {"12v": self.rail_12v, "3v3": self.rail_3v3}


class BenchSlot(Section):
    gen: Literal[1, 2, 3, 4] = 3
    lanes: Literal[1, 4, 8, 16] = 8
    root_port: Annotated[str, Field(pattern=r"^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")] | None = None
    """PCI address of the port above the slot; None: the card is found by its ids, and the port above it."""

    def slot(self) -> Slot:
        return Slot(self.gen, self.lanes)


class BenchPort(Section):
    """One port of the card under test: the address its host end gets, for the partner to connect to."""

    address: str

    @field_validator("address")
    @classmethod
    def _with_prefix(cls, value: str) -> str:
        if "/" not in value:
            raise ValueError("expected an address with its prefix length, such as 192.168.86.2/24")
        ipaddress.ip_interface(value)
        return value

    @property
    def ip(self) -> str:
        """The address alone."""
        return self.address.partition("/")[0]


class FirmwareTools(Section):
    """How firmware is handled on this bench."""

    tools: Literal["auto", "mstflint", "mft"] = "auto"
    """Family on the test host: mstflint and mstconfig, or MFT's flint and mlxconfig."""
    mlxburn: str | None = None
    """Command on the controller (MFT, OEM edition) that builds images; None: this bench cannot."""
    mlx: str | None = None
    """Base firmware package for it, `fw-ConnectX3-rel.mlx`, relative to the bench file."""
    vault: str | None = None
    """Folder of the backups, relative to the bench file; None: `results/firmware` of the project."""


class GoldenUnit(Section):
    """The unit whose numbers this bench has to reproduce."""

    file: str
    """Made by `rig golden set`, relative to the bench file; what came of the checks is kept beside it."""
    max_age_days: Positive = 30.0
    """A check that is older says nothing any more."""


class BenchOptions(Section):
    """The `options:` of the target."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    twin: str | None = None
    """Twin file the rig starts for this bench, relative to the bench file."""
    virtual: bool | None = None
    """None: virtual if there is a twin file."""
    topology: Literal["riser", "host", "meter"] = "riser"
    """What the instruments see: the card's rails, the whole host on 12 V DC, or the host's mains."""
    slot: BenchSlot = BenchSlot()
    rails: SetPoints = SetPoints()
    probe: Literal["probe", "12v", "3v3"] | None = None
    """Rail that feeds the test leads of the bare-board check; None: this bench has no leads."""
    ports: list[BenchPort] = Field(default_factory=list)
    iperf3_port: Annotated[int, Field(ge=1, le=65535)] = 5201
    partner_bps: Positive = 10e9
    """Rate of the link partner's ports."""
    path_bps: Positive | None = None
    """TCP payload that this bench's own path to the card carries, its golden figure; None: what the cable carries."""
    driven: list[str] | None = None
    """Card models that the test host has a driver for; None: all."""
    firmware: FirmwareTools = FirmwareTools()
    calibration: dict[str, datetime.date] = Field(default_factory=dict)
    """Instrument to the date it is calibrated until."""
    golden: GoldenUnit | None = None
    """None: nobody knows whether this bench still measures what it did."""

    @property
    def is_virtual(self) -> bool:
        return self.twin is not None if self.virtual is None else self.virtual


class BenchTarget(Section):
    """labgrid's target; the arguments of resources and drivers are the business of their classes."""

    features: list[str] = Field(default_factory=list)
    resources: dict[str, Any] | list[dict[str, Any]]
    drivers: dict[str, Any] | list[dict[str, Any]]
    options: BenchOptions


class BenchTargets(Section):
    main: BenchTarget


class Coordinator(Section):
    """labgrid's own options of an environment."""

    coordinator_address: str | None = None


_IMPORTS = {"type": "array", "items": {"type": "string"}, "contains": {"const": "rig.bench"}}


class BenchFile(Section):
    """A labgrid environment file with every key accounted for; labgrid itself ignores unknown ones."""

    imports: Annotated[list[str], WithJsonSchema(_IMPORTS)]
    """Python modules and files that register classes with labgrid; `rig.bench` has to be among them."""
    targets: BenchTargets
    features: list[str] = Field(default_factory=list)
    options: Coordinator = Coordinator()
    tools: dict[str, str] = Field(default_factory=dict)
    paths: dict[str, str] = Field(default_factory=dict)
    images: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _registers_our_classes(self) -> BenchFile:
        if "rig.bench" not in self.imports:
            raise ValueError("'imports' has to name rig.bench, or labgrid does not know the rig's drivers")
        return self


def load_bench_file(path: Path) -> tuple[BenchFile, Any]:
    """The bench file and its tree with line marks; ConfigError for what is wrong in it but labgrid's part."""
    tree = read(path)
    file = validate(path, tree, BenchFile)
    twin = file.targets.main.options.twin
    if twin is not None and not (path.parent / twin).is_file():
        raise ConfigError(path, _line(tree, "twin"), f"twin file {twin!r} is not there")
    return file, tree


def _line(tree: Mapping[str, Any], option: str) -> int:
    options: Any = tree["targets"][TARGET]["options"]
    return int(options.lc.key(option)[0]) + 1
