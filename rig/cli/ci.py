"""`rig ci`: a batch, and the files and words a runner wants of it."""

from __future__ import annotations

import copy
import inspect
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from click.core import ParameterSource

from rig.cli.batch import OUT, batch
from rig.cli.shared import EXIT_BENCH, EXIT_CANCELLED, EXIT_USAGE, FILE, FOLDER, exit_code, guarded, printable
from rig.errors import BenchError, RigError, UsageError

_OWN = frozenset({"as_json"})
"""Options of `rig batch` that are none here: standard output belongs to the runner."""
_SET = {"as_json": False, "report": False}
"""What `rig batch` is told here: the files are written once, and the one that a runner imports first."""


def _asked() -> list[click.Parameter]:
    """What `rig batch` may be asked, none of it needed where results are there already."""
    found = [copy.copy(p) for p in batch.params if p.name not in _OWN]
    for parameter in found:
        parameter.required = False
    return found


@click.command(params=_asked())
@click.option("--from", "from_", type=FOLDER, help="Make the files of results that are there; nothing is measured.")
@click.option("--baseline", type=FILE, help="Compare with this file of 'rig baseline set'; a regression is a failure.")
@click.pass_context
@guarded
def ci(ctx: click.Context, /, from_: Path | None, baseline: Path | None, **asked: object) -> None:
    """Take BATCH through the plan as 'rig batch' does, then write junit.xml and summary.md, and tell the runner.

    Exit codes: 0 good, 1 failed or worse than the baseline, 2 wrong call, 3 the bench failed, 4 something was not
    run or nothing could be compared, 130 cancelled.
    """
    from rig.plugin import ci as job

    job.check_baseline(baseline)
    if from_ is not None:
        _refuse(ctx)
        job.check_folder(from_)
        sys.exit(_told(from_, baseline, 0, None, None))
    _need(asked)
    folder, asked = _folder(asked)
    with _quiet():
        code, fault = _run(inspect.unwrap(_callback()), asked)
    if not folder.is_dir():
        raise fault or UsageError(f"{folder}: the batch left no results")
    sys.exit(_told(folder, baseline, code, fault, str(asked.get("batch") or "")))


def _callback() -> Callable[..., object]:
    if batch.callback is None:
        raise UsageError("rig batch does nothing")
    return batch.callback


def _refuse(ctx: click.Context) -> None:
    theirs = [p for p in batch.params if p.name and ctx.get_parameter_source(p.name) is ParameterSource.COMMANDLINE]
    if theirs:
        names = ", ".join(map(_name, theirs))
        raise UsageError(f"--from makes files of results that are there; {names} is for a batch that runs")


def _need(asked: dict[str, object]) -> None:
    for parameter in batch.params:
        if parameter.required and parameter.name and not asked.get(parameter.name):
            raise UsageError(f"{_name(parameter)} is missing: rig ci BATCH --bench BENCH, or --from FOLDER")


def _name(parameter: click.Parameter) -> str:
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name


def _folder(asked: dict[str, object]) -> tuple[Path, dict[str, object]]:
    """Where the results will be: the runner's files go there even when the bench cannot be opened."""
    from rig.config.library import project_root
    from rig.record import batch_folder

    out, resume = asked.get("out"), asked.get("resume")
    if isinstance(resume, str) and resume != OUT:
        return Path(resume), asked
    if isinstance(out, Path):
        return out, asked
    if resume is not None:
        return Path(), asked  # 'rig batch' says what is wrong with that
    new, _ = batch_folder(None, project_root() / "results", Path(str(asked["batch"])).stem)
    return new, {**asked, "out": new}


def _run(command: Callable[..., object], asked: dict[str, object]) -> tuple[int, RigError | None]:
    """Exit code of the batch, and what the rig gave up for."""
    try:
        command(**asked, **_SET)
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else EXIT_USAGE, None
    except RigError as e:
        return EXIT_BENCH if isinstance(e, BenchError) else EXIT_USAGE, e
    except KeyboardInterrupt:
        return EXIT_CANCELLED, None
    return 0, None


@contextmanager
def _quiet() -> Iterator[None]:
    """On GitHub, nothing that a card or a label says is taken for a command while the batch runs."""
    from rig.plugin.ci import on_github

    if not on_github(os.environ):
        yield
        return
    token = secrets.token_hex(16)
    click.echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        click.echo(f"::{token}::")


def _told(folder: Path, baseline: Path | None, code: int, fault: RigError | None, batch_file: str | None) -> int:
    """Write the files, tell the runner; the exit code of all of it."""
    from rig.plugin import ci as job

    told = str(fault) if fault else ""
    written = job.write(folder, baseline if code != EXIT_CANCELLED else None, os.environ, told, _shown(batch_file))
    for line in written.lines:
        click.echo(line)
    for problem in filter(None, (told, written.warning)):
        click.echo(f"rig: {printable(problem)}", err=True)
    click.echo(f"junit: {printable(str(folder / job.JUNIT))}")
    if written.report is not None:
        click.echo(f"report: {printable(str(written.report))}")
    # a wrong call and a cancelled job stay what they are, whatever was measured before
    return code if code in (EXIT_USAGE, EXIT_CANCELLED, EXIT_BENCH) else exit_code(written.verdicts)


def _shown(batch_file: str | None) -> str | None:
    """The batch file as the runner knows it: a path below the working folder."""
    if not batch_file:
        return None
    path, here = Path(batch_file).resolve(), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else None
