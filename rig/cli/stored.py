"""`rig report`, `rig results` and `rig envelope`: what stored runs say."""

from __future__ import annotations

from pathlib import Path

import click

from rig.cli.shared import FILE, FOLDER, guarded, printable


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
@click.option("--ocptv", type=FOLDER, help="Write every run as OCP Test & Validation JSON Lines, a file each.")
@click.option(
    "--to", "url", metavar="URL",
    help="Write every judgement to a file (.parquet, .csv, .json) or, by date, to a folder or object store.",
)  # fmt: skip
@guarded
def results(
    folder: Path, csv: Path | None, parquet: Path | None, json_: Path | None, ocptv: Path | None, url: str | None
) -> None:
    """Every judgement below FOLDER as a table; a Markdown summary when no file is asked for."""
    from rig import report
    from rig.report import markdown

    if not any((csv, parquet, json_, ocptv, url)):
        click.echo(markdown.summary(folder))
        return
    if csv or parquet or json_:
        report.export(report.frame(folder), csv=csv, parquet=parquet, json=json_)
    for path in filter(None, (csv, parquet, json_)):
        click.echo(path)
    if ocptv is not None:
        _ocptv(folder, ocptv)
    if url is not None:
        _send(folder, url)


def _ocptv(folder: Path, out: Path) -> None:
    from rig.report import ocptv

    written, problems = ocptv.write(folder, out)
    for path in written:
        click.echo(path)
    for problem in problems:
        click.echo(f"rig: {printable(problem)}", err=True)


def _send(folder: Path, url: str) -> None:
    from rig.report import store

    files, rows = store.send(folder, url)
    for name in files:
        click.echo(printable(name))
    click.echo(f"{rows} rows")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FILE, help="File to write [default: print it].")
@guarded
def envelope(folder: Path, out: Path | None) -> None:
    """Learn what first power of each card looks like from the runs below FOLDER that passed it."""
    from rig.report import envelope as learned

    text = learned.write(learned.learn(folder), out)
    click.echo(out if out is not None else text.rstrip())
