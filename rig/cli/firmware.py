"""`rig firmware ...`: one card, one task."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rig.cli.shared import BENCH, EXIT_CANCELLED, FILE, FOLDER, exit_code, guarded, printable

if TYPE_CHECKING:
    from rig.plugin.one_card import Place
    from rig.plugin.order import Order


@click.group()
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
            BENCH,
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
        click.echo(f"rig: {printable(result.error)}", err=True)
    click.echo(f"results: {result.folder}")
    sys.exit(EXIT_CANCELLED if result.cancelled else exit_code(result.verdicts()))


@firmware.command()
@_placed
@guarded
def show(place: Place) -> None:
    """Read the firmware of a card and verify its flash; nothing is changed."""
    from rig.plugin import one_card

    _one_card(one_card.show(place))


@firmware.command()
@_placed
@guarded
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
@guarded
def flash(place: Place, image: Path, change_psid: tuple[str, str] | None, allow: tuple[str, ...]) -> None:
    """Burn IMAGE onto a card: backup first, verified after, restored when it fails."""
    from rig.plugin import one_card

    _one_card(one_card.flash(place, image, change_psid, allow, ask=sys.stdin.isatty()))


@firmware.command("virtual-image")
@click.argument("variant", type=click.Choice(["ib", "vpi", "eth"]))
@click.argument("out", type=FILE)
@click.option("--version", default="2.42.5010", show_default=True, help="Firmware version in it.")
@guarded
def virtual_image(variant: str, out: Path, version: str) -> None:
    """Write an image for the virtual cards to OUT: every checksum right, and no line of firmware in it."""
    from rig.twin.connectx3.__main__ import main as image_main

    sys.exit(image_main(["image", variant, str(out), "--fw", version]))


@firmware.command()
@click.argument("backup", type=FOLDER)
@_placed
@guarded
def restore(place: Place, backup: Path) -> None:
    """Put BACKUP (a folder of the vault) back onto its card, from flash recovery too."""
    from rig.plugin import one_card

    _one_card(one_card.restore(place, backup))
