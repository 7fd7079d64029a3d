"""A batch file: which units, by which plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from rig.config.library import Library
from rig.config.tray import read_tray
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


class Tray(Section):
    """Where the units come from when they are not in the batch file."""

    csv: Annotated[str, StringConstraints(min_length=1)] | None = None
    """File of units (docs/batches.md), relative to this one."""
    design: str | None = None
    """Layout of every adapter that is scanned, or whose line of the CSV file has no such column."""
    model: Name | None = None
    """Model of every card that is scanned, or whose line of the CSV file has no such column."""


class BatchFile(Section):
    name: Serial
    plan: str = "standard"
    """Name of a plan in configs/plans, or a path relative to this file."""
    units: Annotated[list[UnitEntry], Field(min_length=1)] | None = None
    tray: Tray = Tray()

    @model_validator(mode="after")
    def _one_source(self) -> BatchFile:
        if self.units is not None and self.tray.csv is not None:
            raise ValueError("units and tray.csv: the units of a batch are in one place")
        return self


@dataclass(frozen=True, slots=True)
class _Listed:
    """A unit, and where what is wrong with it is told."""

    entry: UnitEntry
    path: Path
    line: Callable[[tuple[int | str, ...]], int | None]


def load_batch(path: Path, library: Library, tray: Path | None = None) -> tuple[BatchFile, tuple[Unit, ...]]:
    """The batch and its units, every design, card, jumper and serial checked against the library.

    `tray`: a CSV file of units instead of the batch's own.
    """
    tree = read(path)
    batch = validate(path, tree, BatchFile)
    units = []
    seen: dict[tuple[str, str], int] = {}
    for n, listed in enumerate(_listed(path, tree, batch, tray)):
        entry = listed.entry
        units.append(_unit(listed, library))
        for kind, serial in (("adapter", entry.adapter.serial), ("card", entry.card.serial)):
            if (kind, serial) in seen:
                raise ConfigError(
                    listed.path,
                    listed.line((kind, "serial")),
                    f"{kind} serial {serial!r} is already unit {seen[kind, serial] + 1}; "
                    f"every {kind} may be in a batch once",
                )
            seen[kind, serial] = n
    return batch, tuple(units)


def tray_path(path: Path, batch: BatchFile, given: Path | None) -> Path | None:
    """The CSV file that has the units of a batch file; None: they are in the batch file itself."""
    if given is not None or batch.tray.csv is None:
        return given
    return path.parent / batch.tray.csv


def _listed(path: Path, tree: Any, batch: BatchFile, given: Path | None) -> Iterator[_Listed]:
    file = tray_path(path, batch, given)
    if file is not None:
        for line in read_tray(file, batch.tray.design, batch.tray.model):
            yield _Listed(_entry(file, line.line, line.unit), file, _at(line.line))
    elif batch.units is None:
        raise ConfigError(
            path, 1, "key 'units' is missing: name them here, in 'tray: {csv: FILE}', with --tray or with --scan"
        )
    else:
        for n, entry in enumerate(batch.units):
            yield _Listed(entry, path, _in_unit(tree, n))


def _at(line: int) -> Callable[[tuple[int | str, ...]], int | None]:
    return lambda loc: line


def _in_unit(tree: Any, n: int) -> Callable[[tuple[int | str, ...]], int | None]:
    return lambda loc: line_of(tree, ("units", n, *loc))


def _entry(file: Path, line: int, unit: object) -> UnitEntry:
    try:
        return validate(file, unit, UnitEntry)
    except ConfigError as e:
        raise ConfigError(file, line, e.message) from None


def _unit(listed: _Listed, library: Library) -> Unit:
    entry = listed.entry
    unit = AdapterUnit(entry.adapter.design, entry.adapter.serial, entry.adapter.jumpers, tuple(entry.adapter.mods))
    try:
        where: tuple[int | str, ...] = ("adapter", "design")
        adapter = library.adapter(entry.adapter.design)
        where = ("adapter",)
        Board(adapter, unit)
        where = ("card", "model")
        card = library.card(entry.card.model)
        if not card.pcie_card:
            raise UsageError(f"{card.model} is not a PCIe card, no adapter can make it work: {card.quirks}")
    except ConfigError:
        raise
    except UsageError as e:
        raise ConfigError(listed.path, listed.line(where), str(e)) from None
    return Unit(unit, CardUnit(card.model, entry.card.serial))
