"""A card file: what is known of one card model, with its sources; what nobody has sourced stays null."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rig.config.adapter import Place, Text
from rig.config.limits import LimitSection
from rig.config.yamlfile import Section, line_of, read, validate
from rig.errors import ConfigError
from rig.model import Card, Report

PciId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]
Need = Annotated[str, StringConstraints(pattern=r"^(high|PERST#|GND|3V3|3V3AUX)(\|(high|PERST#|GND|3V3|3V3AUX))*$")]
Watt = Annotated[float, Field(gt=0)]
Rate = Literal["10M", "100M", "1G", "2.5G", "5G", "10G", "25G", "40G", "50G", "56G", "100G"]
Family = Literal[
    "connectx3", "connectx3pro", "connect-ib", "connectx4lx", "connectx5",
    "intel-82599", "intel-x540", "intel-x550", "intel-x710", "intel-i350",
    "broadcom-57810s", "broadcom-5719", "broadcom-bnxt", "other",
]  # fmt: skip
_SCALE = {"M": 1e6, "G": 1e9}


class PartNumbers(Section):
    """HPE's numbers for the same card; each is an alias of the model."""

    option: Text | None = None
    spare: Text | None = None
    assembly: Text | None = None


class ReportSection(Section):
    design: Text
    result: Literal["ok", "fail", "needs_mod"]
    note: str = ""
    source: Text


class CardFile(Section):
    model: Text
    title: Text
    part_numbers: PartNumbers = PartNumbers()
    aliases: list[Text] = Field(default_factory=list)
    """Other names people use for exactly this card."""
    controller: Text
    family: Family
    pci_id: PciId | None
    recovery_id: PciId | None = None
    other_ids: dict[PciId, Text] = Field(default_factory=dict)
    subsystem_id: PciId | None
    gen: Literal[1, 2, 3, 4] | None
    lanes: Literal[1, 2, 4, 8, 16] | None
    ports: Annotated[int, Field(ge=1, le=8)] | None
    port_type: Text | None
    speeds: list[Rate]
    """Ethernet rates of a port; empty: unknown, or no Ethernet."""
    drivers: list[Text]
    typ_w: Watt | None
    max_w: Watt | None
    power_source: str = ""
    needs: dict[Place, Need] = Field(default_factory=dict)
    reports: list[ReportSection] = Field(default_factory=list)
    quirks: str = ""
    sources: Text
    recall: str | None = None
    """From somebody's memory: to be sourced one day, read by nobody until then."""
    confidence: Text
    pcie_card: bool = True
    limits: dict[str, LimitSection] = Field(default_factory=dict)


def load_card(path: Path) -> Card:
    """The card in `path`; ConfigError at the first line that cannot be."""
    tree = read(path)
    file = validate(path, tree, CardFile)
    if file.model != path.stem:
        raise ConfigError(
            path, line_of(tree, ("model",)), f"model is {file.model!r}, but the file is named {path.name}"
        )
    return _card(file)


def _card(file: CardFile) -> Card:
    return Card(
        model=file.model,
        title=file.title,
        aliases=_aliases(file),
        controller=file.controller,
        family=file.family,
        pci_id=file.pci_id,
        recovery_id=file.recovery_id,
        other_ids=file.other_ids,
        subsystem_id=file.subsystem_id,
        gen=file.gen,
        lanes=file.lanes,
        ports=file.ports,
        port_type=file.port_type,
        speeds_bps=tuple(sorted(_bps(rate) for rate in file.speeds)),
        drivers=tuple(file.drivers),
        typ_w=file.typ_w,
        max_w=file.max_w,
        power_source=file.power_source,
        needs=file.needs,
        reports=tuple(Report(r.design, r.result, r.note, r.source) for r in file.reports),
        quirks=file.quirks,
        sources=file.sources,
        confidence=file.confidence,
        pcie_card=file.pcie_card,
        limits={name: section.to_limit() for name, section in file.limits.items()},
    )


def _aliases(file: CardFile) -> tuple[str, ...]:
    numbers = (file.part_numbers.option, file.part_numbers.spare, file.part_numbers.assembly)
    return tuple(dict.fromkeys([*(n for n in numbers if n), *file.aliases]))


def _bps(rate: str) -> int:
    return round(float(rate[:-1]) * _SCALE[rate[-1]])
