"""`rig init`: a bench file from what there is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rig.cli.shared import EXIT_NOT_RUN, FILE, guarded, printable

if TYPE_CHECKING:
    from rig.bench.discover.probe import Console, Switch
    from rig.guard.scan import Found

_DONE = "none"


@click.command()
@click.option(
    "--out", type=FILE, default=Path("bench.yaml"), show_default=True, help="The bench file; never overwritten."
)
@click.option("--name", help="Name of the bench, in every row of its results  [default: that of the file]")
@click.option(
    "--supply", "supplies", multiple=True, metavar="VISA", help="Address of a supply; a second one may follow."
)
@click.option("--mains", metavar="URL", help="Mains switch of the test host: a Shelly or Tasmota plug.")
@click.option("--console", metavar="WHERE", help="Serial console: HOST:PORT or a device. It is sent one Return.")
@click.option("--operator", metavar="URL", help="Operator of a twin  [default: the person at the terminal]")
@click.option("--slot", metavar="GENxLANES", help="What the slot can do, such as 3x8.")
@click.option(
    "--port", "ports", multiple=True, metavar="ADDRESS/PREFIX", help="The host's end of a cable; once a port."
)
@click.option("--lan", is_flag=True, help="Also look for supplies by broadcasts into the network.")
@click.option("--ask/--no-ask", default=None, help="Ask for what was not found  [default: at a terminal]")
@guarded
def init(
    out: Path, name: str | None, supplies: tuple[str, ...], mains: str | None, console: str | None,
    operator: str | None, slot: str | None, ports: tuple[str, ...], *, lan: bool, ask: bool | None,
) -> None:  # fmt: skip
    """Look for supplies, console and mains switch and write a commented bench file of them; nothing is switched.

    What is not named is looked for among this machine's serial and USB ports, each of which is asked '*IDN?'. Exit
    code 4: the file is written, and what is missing in it has to be filled in by hand.
    """
    from rig.bench.discover import benchfile
    from rig.errors import UsageError

    if out.exists():
        raise UsageError(f"{out}: it is there already, and is not overwritten: name another with --out")
    asking = sys.stdin.isatty() if ask is None else ask
    found = _supplies(supplies, lan=lan, asking=asking)
    where, choices = _console(console, {f.address for f in found}, asking=asking)
    parts = benchfile.Parts(
        name=name or out.stem, supplies=found, mains=_mains(mains, asking=asking), console=where,
        operator=operator, slot=_slot(slot), ports=ports, choices=choices,
    )  # fmt: skip
    missing = benchfile.write(parts, out)
    for what in missing:
        _tell(f"missing: {what}")
    if missing:
        _tell(f"{out}: written, NOT complete: the rig refuses it until every TODO in it is done")
        sys.exit(EXIT_NOT_RUN)
    _tell(f"{out}: written{', virtual' if parts.virtual else ''}; read it, then: rig doctor --bench {out}")


def _supplies(given: tuple[str, ...], *, lan: bool, asking: bool) -> list[Found]:
    """Those that answered; BenchError when one that was named did not."""
    from rig.errors import BenchError, UsageError
    from rig.guard import scan

    asked = list(given) or scan.addresses(lan=lan)
    if not asked and asking and (typed := _typed("VISA address of the supply")):
        asked, given = [typed], (typed,)
    found = []
    for one in scan.ask(asked):
        if one.identity is None and given:
            raise BenchError(one.said or f"{one.address}: nobody answers")
        if one.identity is not None and one.row is None:
            _tell(f"{one.address}: {one.said}: no row fits; name one that speaks alike as `dialect` (docs/supplies.md)")
        elif one.identity is not None and one.row in _rows():
            _tell(f"supply: {one.address}: {one.said}, row {one.row}")
            found.append(one)
    if len(found) > 2:
        raise UsageError("more than two supplies answered: name the one or two of this bench with --supply")
    return found


def _rows() -> set[str]:
    from rig.guard.dialects import SUPPLIES

    return set(SUPPLIES)


def _mains(given: str | None, *, asking: bool) -> Switch | None:
    from rig.bench.discover import probe

    given = given or (_typed("address of the mains switch, http://HOST") if asking else None)
    if given is None:
        return None
    found = probe.switch(given)
    _tell(f"mains switch: {found.url}: {found.said}")
    return found


def _console(given: str | None, taken: set[str], *, asking: bool) -> tuple[Console | None, list[str]]:
    """The console, and the ports that could be one where nobody said which."""
    from rig.bench.discover import probe

    ports = [] if given else [p for p in probe.serial_ports() if not any(Path(p).name in t for t in taken)]
    if given is None and len(ports) == 1:
        given = ports[0]
    if given is None and asking:
        for port in ports:
            _tell(f"serial port: {port}")
        given = _typed("console of the test host, HOST:PORT or a device")
    if given is None:
        return None, ports
    found = probe.console(given)
    _tell(f"console: {given}: open, {found.host_name or 'silent: is the host off?'}")
    return found, []


def _slot(given: str | None) -> tuple[int, int] | None:
    from rig.errors import UsageError

    if given is None:
        return None
    gen, _, lanes = given.lower().removeprefix("gen").partition("x")
    if gen not in ("1", "2", "3", "4") or lanes not in ("1", "4", "8", "16"):
        raise UsageError(f"--slot {given!r}: expected generation 1 to 4 and 1, 4, 8 or 16 lanes, such as 3x8")
    return int(gen), int(lanes)


def _typed(what: str) -> str | None:
    typed = str(click.prompt(what, default=_DONE)).strip()
    return None if typed in ("", _DONE) else typed


def _tell(line: str) -> None:
    click.echo(printable(line))
