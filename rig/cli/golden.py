"""`rig golden`: whether a bench still measures what it did, by a unit whose numbers are known."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rig.cli.shared import BENCH, EXIT_BENCH, EXIT_CANCELLED, FILE, FOLDER, guarded, printable


@click.group()
def golden() -> None:
    """A bench's golden unit: its numbers, and whether the bench still reproduces them."""


@golden.command("set")
@click.argument("results", type=FOLDER)
@BENCH
@click.option("--unit", "serial", metavar="SERIAL", help="The unit, by adapter or card, where there are several.")
@click.option("--plan", type=FILE, help="Plan file of the runs, where it is none of configs/plans.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="Compare these alone, `*` allowed; repeatable.")
@click.option("--replace", is_flag=True, help="Replace the numbers that are there.")
@guarded
def set_(
    results: Path, bench: Path, serial: str | None, plan: Path | None, names: tuple[str, ...], *, replace: bool
) -> None:
    """Make the golden file of a bench from the good runs of one unit below RESULTS (3 at least, 8 are better)."""
    from rig.plugin.golden_run import make

    path, found = make(bench, results, serial, plan, names, replaced=replace)
    for name, n in found.content["numbers"].items():
        bounds = f"{n['low']:.6g} to {n['high']:.6g}" if "high" in n else f"{n['low']:.6g} at least"
        click.echo(printable(f"{name}: mean {n['mean']:.5g} {n['unit']}, sd {n['sd']:.2g}, n {n['n']}: {bounds}"))
    for line in found.left_out:
        click.echo(printable(f"rig: {line}"), err=True)
    click.echo(path)


@golden.command()
@BENCH
@click.option("--out", type=FOLDER, help="Folder for the results [default: results/DATE/TIME-golden].")
@click.option("--twin", type=FILE, help="Twin file instead of the virtual bench's own.")
@guarded
def run(bench: Path, out: Path | None, twin: Path | None) -> None:
    """Take the golden unit through its plan; exit 3 where the bench does not reproduce its numbers."""
    from rig.cli.batch import written
    from rig.model import Verdict
    from rig.plugin.golden import last_check
    from rig.plugin.golden_run import order, the_golden
    from rig.plugin.session import run_order

    before = last_check(the_golden(bench))
    result = run_order(order(bench, twin, out))
    click.echo(f"report: {written(result)}")
    last = last_check(the_golden(bench))
    if result.cancelled:
        sys.exit(EXIT_CANCELLED)
    if last is None or last == before:
        click.echo("rig: the golden unit was not compared", err=True)
        sys.exit(EXIT_BENCH)
    click.echo(printable(f"{'in order' if last.verdict is Verdict.PASS else 'OUT OF ORDER'}: {last.why}"))
    sys.exit(0 if last.verdict is Verdict.PASS and not result.error else EXIT_BENCH)


@golden.command()
@BENCH
@guarded
def show(bench: Path) -> None:
    """What is known of a bench's golden unit; nothing is opened. Exit 3 where the bench is out of order."""
    from rig.plugin.golden_check import standing

    check = standing(bench)
    click.echo(printable(f"{check.said}{'; ' + check.remedy if check.remedy else ''}"))
    sys.exit(EXIT_BENCH if check.state == "bad" else 0)
