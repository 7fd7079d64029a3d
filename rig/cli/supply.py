"""`rig supply ...`: a bench supply by hand, behind its guardian."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rig.cli.shared import BENCH, EXIT_BENCH, FILE, guarded, printable


@click.group()
def supply() -> None:
    """Look at and switch the supplies of a bench by hand, under the guardian and its ceilings."""


def _tell(line: str) -> None:
    click.echo(printable(line))


@supply.command("show")
@BENCH
@guarded
def supply_show(bench: Path) -> None:
    """Every instrument and rail as it is: who, ranges, accuracy, on or off, readings. Nothing is switched."""
    from rig.plugin import supply as by_hand

    by_hand.show(bench, _tell)


@supply.command("set")
@click.argument("rail")
@click.argument("volts", type=float)
@click.argument("amps", type=float)
@BENCH
@click.option("--for", "for_s", type=float, help="Seconds [default: until Ctrl-C].")
@guarded
def supply_set(rail: str, volts: float, amps: float, bench: Path, for_s: float | None) -> None:
    """Put RAIL on at VOLTS, limited to AMPS; it is held while this runs, then everything is off and verified."""
    from rig.plugin import supply as by_hand

    by_hand.hold(bench, rail, volts, amps, by_hand.checked_time(for_s), _tell)


@supply.command("off")
@BENCH
@guarded
def supply_off(bench: Path) -> None:
    """Put every output off and read back that it is."""
    from rig.plugin import supply as by_hand

    by_hand.off(bench, _tell)


@supply.command("scan")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS...]")
@click.option("--bench", type=FILE, help="Ask the instruments of this bench file.")
@click.option("--lan", is_flag=True, help="Also send broadcasts into the network.")
@guarded
def supply_scan(addresses: tuple[str, ...], bench: Path | None, *, lan: bool) -> None:
    """Ask who is at each ADDRESS (else at the bench file's, else at every serial and USB port) and which row fits."""
    from rig.plugin import supply as by_hand

    sys.exit(0 if by_hand.search(bench, addresses, lan=lan, tell=_tell) else EXIT_BENCH)
