"""A batch file: which units, by which plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from rig.config.library import Library
from rig.config.yamlfile import Name, Section, line_of, read, validate
from rig.errors import ConfigError, UsageError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.netlist import Board

Serial = Annotated[Name, StringConstraints(min_length=1, max_length=64)]


class AdapterEntry(Section):
    design: str
    serial: Serial
    jumpers: dict[str, str] = {}
    """As set on this board: `JP3: "2-3"`; what is not named is as delivered."""
    mods: list[str] = []
    """Names of the adapter file's published mods done on this board."""


class CardEntry(Section):
    model: Name
    serial: Serial


class UnitEntry(Section):
    adapter: AdapterEntry
    card: CardEntry


class BatchFile(Section):
    name: Serial
    plan: str = "standard"
    """Name of a plan in configs/plans, or a path relative to this file."""
    units: Annotated[list[UnitEntry], Field(min_length=1)]


def load_batch(path: Path, library: Library) -> tuple[BatchFile, tuple[Unit, ...]]:
    """The batch and its units, every design, card, jumper and serial checked against the library."""
    tree = read(path)
    batch = validate(path, tree, BatchFile)
    units = []
    seen: dict[tuple[str, str], int] = {}
    for n, entry in enumerate(batch.units):
        units.append(_unit(path, tree, n, entry, library))
        for kind, serial in (("adapter", entry.adapter.serial), ("card", entry.card.serial)):
            if (kind, serial) in seen:
                raise ConfigError(
                    path,
                    line_of(tree, ("units", n, kind, "serial")),
                    f"{kind} serial {serial!r} is already unit {seen[kind, serial] + 1}; "
                    f"every {kind} may be in a batch once",
                )
            seen[kind, serial] = n
    return batch, tuple(units)


def _unit(path: Path, tree: object, n: int, entry: UnitEntry, library: Library) -> Unit:
    unit = AdapterUnit(entry.adapter.design, entry.adapter.serial, entry.adapter.jumpers, tuple(entry.adapter.mods))
    try:
        where: tuple[int | str, ...] = ("units", n, "adapter", "design")
        adapter = library.adapter(entry.adapter.design)
        where = ("units", n, "adapter")
        Board(adapter, unit)
        where = ("units", n, "card", "model")
        card = library.card(entry.card.model)
        if not card.pcie_card:
            raise UsageError(f"{card.model} is not a PCIe card, no adapter can make it work: {card.quirks}")
    except ConfigError:
        raise
    except UsageError as e:
        raise ConfigError(path, line_of(tree, where), str(e)) from None
    return Unit(unit, CardUnit(card.model, entry.card.serial))
