"""`rig batch --scan`: a tray read in by somebody with a scanner, which types a line a label."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from rig.cli.shared import printable
from rig.config.batch import BatchFile
from rig.config.tray import MAX_UNITS, tray_text
from rig.errors import UsageError
from rig.plugin.order import TRAY
from rig.record import write_whole

MAX_SERIAL = 64
_TOO_LONG = 4096


def scan(batch: BatchFile, folder: Path) -> Path:
    """Ask for adapter and card of one unit after another on standard input, until an empty line; the tray's file."""
    units: list[tuple[str, str, str, str]] = []
    while len(units) < MAX_UNITS and (unit := _unit(batch, units)) is not None:
        units.append(unit)
    if not units:
        raise UsageError("--scan: no unit was scanned")
    file = folder / TRAY
    try:
        write_whole(file, tray_text(units).encode())
    except OSError as e:
        raise UsageError(f"{file}: the tray cannot be written there: {e.strerror}") from e
    return file


def _unit(batch: BatchFile, units: list[tuple[str, str, str, str]]) -> tuple[str, str, str, str] | None:
    n = len(units) + 1
    serial = _asked(f"unit {n}: adapter (empty line: that was all)", _free({u[1] for u in units}, "adapter"))
    if not serial:
        return None
    design = batch.tray.design or _needed(f"unit {n}: its design")
    card = _needed(f"unit {n}: card", _free({u[3] for u in units}, "card"))
    return design, serial, batch.tray.model or _needed(f"unit {n}: its model"), card


def _free(taken: set[str], kind: str) -> Callable[[str], str | None]:
    return lambda serial: f"{kind} {serial} is in the tray already" if serial in taken else None


def _needed(what: str, wrong: Callable[[str], str | None] = lambda text: None) -> str:
    typed = _asked(what, wrong)
    if not typed:
        raise UsageError(f"--scan: the tray ended before {what}; begin again")
    return typed


def _asked(what: str, wrong: Callable[[str], str | None] = lambda text: None) -> str:
    """What was typed, without the blanks around it; `wrong` says why it is asked for again."""
    while True:
        click.echo(f"{what}: ", nl=False, err=True)
        typed = sys.stdin.readline(_TOO_LONG).strip()
        fault = wrong(typed) if typed.isprintable() and len(typed) <= MAX_SERIAL else f"{typed[:20]!r} is no label"
        if fault is None:
            return typed
        click.echo(f"rig: {printable(fault)}", err=True)
