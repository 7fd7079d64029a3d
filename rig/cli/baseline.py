"""`rig baseline`: what the numbers were, and whether they still are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from rig.cli.shared import FILE, FOLDER, exit_code, guarded, printable
from rig.errors import UsageError

_FILE = click.option("--file", "file_", type=FILE, required=True, help="The baseline, a JSON file.")
_RESULTS = click.argument("results", type=FOLDER, nargs=-1, required=True)


@click.group()
def baseline() -> None:
    """Numbers of good runs as a file, and later runs against it."""


@baseline.command("set")
@_RESULTS
@_FILE
@click.option(
    "--tolerance", "tolerances", multiple=True, metavar="NAME=VALUE",
    help="Change that does not matter, as 'power.*.total_w=0.4' or 'traffic.*_bps=3%'; kept in the file; repeatable.",
)  # fmt: skip
@guarded
def set_(results: tuple[Path, ...], file_: Path, tolerances: tuple[str, ...]) -> None:
    """Make the baseline of all good runs below RESULTS; several runs of a board give its noise."""
    from rig.report import journal
    from rig.report.ci.baseline.job import learn

    gathered, with_spread = learn([journal.read(r) for r in results], file_, _tolerances(tolerances))
    left = f"; {gathered.left_out} runs that are not good or not finished are left out" if gathered.left_out else ""
    click.echo(f"{printable(str(file_))}: {len(gathered.numbers)} measurements of {gathered.runs} runs{left}")
    if len(gathered.sources) == 1 and gathered.runs > 1:
        click.echo(
            "all of it is one batch: what changes from day to day is not in its noise, and will look like a change"
        )
    if not with_spread:
        click.echo("no board was measured twice: the noise is not known, so most can only be compared board by board")


@baseline.command()
@_RESULTS
@_FILE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@guarded
def compare(results: tuple[Path, ...], file_: Path, *, as_json: bool) -> None:
    """Compare the runs below RESULTS with the baseline: exit code 1 with a regression, 4 where nothing compares."""
    from rig.report import journal
    from rig.report.ci.baseline import words
    from rig.report.ci.baseline.job import compare_job

    found = compare_job([journal.read(r) for r in results], file_)
    if as_json:
        click.echo(json.dumps(words.as_row(found)))
    else:
        for row in found.of(*words.TOLD):
            click.echo(printable(words.sentence(row)))
        for why, count in words.reasons(found).items():
            click.echo(printable(f"{count} measurements not comparable: {why}"))
        click.echo(printable("; ".join([words.headline(found), *found.notes])))
    sys.exit(exit_code([found.verdict]))


def _tolerances(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for name, _, value in pairs:
        if not name or not value:
            raise UsageError(f"--tolerance {name}: give NAME=VALUE, as power.*.total_w=0.4 or traffic.*_bps=3%")
    return {name: value for name, _, value in pairs}
