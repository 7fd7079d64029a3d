"""`rig compare`: which of two card models draws less."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from rig.cli.batch import finish, written
from rig.cli.shared import EXIT_CANCELLED, FILE, FOLDER, exit_code, guarded, printable
from rig.errors import UsageError
from rig.model import Verdict

if TYPE_CHECKING:
    from rig.report.compare import Options


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="DIR | A B")
@click.option("--models", nargs=2, metavar="A B", help="Card models in DIR [default: the two that are there].")
@click.option("--margin", "margin_w", type=float, help="Difference in W that matters [default: as stated, or 0.5].")
@click.option("--price", type=float, default=0.30, show_default=True, help="Price of a kWh.")
@click.option("--currency", default="EUR", show_default=True)
@click.option("--duty", multiple=True, metavar="STATE=SHARE", help="Share of the year in a state [default: idle=1].")
@click.option("--any-link", is_flag=True, help="Judge states although PCIe link or linked ports differ.")
@click.option("--out", type=FOLDER, help="Folder for the report [default: DIR], or for the runs of A and B.")
@click.option(
    "--bench", "benches", multiple=True, metavar="FILE",
    help="Measure A and B by turns on this bench: a bench file, or 'tag:QUERY' for a place of a coordinator.",
)  # fmt: skip
@click.option("--inserts", type=int, help="Inserts of each card, at most [default: 8].")
@click.option("--full", is_flag=True, help="Make all inserts, however certain the answer is before.")
@click.option("--card-a", "cards_a", multiple=True, metavar="SERIAL", help="Serial of a card of model A.")
@click.option("--card-b", "cards_b", multiple=True, metavar="SERIAL", help="Serial of a card of model B.")
@click.option("--design", help="Adapter design they sit on [default: the first that carries both].")
@click.option("--adapter", help="Serial of the adapter.")
@click.option("--plan", type=FILE, help="Plan file [default: compare.yaml, on a twin compare-virtual.yaml].")
@click.option("--twin", type=FILE, help="Twin file instead of the virtual bench's own.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@guarded
def compare(
    what: tuple[str, ...],
    models: tuple[str, str] | None,
    margin_w: float | None,
    price: float,
    currency: str,
    duty: tuple[str, ...],
    out: Path | None,
    benches: tuple[str, ...],
    inserts: int | None,
    *,
    full: bool,
    any_link: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Which of two card models draws less: from the runs below DIR, or measured by turns on a bench."""
    from rig.report.compare import Options

    chosen = Options(margin_w, price, currency, _shares(duty) or Options().duty, any_link=any_link)
    given = ["--inserts"] * (inserts is not None) + ["--full"] * full + [f"--{n}" for n, v in where.items() if v]
    if len(what) == 2 and benches and models is None:
        _run_comparison((what[0], what[1]), _one(benches), inserts, chosen, out, full=full, as_json=as_json, **where)
    if len(what) == 2:
        raise UsageError("rig compare: two models are measured on a bench: --bench FILE; --models goes with a folder")
    if len(what) != 1:
        raise UsageError(f"rig compare: {len(what)} arguments: name one folder of results, or two models and --bench")
    if benches or given:
        first = "--bench" if benches else given[0].replace("_", "-")
        raise UsageError(f"rig compare: {first} goes with two models; a folder of results is only read")
    _compared(Path(what[0]), models, replace(chosen, out=out), as_json=as_json)


def _one(benches: tuple[str, ...]) -> Path:
    """The bench file that was named, or that of the one place of a tag."""
    if len(benches) > 1:
        raise UsageError(
            f"rig compare: {len(benches)} benches: a comparison on several is not built; name one bench, as A and B "
            "have to take turns on the same instruments"
        )
    from rig.plugin.fleet.seats import seats

    return seats(benches, None)[0].path


def _run_comparison(
    models: tuple[str, str],
    bench: Path,
    inserts: int | None,
    options: Options,
    out: Path | None,
    *,
    full: bool,
    as_json: bool,
    **where: Any,
) -> NoReturn:
    """Measure, write the batch's report and the comparison's, and end with what the inserts came to."""
    from rig.plugin import comparison
    from rig.plugin.session import run_order
    from rig.report.compare.comparison import check_options
    from rig.report.compare.sequential import decided

    check_options(options)
    wanted = comparison.Wanted(
        *models, bench=bench, inserts=comparison.INSERTS if inserts is None else inserts,
        margin_w=comparison.MARGIN_W if options.margin_w is None else options.margin_w, out=out, **where,
    )  # fmt: skip
    order = comparison.order(wanted, None if full else decided)
    result = run_order(order)
    if as_json:
        # the one object on stdout is the comparison's
        written(result)
    else:
        finish(result, virtual=order.bench.is_virtual, as_json=False)
    if result.stopped:
        click.echo(f"stopped early: {result.stopped}", err=as_json)
    pair = comparison.models(wanted)
    measured = {o.unit.card.model for o in result.outcomes if o.verdict is not Verdict.ERROR}
    if measured == set(pair):
        _compared(result.folder, pair, options, as_json=as_json)
    else:
        click.echo(f"rig: nothing to compare: {' and '.join(set(pair) - measured)} was not measured", err=True)
    sys.exit(EXIT_CANCELLED if result.cancelled else exit_code(result.verdicts()))


def _shares(duty: tuple[str, ...]) -> dict[str, float]:
    """`idle=0.9` to state and share."""
    shares: dict[str, float] = {}
    for text in duty:
        state, _, share = text.partition("=")
        try:
            shares[state] = float(share)
        except ValueError as e:
            raise UsageError(f"--duty {text}: write STATE=SHARE, like idle=0.9") from e
    return shares


def _compared(folder: Path, models: tuple[str, str] | None, options: Options, *, as_json: bool) -> None:
    """Write the report on the comparison stored in `folder` and say what it says."""
    from rig.report.compare import words, write

    written = write(folder, models, options)
    if as_json:
        import json

        from rig.report.compare import tables

        click.echo(json.dumps(tables.tree(written.comparison), allow_nan=False))
        return
    for line in words.summary(written.comparison):
        click.echo(printable(line))
    click.echo(f"report: {written.html}")
