"""`rig report`, `rig results` and `rig envelope`: what stored runs say."""

from __future__ import annotations

from pathlib import Path

import click

from rig.cli.shared import FILE, FOLDER, guarded


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FILE, help="HTML file to write [default: FOLDER/report.html].")
@guarded
def report(folder: Path, out: Path | None) -> None:
    """Write one self-contained HTML file about all runs below FOLDER."""
    from rig.report import html

    click.echo(html.write(folder, out))


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--csv", type=FILE, help="Write every judgement as CSV.")
@click.option("--parquet", type=FILE, help="Write every judgement as Parquet.")
@click.option("--json", "json_", type=FILE, help="Write every judgement as JSON records.")
@guarded
def results(folder: Path, csv: Path | None, parquet: Path | None, json_: Path | None) -> None:
    """Every judgement below FOLDER as a table; a Markdown summary when no file is asked for."""
    from rig import report
    from rig.report import markdown

    if csv is None and parquet is None and json_ is None:
        click.echo(markdown.summary(folder))
        return
    report.export(report.frame(folder), csv=csv, parquet=parquet, json=json_)
    for path in filter(None, (csv, parquet, json_)):
        click.echo(path)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FILE, help="File to write [default: print it].")
@guarded
def envelope(folder: Path, out: Path | None) -> None:
    """Learn what first power of each card looks like from the runs below FOLDER that passed it."""
    from rig.report import envelope as learned

    text = learned.write(learned.learn(folder), out)
    click.echo(out if out is not None else text.rstrip())
