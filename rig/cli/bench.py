"""`rig doctor`, `rig twin` and `rig cards`: the bench and what is known."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rig.cli.shared import BENCH, EXIT_BENCH, FILE, FOLDER, guarded, printable


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("twin", type=FILE)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@guarded
def twin(twin: Path, options: tuple[str, ...]) -> None:
    """Run the virtual bench of TWIN until Ctrl-C; prints where its plugs are. OPTIONS: see python -m rig.twin -h."""
    from rig.twin.__main__ import main as twin_main

    sys.exit(twin_main([str(twin), *options]))


@click.command()
@BENCH
@click.option("--boot/--no-boot", default=False, help="Also power the test host, its slot EMPTY, and look inside.")
@click.option("--out", type=FOLDER, help="Folder of the results, for its free disk [default: results].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@guarded
def doctor(bench: Path, out: Path | None, *, boot: bool, as_json: bool) -> None:
    """Check every plug of a bench without a unit, one line each, and what to do about a bad one.

    Exit 3 when one is bad. What was not checked is not ok, and says why.
    """
    from rig.plugin.doctor import examine, is_virtual

    checks, virtual = examine(bench, boot=boot, results=out), is_virtual(bench)
    bad = any(c.state == "bad" for c in checks)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps({"bench": str(bench), "virtual": virtual, "bad": bad, "checks": [*map(asdict, checks)]}))
        sys.exit(EXIT_BENCH if bad else 0)
    if virtual:
        click.echo("virtual bench")
    for c in checks:
        # most errors end in what to do; the general advice is for those that do not
        advice = f"; {c.remedy}" if c.remedy and not c.ok and "; " not in c.said else ""
        mark = c.state.upper() if c.state == "bad" else c.state
        click.echo(printable(f"{mark:<11} {c.plug}: {c.said}{advice}"))
    sys.exit(EXIT_BENCH if bad else 0)


@click.command()
@guarded
def cards() -> None:
    """List the cards and adapter designs the rig knows."""
    from rig.config.library import default_library
    from rig.report import table

    library = default_library()
    table.print_cards(library.cards(), [library.adapter(d) for d in library.designs()])
