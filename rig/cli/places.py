"""`rig places`: benches as places of a labgrid coordinator."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rig.cli.shared import EXIT_BENCH, FILE, FOLDER, guarded, printable

COORDINATOR = click.option(
    "--coordinator", metavar="HOST:PORT", help="Coordinator [default: $LG_COORDINATOR, or 127.0.0.1:20408]."
)
BENCHES = click.argument("benches", nargs=-1, required=True, type=FILE)
NAME = click.option("--name", help="Name of the place instead of the bench's own; for one bench.")


@click.group()
def places() -> None:
    """Benches shared through labgrid's coordinator."""


@places.command(name="list")
@COORDINATOR
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@guarded
def list_(coordinator: str | None, *, as_json: bool) -> None:
    """Every place: who has it since when, and its tags."""
    from rig.bench.place.tags import every

    found = every(coordinator)
    if as_json:
        import json

        rows = [
            {"place": s.name, "held": s.held, "tags": dict(s.tags), "carries": s.carried is not None} for s in found
        ]
        click.echo(json.dumps({"places": rows}))
        return
    for spec in found:
        tags = " ".join(f"{k}={v}" for k, v in sorted(spec.tags.items()))
        click.echo(printable(f"{spec.name}: {spec.held}; {tags or 'no tags'}"))
    if not found:
        click.echo("the coordinator has no places")


@places.command()
@BENCHES
@NAME
@guarded
def exporter(benches: tuple[Path, ...], name: str | None) -> None:
    """Print the file for labgrid-exporter that offers BENCHES, a group each."""
    from rig.bench.place.exporter import exporter_file

    click.echo(exporter_file((_only(name, benches), path) for path in benches), nl=False)


@places.command()
@BENCHES
@NAME
@COORDINATOR
@guarded
def define(benches: tuple[Path, ...], name: str | None, coordinator: str | None) -> None:
    """Make the places of BENCHES at the coordinator, or bring their tags up to date."""
    from rig.bench.place import tags

    for path in benches:
        click.echo(printable(f"{tags.define(path, coordinator, _only(name, benches))}: defined"))


@places.command(name="bench-file")
@click.argument("query")
@click.option("--out", type=FOLDER, default=Path(), help="Folder for the files [default: this one].")
@COORDINATOR
@guarded
def bench_file(query: str, out: Path, coordinator: str | None) -> None:
    """Write a bench file for every place that meets QUERY (`bench-a`, `slot_gen=3 supply_a>=2`, `flexlom`)."""
    from rig.bench.place.tags import benches

    for spec in benches(query, coordinator):
        click.echo(spec.bench_file(out))


@places.command()
@guarded
def free() -> None:
    """Free what jobs that died on this machine left: benches off, local ones too, places released. For its start."""
    from rig.bench.place.free import Freed
    from rig.bench.place.free import free as free_all

    def tell(freed: Freed) -> None:
        done = f"off: {'yes' if freed.off else 'NO'}, released: {'yes' if freed.released else 'NO'}"
        click.echo(printable(f"{freed.place} (of {freed.owner}): {done}; {freed.text}"))

    sys.exit(0 if free_all(tell) else EXIT_BENCH)


@places.command()
@BENCHES
@click.option("-n", "count", type=click.IntRange(1, 32), default=1, help="That many of each bench.")
@click.option("--listen", default="127.0.0.1:20408", show_default=True, help="Where the coordinator listens.")
@click.option("--state", type=FOLDER, help="Folder for its files [default: a temporary one].")
@guarded
def virtual(benches: tuple[Path, ...], count: int, listen: str, state: Path | None) -> None:
    """Run a coordinator, an exporter and virtual BENCHES on this machine until Ctrl-C; prints where they are."""
    import contextlib
    import json
    import signal
    import tempfile

    from rig.plugin.places import numbered, virtual_places

    with contextlib.ExitStack() as stack:
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-places-")))
        running = stack.enter_context(virtual_places(numbered(benches, count), folder, listen))
        click.echo(json.dumps({"coordinator": running.coordinator, "places": sorted(running.places)}))
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


def _only(name: str | None, benches: tuple[Path, ...]) -> str | None:
    if name is not None and len(benches) > 1:
        raise click.UsageError("--name goes with one bench")
    return name
