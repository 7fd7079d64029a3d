"""`rig yield`, `rig matrix`, `rig rework` and `rig record`: trays, layouts and units over time."""

from __future__ import annotations

from pathlib import Path

import click

from rig.cli.shared import FILE, FOLDER, guarded


def _tell(line: str) -> None:
    from rig.report.text import visible

    click.echo(visible(line))


@click.command("yield")
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FOLDER, help="Folder for the files [default: FOLDER].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@guarded
def yield_(folder: Path, out: Path | None, *, as_json: bool) -> None:
    """First-pass and final yield of the runs below FOLDER, what failed, what rework did, where the time went."""
    from rig.report.yields import tables, words, write

    written = write(folder, out)
    if as_json:
        import json

        click.echo(json.dumps(tables.tree(written.found), allow_nan=False))
        return
    for line in words.summary(written.found):
        _tell(line)
    click.echo(f"report: {written.html}")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FILE, help="Markdown file to write [default: print it].")
@guarded
def matrix(folder: Path, out: Path | None) -> None:
    """Which card works on which layout, from all runs below FOLDER, as Markdown."""
    from rig.report import html
    from rig.report import matrix as made

    text = made.markdown(folder)
    if out is not None:
        html.put(out, text)
    click.echo(out if out is not None else text.rstrip())


@click.command()
@click.argument("serial")
@click.argument("text")
@click.argument("more_pins", nargs=-1, metavar="")
@click.option("--pins", multiple=True, metavar="PIN...", help="Connector pins that were worked on: --pins A35 A36.")
@click.option(
    "--action", default="reflow", show_default=True, help="reflow, wick, jumper, mod, clean, replace, write off, other."
)
@click.option("--out", type=FOLDER, help="Folder of the batch, or of all results [default: results].")
@guarded
def rework(
    serial: str, text: str, more_pins: tuple[str, ...], pins: tuple[str, ...], action: str, out: Path | None
) -> None:
    """Note what was done to the adapter SERIAL between two runs: rig rework A-17 "reflowed" --pins A35 A36."""
    import time

    from rig.config.library import project_root
    from rig.report import rework as book

    folder = out or project_root() / "results"
    entry = book.write(folder, serial, text, (*pins, *more_pins), action, time.time())
    at = f" at {' '.join(entry.pins)}" if entry.pins else ""
    _tell(f"{entry.serial}: {entry.action}{at}, noted in {folder / book.FILE}")


@click.command("record")
@click.argument("run", type=FOLDER)
@click.option("--out", type=FILE, help="HTML file to write [default: RUN/record.html].")
@click.option("--paper", default="A6", show_default=True, help="Paper it is printed on: A6, A5 or A4.")
@guarded
def record_(run: Path, out: Path | None, paper: str) -> None:
    """A page to print for the unit of RUN (of a batch: one page a unit), with a QR code of its serial."""
    from rig.report import record_card

    click.echo(record_card.write(run, out, paper))
