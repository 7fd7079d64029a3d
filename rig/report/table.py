"""Tables for a terminal; no text in them is taken for markup or for terminal control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rig.model import Adapter, Card
from rig.report.text import brief, one_line

_STYLES = {
    "PASS": "green",
    "MARGINAL": "yellow",
    "FAIL": "bold red",
    "ERROR": "bold magenta",
    "NOT_RUN": "dim",
}


def print_units(rows: Iterable[Mapping[str, object]], console: Console | None = None) -> None:
    """Print units as at the end of `rig batch`.

    A row has `adapter`, `design`, `card`, `model`, `verdict`, `failed` (names), `cause` (text or None).
    """
    table = _table("Adapter", "Card", "Verdict", "Failed", "Cause, and what to do")
    for row in rows:
        verdict = str(row["verdict"])
        failed = row["failed"]
        names = ", ".join(map(str, failed)) if isinstance(failed, Sequence) else ""
        table.add_row(
            _two(row["adapter"], row["design"]), _two(row["card"], row["model"]),
            Text(one_line(verdict), style=_STYLES.get(verdict, "")), _cell(names), _cell(row["cause"] or ""),
        )  # fmt: skip
    (console or Console()).print(table)


def print_cards(cards: Iterable[Card], adapters: Iterable[Adapter], console: Console | None = None) -> None:
    """Print the card models and adapter designs the rig knows; a fact nobody sourced is `?`."""
    console = console or Console()
    models = _table("Card", "Title", "Controller", "PCIe", "Ports", "Published W")
    for c in cards:
        ports = f"{_known(c.ports)} x {_known(c.port_type)}"
        pcie = f"{_known(c.pci_id)} x{_known(c.lanes)}"
        watts = f"typ {_known(c.typ_w)}, max {_known(c.max_w)}"
        models.add_row(*map(_cell, (c.model, c.title, c.controller, pcie, ports, watts)))
    designs = _table("Adapter design", "Lanes", "Jumpers", "Modifications")
    for a in adapters:
        designs.add_row(*map(_cell, (a.design, a.lanes, ", ".join(a.jumpers), ", ".join(a.mods))))
    console.print(models, designs)


def _table(*columns: str) -> Table:
    table = Table(expand=False)
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name == "Verdict")
    return table


def _two(first: object, second: object) -> Text:
    return Text("\n").join([_cell(first), Text(brief(one_line(str(second)), 60), style="dim")])


def _cell(text: object) -> Text:
    return Text(brief(one_line(str(text)), 400))


def _known(fact: str | float | None) -> str:
    return "?" if fact is None else f"{fact:g}" if isinstance(fact, float) else str(fact)
