"""Tables for a terminal; no text in them is taken for markup or for terminal control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rig.model import Adapter, Card
from rig.report.journal import read
from rig.report.text import brief, one_line

_STYLES = {
    "PASS": "green",
    "MARGINAL": "yellow",
    "FAIL": "bold red",
    "ERROR": "bold magenta",
    "NOT_RUN": "dim",
}


def print_units(rows: Iterable[Mapping[str, object]], *, virtual: bool = False, console: Console | None = None) -> None:
    """Print units as at the end of `rig batch`; `virtual` says so in the title.

    A row has `adapter`, `design`, `card`, `model`, `verdict`, `failed` (names), `cause` (text or None), and where there
    were several benches `bench`.
    """
    rows = tuple(rows)
    several = any(row.get("bench") for row in rows)
    table = _table("Unit", *(("Bench",) if several else ()), "Verdict", "Cause, and what to do")
    table.title = Text("VIRTUAL: no hardware was tested") if virtual else None
    for row in rows:
        verdict = one_line(str(row["verdict"]))
        unit = _two(f"{row['adapter']} + {row['card']}", f"{row['design']} + {row['model']}")
        where = (_cell(row.get("bench") or ""),) if several else ()
        table.add_row(unit, *where, Text(verdict, style=_STYLES.get(verdict, "")), _reason(row))
    (console or Console()).print(table)


def print_cards(cards: Iterable[Card], adapters: Iterable[Adapter], console: Console | None = None) -> None:
    """Print the card models and adapter designs the rig knows; a fact nobody sourced is `?`."""
    console = console or Console()
    models = _table("Card", "Controller", "PCI id", "PCIe", "Ports", "W typ/max")
    for c in cards:
        ports = f"{_known(c.ports)} {_known(c.port_type)}"
        pcie = f"Gen{_known(c.gen)} x{_known(c.lanes)}"
        watts = f"{_known(c.typ_w)} / {_known(c.max_w)}"
        models.add_row(*map(_cell, (c.model, c.controller, _known(c.pci_id), pcie, ports, watts)))
    designs = _table("Adapter design", "Lanes", "Jumpers", "Modifications")
    for a in adapters:
        designs.add_row(*map(_cell, (a.design, a.lanes, ", ".join(a.jumpers), ", ".join(a.mods))))
    console.print(models, designs)


def _reason(row: Mapping[str, object]) -> Text:
    """The cause, then the names that failed."""
    failed = row["failed"]
    names = ", ".join(map(str, failed)) if isinstance(failed, Sequence) else ""
    parts = [_cell(row["cause"])] if row["cause"] else []
    return Text("\n").join([*parts, *([Text(brief(one_line(names), 200), style="dim")] if names else [])])


def _table(*columns: str) -> Table:
    table = Table(expand=False)
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in ("Verdict", "Card", "PCI id"))
    return table


def _two(first: object, second: object) -> Text:
    return Text("\n").join([_cell(first), Text(brief(one_line(str(second)), 60), style="dim")])


def _cell(text: object) -> Text:
    return Text(brief(one_line(str(text)), 400))


def _known(fact: str | float | None) -> str:
    return "?" if fact is None else f"{fact:g}" if isinstance(fact, float) else str(fact)


def print_rows(run: Path, *, virtual: bool) -> None:
    """What one run measured, a line a row: name, verdict, value, note."""
    console = Console(highlight=False, soft_wrap=True)
    if virtual:
        console.print(Text("VIRTUAL: a twin stood in for the hardware", style="bold"))
    for row in read(run).runs[0].rows:
        value = "not measured" if row.value is None else f"{row.value} {row.unit}".strip()
        note = f"  ({row.note})" if row.note else ""
        console.print(Text(f"{one_line(row.name):<32} {row.verdict or '':<8} {one_line(value + note)}"))
