"""`rig doctor`, `rig twin` and `rig cards`: the bench and what is known."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rig.cli.shared import BENCH, EXIT_BENCH, FILE, guarded, printable


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
@click.option("--boot/--no-boot", default=True, help="Also boot the test host and look at its tools.")
@guarded
def doctor(bench: Path, *, boot: bool) -> None:
    """Check every plug of a bench without a unit, one line each, and what to do about a bad one."""
    from rig.plugin.doctor import examine

    checks = examine(bench, boot=boot)
    for c in checks:
        # most errors end in what to do; the general advice is for those that do not
        advice = f"; {c.remedy}" if not c.ok and "; " not in c.said else ""
        click.echo(printable(f"{'ok  ' if c.ok else 'BAD '} {c.plug}: {c.said}{advice}"))
    sys.exit(0 if all(c.ok for c in checks) else EXIT_BENCH)


@click.command()
@guarded
def cards() -> None:
    """List the cards and adapter designs the rig knows."""
    from rig.config.library import default_library
    from rig.report import table

    library = default_library()
    table.print_cards(library.cards(), [library.adapter(d) for d in library.designs()])
