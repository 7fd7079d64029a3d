"""The `rig` command. Heavy imports happen inside the commands: `rig --help` answers at once."""

from __future__ import annotations

import click

from rig import __version__
from rig.cli.baseline import baseline
from rig.cli.batch import batch, demo
from rig.cli.bench import cards, doctor, twin
from rig.cli.ci import ci
from rig.cli.compare import compare
from rig.cli.diagnose import diagnose
from rig.cli.firmware import firmware
from rig.cli.golden import golden
from rig.cli.init import init
from rig.cli.places import places
from rig.cli.schema import schema
from rig.cli.shared import exit_code
from rig.cli.stored import envelope, report, results
from rig.cli.supply import supply
from rig.cli.trays import matrix, record_, rework, yield_

__all__ = ["exit_code", "main", "rig"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rig")
def rig() -> None:
    """Test rig for network cards on hand-soldered FlexibleLOM adapters."""


for command in (
    baseline, batch, cards, ci, compare, demo, diagnose, doctor, envelope, firmware, golden, init, matrix, places,
    record_, report, results, rework, schema, supply, twin, yield_,
):  # fmt: skip
    rig.add_command(command)


def main() -> None:
    """Entry point of the console script."""
    rig.main(prog_name="rig")
