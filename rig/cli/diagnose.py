"""`rig diagnose`: what was wrong with a unit, and what every fault of a layout looks like."""

from __future__ import annotations

from pathlib import Path

import click

from rig.cli.shared import FILE, FOLDER, guarded
from rig.errors import UsageError


@click.command()
@click.argument("run", type=FOLDER, required=False)
@click.option("--svg", type=FILE, help="Write the board with its suspects as SVG.")
@click.option("--matrix", "design", metavar="DESIGN", help="Every single fault of this layout instead, on the twin.")
@click.option("--card", "model", metavar="MODEL", help="With --matrix: the card in it [default: one that suits].")
@click.option("--out", type=FILE, help="With --matrix: file to write instead of printing the table.")
@guarded
def diagnose(run: Path | None, svg: Path | None, design: str | None, model: str | None, out: Path | None) -> None:
    """What was wrong with the unit of RUN: its causes by rank, and what to do."""
    if design is not None and run is None and svg is None:
        _matrix(design, model, out)
        return
    if run is None or design is not None or model is not None or out is not None:
        raise UsageError("rig diagnose: name one RUN (and --svg), or --matrix DESIGN (and --card, --out)")
    from rig.report import board, html
    from rig.report.summary import virtual_word
    from rig.report.text import one_line

    outcome = board.outcome(run)
    if word := virtual_word([outcome]):
        click.echo(f"{word}: no hardware was tested")
    click.echo(one_line(f"{outcome.unit}: {outcome.verdict}"))
    for number, cause in enumerate(outcome.causes, start=1):
        likely = "" if cause.probability is None else f", {100 * cause.probability:.0f} %"
        pins = f" ({' '.join(cause.pins)})" if cause.pins else ""
        click.echo(one_line(f"{number}. {cause.title}{likely}{pins}: {cause.action}"))
    if svg is not None:
        html.put(svg, board.alone(outcome.adapter, outcome.causes, virtual=outcome.virtual))
        click.echo(svg)


def _matrix(design: str, model: str | None, out: Path | None) -> None:
    from rig.plugin import matrix

    text = matrix.write(design, model, out)
    click.echo(text if out is None else out)
