"""`rig batch` and `rig demo`: units through a plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rig.cli.shared import (
    EXIT_CANCELLED,
    EXIT_FAIL,
    FILE,
    FOLDER,
    TAKE_OVER,
    WAIT,
    exit_code,
    guarded,
    printable,
)  # fmt: skip
from rig.errors import UsageError

OUT = "--out"
"""`--resume` without a folder."""

if TYPE_CHECKING:
    from rig.plugin.session import Result
    from rig.plugin.unitrun import Outcome


@click.command()
@click.argument("batch", type=FILE)
@click.option(
    "--bench", "benches", multiple=True, required=True, metavar="FILE",
    help="Bench file, or 'tag:QUERY' for places of a coordinator; repeatable: they share the batch.",
)  # fmt: skip
@click.option(
    "-n", "most", type=int, metavar="N",
    help="So many benches at most; of a virtual bench so many [default: every --bench, one place of a tag].",
)  # fmt: skip
@click.option("--plan", type=FILE, help="Plan file instead of the batch's own.")
@click.option("--out", type=FOLDER, help="Folder for the results [default: results/DATE/TIME-NAME].")
@click.option("--twin", type=FILE, help="Twin file instead of the virtual bench's own.")
@click.option("--twin-state", type=FOLDER, help="Folder in which virtual cards keep their flash from run to run.")
@click.option(
    "--resume", is_flag=False, flag_value=OUT, metavar="[FOLDER]",
    help="Go on with the batch in FOLDER; without it: in --out, where there is one, else begin it.",
)  # fmt: skip
@click.option("--tray", type=FILE, help="CSV file of units instead of the batch's own.")
@click.option("--scan", is_flag=True, help="Ask for the serials of the tray, a line each, as a scanner types them.")
@click.option(
    "--unit", "units", multiple=True, metavar="SERIAL", help="This unit alone, by adapter or card; repeatable."
)
@click.option("--step", "steps", multiple=True, metavar="STEP", help="This step alone; repeatable.")
@WAIT
@TAKE_OVER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@guarded
def batch(
    batch: Path,
    benches: tuple[str, ...],
    most: int | None,
    plan: Path | None,
    out: Path | None,
    twin: Path | None,
    twin_state: Path | None,
    resume: str | None,
    tray: Path | None,
    units: tuple[str, ...],
    steps: tuple[str, ...],
    wait_s: float,
    *,
    take_over: bool,
    scan: bool,
    as_json: bool,
    report: bool = True,
) -> None:
    """Take every unit of BATCH through the plan, or what of it is left; several benches do it in parallel."""
    from dataclasses import replace

    from rig.bench.place.lease import Terms
    from rig.cli.scan import scan as scanned
    from rig.plugin.choice import Choice
    from rig.plugin.fleet.seats import seats
    from rig.plugin.order import make
    from rig.plugin.session import run_order

    found = seats(benches, most, twin)
    if len(found) > 1 and twin_state is not None:
        raise UsageError("--twin-state: a virtual card's flash is on one virtual bench; it does not go with several")
    choice = Choice(_resumed(resume, out), tray, scanned if scan else None, units, steps)
    several = found if len(found) > 1 else ()
    made = make(batch, found[0].path, plan, twin, out, twin_state, choice, several)
    order = replace(made, terms=Terms(wait_s, take_over))
    result = run_order(order)
    finish(result, virtual=order.bench.is_virtual, as_json=as_json, report=report)
    sys.exit(EXIT_CANCELLED if result.cancelled else exit_code(result.verdicts()))


def _resumed(asked: str | None, out: Path | None) -> Path | None:
    """The folder of the batch to go on with; None: one begins."""
    from rig.plugin.standing import holds_batch

    if asked is None:
        return None
    if asked != OUT:
        if out is not None and out != Path(asked):
            raise UsageError(f"--resume {asked} and --out {out}: a batch is gone on with where it is")
        return Path(asked)
    if out is None:
        raise UsageError("--resume: name the folder of the batch, here or with --out")
    # the same call after every power cut: it begins, or goes on
    return out if holds_batch(out) else None


def finish(result: Result, *, virtual: bool, as_json: bool, report: bool = True) -> None:
    """Report, summary, and the outcome for the caller; `report` False: who called writes them."""
    from rig.report import table

    page, rows = None, [_row(o) for o in result.outcomes]
    if report:
        page = written(result)
    else:
        _faults(result)
    if as_json:
        import json

        click.echo(json.dumps({"units": rows}))
    else:
        several = len({row.get("bench") for row in rows} - {None}) > 1
        table.print_units(rows if several else [{**row, "bench": None} for row in rows], virtual=virtual)
        if page is not None:
            click.echo(f"report: {page}")


def written(result: Result) -> Path:
    """Report and summary in the batch's folder, and on standard error what was wrong with the bench; the report."""
    from rig.report import html, markdown

    page = html.write(result.folder)
    (result.folder / "summary.md").write_text(markdown.summary(result.folder), encoding="utf-8")
    _faults(result)
    return page


def _faults(result: Result) -> None:
    for name, why in result.taken_out.items():
        click.echo(f"rig: {printable(f'bench {name} was taken out: {why}')}", err=True)
    if result.error:
        click.echo(f"rig: {printable(result.error)}", err=True)


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
        **({"bench": o.bench} if o.bench else {}),
    }


@click.command()
@click.option("--out", type=FOLDER, help="Folder for the results [default: results/DATE/TIME-demo].")
@click.option("--linux", is_flag=True, help="Three units in a test host that is a real Linux in QEMU (docs/linux.md).")
@guarded
def demo(out: Path | None, *, linux: bool) -> None:
    """Test a tray of nine virtual units: good ones and broken ones; no hardware needed."""
    from rig.plugin.demo import compare, orders
    from rig.plugin.session import run_order

    results = []
    for order in orders(out, linux=linux):
        results.append(run_order(order))
        finish(results[-1], virtual=True, as_json=False)
        if results[-1].cancelled:
            sys.exit(EXIT_CANCELLED)
    wrong = compare([o for r in results for o in r.outcomes], linux=linux)
    wrong += [f"the bench: {r.error}" for r in results if r.error]
    for line in wrong:
        click.echo(f"rig demo: {line}", err=True)
    if not wrong:
        click.echo("every unit came out as its model demands")
    sys.exit(EXIT_FAIL if wrong else 0)
