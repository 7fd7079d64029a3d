"""What every command shares: exit codes, kinds of arguments, and errors as one sentence."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from rig.errors import BenchError, RigError
from rig.model import Verdict

P = ParamSpec("P")
R = TypeVar("R")

EXIT_FAIL, EXIT_USAGE, EXIT_BENCH, EXIT_NOT_RUN, EXIT_CANCELLED = 1, 2, 3, 4, 130

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


def _one_bench(ctx: click.Context, option: click.Parameter, given: tuple[Path, ...]) -> Path:
    """Click itself would take the last and say nothing of the others."""
    if len(given) > 1:
        raise click.BadParameter(f"{len(given)} benches: this command takes one; several share a batch by 'rig batch'")
    return given[0]


BENCH = click.option(
    "--bench", type=FILE, required=True, multiple=True, callback=_one_bench, metavar="FILE",
    help="Bench file (a labgrid environment).",
)  # fmt: skip
WAIT = click.option(
    "--wait", "wait_s", type=click.FloatRange(0), default=600.0, show_default=True, metavar="S",
    help="Seconds to wait for the bench where it is a place of a coordinator.",
)  # fmt: skip
TAKE_OVER = click.option("--take-over", is_flag=True, help="Take the place even from a job or person that has it.")


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


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Errors the rig raises on purpose become one sentence and an exit code; SIGTERM, SIGHUP cancel like Ctrl-C."""

    @functools.wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        # a job runner may have started us with SIGINT ignored; a cancel must always end in power off
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            return command(*args, **kwargs)
        except RigError as e:
            click.echo(f"rig: {printable(str(e))}", err=True)
            sys.exit(EXIT_BENCH if isinstance(e, BenchError) else EXIT_USAGE)
        except KeyboardInterrupt:
            click.echo("rig: cancelled", err=True)
            sys.exit(EXIT_CANCELLED)
        except BrokenPipeError:
            sys.exit(EXIT_CANCELLED)

    return inner


def printable(text: str) -> str:
    """Without control characters: what came from a console or a file must not drive the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
