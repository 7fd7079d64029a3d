"""`rig batch` and `rig demo`: units through a plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rig.cli.shared import BENCH, EXIT_CANCELLED, EXIT_FAIL, FILE, FOLDER, exit_code, guarded, printable

if TYPE_CHECKING:
    from rig.plugin.session import Result
    from rig.plugin.unitrun import Outcome


@click.command()
@click.argument("batch", type=FILE)
@BENCH
@click.option("--plan", type=FILE, help="Plan file instead of the batch's own.")
@click.option("--out", type=FOLDER, help="Folder for the results [default: results/DATE/TIME-NAME].")
@click.option("--twin", type=FILE, help="Twin file instead of the virtual bench's own.")
@click.option("--twin-state", type=FOLDER, help="Folder in which virtual cards keep their flash from run to run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@guarded
def batch(
    batch: Path,
    bench: Path,
    plan: Path | None,
    out: Path | None,
    twin: Path | None,
    twin_state: Path | None,
    *,
    as_json: bool,
) -> None:
    """Take every unit of BATCH through the plan."""
    from rig.plugin.order import make
    from rig.plugin.session import run_order

    order = make(batch, bench, plan, twin, out, twin_state)
    result = run_order(order)
    finish(result, virtual=order.bench.is_virtual, as_json=as_json)
    sys.exit(EXIT_CANCELLED if result.cancelled else exit_code(result.verdicts()))


def finish(result: Result, *, virtual: bool, as_json: bool | None) -> None:
    """Report, summary, and the outcome for the caller; `as_json` None: nothing on stdout."""
    from rig.report import html, markdown, table

    outcomes = result.outcomes
    page = html.write(result.folder)
    (result.folder / "summary.md").write_text(markdown.summary(result.folder), encoding="utf-8")
    if result.error:
        click.echo(f"rig: {printable(result.error)}", err=True)
    if as_json:
        import json

        click.echo(json.dumps({"units": [_row(o) for o in outcomes]}))
    elif as_json is False:
        table.print_units([_row(o) for o in outcomes], virtual=virtual)
        click.echo(f"report: {page}")


def _row(o: Outcome) -> dict[str, object]:
    return {
        "adapter": o.unit.adapter.serial,
        "card": o.unit.card.serial,
        "verdict": str(o.verdict),
        "failed": list(o.failed),
        "cause": str(o.causes[0]) if o.causes else None,
        "design": o.unit.adapter.design,
        "model": o.unit.card.model,
        "run": str(o.folder),
    }


@click.command()
@click.option("--out", type=FOLDER, help="Folder for the results [default: results/DATE/TIME-demo].")
@guarded
def demo(out: Path | None) -> None:
    """Test a tray of nine virtual units: good ones and broken ones; no hardware needed."""
    from rig.plugin.demo import compare, order
    from rig.plugin.session import run_order

    result = run_order(order(out))
    finish(result, virtual=True, as_json=False)
    if result.cancelled:
        sys.exit(EXIT_CANCELLED)
    wrong = compare(result.outcomes) + ([f"the bench: {result.error}"] if result.error else [])
    for line in wrong:
        click.echo(f"rig demo: {line}", err=True)
    if not wrong:
        click.echo("every unit came out as its model demands")
    sys.exit(EXIT_FAIL if wrong else 0)
