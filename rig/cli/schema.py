"""`rig schema`: what editors need to complete and check the rig's files."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rig.cli.shared import FOLDER, guarded


@click.command()
@click.argument("name", required=False)
@click.option("--out", type=FOLDER, help="Write NAME.json there instead; without NAME every schema.")
@guarded
def schema(name: str | None, out: Path | None) -> None:
    """The JSON Schema of the files called NAME (bench, card, plan ...); without NAME which there are."""
    from rig.errors import UsageError
    from rig.plugin import schemas
    from rig.record import write_whole

    if out is None:
        sys.stdout.write(schemas.text(name) if name else "".join(f"{n}\n" for n in sorted(schemas.FILES)))
        return
    texts = {n: schemas.text(n) for n in ([name] if name else schemas.FILES)}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for n, text in texts.items():
            write_whole(out / f"{n}.json", text.encode())
    except OSError as e:
        raise UsageError(f"{out}: the schemas cannot be written there: {e.strerror}") from e
    click.echo(f"{len(texts)} schemas in {out}")
