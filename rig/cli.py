"""The `rig` command. Heavy imports happen inside the commands: `rig --help` answers at once."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from rig import __version__
from rig.errors import BenchError, RigError
from rig.model import Verdict

if TYPE_CHECKING:
    from rig.plugin.one_card import Place
    from rig.plugin.order import Order
    from rig.plugin.session import Result
    from rig.plugin.unitrun import Outcome

P = ParamSpec("P")
R = TypeVar("R")

EXIT_FAIL, EXIT_USAGE, EXIT_BENCH, EXIT_NOT_RUN, EXIT_CANCELLED = 1, 2, 3, 4, 130

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


def main() -> None:
    """Entry point of the console script."""
    rig.main(prog_name="rig")


def exit_code(verdicts: list[Verdict]) -> int:
    """3 when the bench failed, else 1 when a unit failed, else 4 when something was not run, else 0."""
    for verdict, code in (
        (Verdict.ERROR, EXIT_BENCH),
        (Verdict.FAIL, EXIT_FAIL),
        (Verdict.NOT_RUN, EXIT_NOT_RUN),
    ):
        if verdict in verdicts:
            return code
    return 0 if verdicts else EXIT_NOT_RUN


def _guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Errors the rig raises on purpose become one sentence and an exit code; SIGTERM, SIGHUP cancel like Ctrl-C."""

    @functools.wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        # a job runner may have started us with SIGINT ignored; a cancel must always end in power off
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            return command(*args, **kwargs)
        except RigError as e:
            click.echo(f"rig: {_printable(str(e))}", err=True)
            sys.exit(EXIT_BENCH if isinstance(e, BenchError) else EXIT_USAGE)
        except KeyboardInterrupt:
            click.echo("rig: cancelled", err=True)
            sys.exit(EXIT_CANCELLED)
        except BrokenPipeError:
            sys.exit(EXIT_CANCELLED)

    return inner


def _printable(text: str) -> str:
    """Without control characters: what came from a console or a file must not drive the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rig")
def rig() -> None:
    """Test rig for network cards on hand-soldered FlexibleLOM adapters."""


@rig.command()
@click.argument("batch", type=FILE)
@click.option("--bench", type=FILE, required=True, help="Bench file (a labgrid environment).")
@click.option("--plan", type=FILE, help="Plan file instead of the batch's own.")
@click.option("--out", type=FOLDER, help="Folder for the results [default: results/DATE/TIME-NAME].")
@click.option("--twin", type=FILE, help="Twin file instead of the virtual bench's own.")
@click.option("--twin-state", type=FOLDER, help="Folder in which virtual cards keep their flash from run to run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@_guarded
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
    _finish(result, virtual=order.bench.is_virtual, as_json=as_json)
    sys.exit(EXIT_CANCELLED if result.cancelled else exit_code(result.verdicts()))


def _finish(result: Result, *, virtual: bool, as_json: bool) -> None:
    """Report, summary, and the outcome for the caller."""
    from rig.report import html, markdown, table

    outcomes = result.outcomes
    page = html.write(result.folder)
    (result.folder / "summary.md").write_text(markdown.summary(result.folder), encoding="utf-8")
    if result.error:
        click.echo(f"rig: {_printable(result.error)}", err=True)
    if as_json:
        import json

        click.echo(json.dumps({"units": [_row(o) for o in outcomes]}))
    else:
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


@rig.command()
@click.option("--out", type=FOLDER, help="Folder for the results [default: results/DATE/TIME-demo].")
@_guarded
def demo(out: Path | None) -> None:
    """Test a tray of nine virtual units: good ones and broken ones; no hardware needed."""
    from rig.plugin.demo import compare, order
    from rig.plugin.session import run_order

    result = run_order(order(out))
    _finish(result, virtual=True, as_json=False)
    if result.cancelled:
        sys.exit(EXIT_CANCELLED)
    wrong = compare(result.outcomes) + ([f"the bench: {result.error}"] if result.error else [])
    for line in wrong:
        click.echo(f"rig demo: {line}", err=True)
    if not wrong:
        click.echo("every unit came out as its model demands")
    sys.exit(EXIT_FAIL if wrong else 0)


@rig.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FILE, help="HTML file to write [default: FOLDER/report.html].")
@_guarded
def report(folder: Path, out: Path | None) -> None:
    """Write one self-contained HTML file about all runs below FOLDER."""
    from rig.report import html

    click.echo(html.write(folder, out))


@rig.command()
@click.argument("folder", type=FOLDER)
@click.option("--csv", type=FILE, help="Write every judgement as CSV.")
@click.option("--parquet", type=FILE, help="Write every judgement as Parquet.")
@click.option("--json", "json_", type=FILE, help="Write every judgement as JSON records.")
@_guarded
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


@rig.command(context_settings={"ignore_unknown_options": True})
@click.argument("twin", type=FILE)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@_guarded
def twin(twin: Path, options: tuple[str, ...]) -> None:
    """Run the virtual bench of TWIN until Ctrl-C; prints where its plugs are. OPTIONS: see python -m rig.twin -h."""
    from rig.twin.__main__ import main as twin_main

    sys.exit(twin_main([str(twin), *options]))


@rig.command()
@click.option("--bench", type=FILE, required=True, help="Bench file (a labgrid environment).")
@click.option("--boot/--no-boot", default=True, help="Also boot the test host and look at its tools.")
@_guarded
def doctor(bench: Path, *, boot: bool) -> None:
    """Check every plug of a bench without a unit, one line each, and what to do about a bad one."""
    from rig.plugin.doctor import examine

    checks = examine(bench, boot=boot)
    for c in checks:
        # most errors end in what to do; the general advice is for those that do not
        advice = f"; {c.remedy}" if not c.ok and "; " not in c.said else ""
        click.echo(_printable(f"{'ok  ' if c.ok else 'BAD '} {c.plug}: {c.said}{advice}"))
    sys.exit(0 if all(c.ok for c in checks) else EXIT_BENCH)


@rig.command()
@_guarded
def cards() -> None:
    """List the cards and adapter designs the rig knows."""
    from rig.config.library import default_library
    from rig.report import table

    library = default_library()
    table.print_cards(library.cards(), [library.adapter(d) for d in library.designs()])


@rig.group()
def firmware() -> None:
    """Look at, back up, flash and restore the firmware of one card."""


def _placed(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which card on which bench, as one `Place`."""

    @functools.wraps(command)
    def inner(**given: Any) -> None:
        from rig.plugin.one_card import Place

        names = ("bench", "model", "serial", "design", "adapter", "twin", "twin_state", "out")
        command(Place(**{name: given.pop(name) for name in names}), **given)

    for option in reversed(
        (
            click.option("--bench", type=FILE, required=True, help="Bench file (a labgrid environment)."),
            click.option("--model", help="Model or part number of the card."),
            click.option("--card", "serial", help="Serial of the card."),
            click.option("--design", help="Adapter design it sits on."),
            click.option("--adapter", help="Serial of the adapter."),
            click.option("--twin", type=FILE, help="Twin file instead of the virtual bench's own."),
            click.option("--twin-state", type=FOLDER, help="Folder in which virtual cards keep their flash."),
            click.option("--out", type=FOLDER, help="Folder for the results."),
        )
    ):
        inner = option(inner)
    return inner


def _one_card(order: Order) -> None:
    """Run it, print what was found, exit with what it came to."""
    from rig.plugin.session import run_order
    from rig.report import table

    result = run_order(order)
    for outcome in result.outcomes:
        table.print_rows(outcome.folder, virtual=order.bench.is_virtual)
    if result.error:
        click.echo(f"rig: {_printable(result.error)}", err=True)
    click.echo(f"results: {result.folder}")
    sys.exit(EXIT_CANCELLED if result.cancelled else exit_code(result.verdicts()))


@firmware.command()
@_placed
@_guarded
def show(place: Place) -> None:
    """Read the firmware of a card and verify its flash; nothing is changed."""
    from rig.plugin import one_card

    _one_card(one_card.show(place))


@firmware.command()
@_placed
@_guarded
def backup(place: Place) -> None:
    """Read the flash of a card twice and keep it for ever."""
    from rig.plugin import one_card

    _one_card(one_card.backup(place))


@firmware.command()
@click.argument("image", type=FILE)
@click.option("--change-psid", nargs=2, metavar="OLD NEW", help="Allow this change of the PSID.")
@click.option(
    "--allow",
    multiple=True,
    type=click.Choice(["same version", "older version", "not failsafe", "blank VSD"]),
    help="What mstflint asks about and may be answered with yes.",
)
@_placed
@_guarded
def flash(place: Place, image: Path, change_psid: tuple[str, str] | None, allow: tuple[str, ...]) -> None:
    """Burn IMAGE onto a card: backup first, verified after, restored when it fails."""
    from rig.plugin import one_card

    _one_card(one_card.flash(place, image, change_psid, allow, ask=sys.stdin.isatty()))


@firmware.command("virtual-image")
@click.argument("variant", type=click.Choice(["ib", "vpi", "eth"]))
@click.argument("out", type=FILE)
@click.option("--version", default="2.42.5010", show_default=True, help="Firmware version in it.")
@_guarded
def virtual_image(variant: str, out: Path, version: str) -> None:
    """Write an image for the virtual cards to OUT: every checksum right, and no line of firmware in it."""
    from rig.twin.connectx3.__main__ import main as image_main

    sys.exit(image_main(["image", variant, str(out), "--fw", version]))


@firmware.command()
@click.argument("backup", type=FOLDER)
@_placed
@_guarded
def restore(place: Place, backup: Path) -> None:
    """Put BACKUP (a folder of the vault) back onto its card, from flash recovery too."""
    from rig.plugin import one_card

    _one_card(one_card.restore(place, backup))
