"""`rig golden`: the numbers of a golden unit made from runs, and the unit taken through its plan to prove the bench."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from rig.config.batch import BatchFile
from rig.config.library import default_library
from rig.config.plan import load_plan
from rig.errors import UsageError
from rig.plugin.golden import Golden, golden
from rig.plugin.order import Order, bench_options, order_of, plan_path
from rig.record import write_whole
from rig.report import golden as learning

_HEAD = """\
# The golden unit of a bench. Made by 'rig golden set'; docs/trust.md says what the bounds are and what they assume.
# They may be changed by hand; the checks before the change do not count any more.
"""


def make(
    bench_path: Path,
    results: Path,
    serial: str | None = None,
    plan: Path | None = None,
    names: Sequence[str] = (),
    *,
    replaced: bool = False,
) -> tuple[Path, learning.Learned]:
    """Write the golden file that the bench file names, from the good runs of a unit below `results`.

    UsageError when the bench names none, there is one already and `replaced` is not said, or the runs do not do.
    """
    options = bench_options(bench_path)
    if options.golden is None:
        raise UsageError(
            f"{bench_path}: its options name no golden file; add 'golden: {{file: {bench_path.stem}.golden.yaml}}'"
        )
    path = bench_path.parent / options.golden.file
    if path.exists() and not replaced:
        raise UsageError(f"{path}: is there already; --replace it, after a change of the bench that is meant")
    found = learning.learn(
        results, options.name, virtual=options.is_virtual, serial=serial, names=names or learning.NAMES
    )
    content = {**found.content, "plan": _plan(path, found.content["plan"], plan)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (_HEAD + _yaml(content)).encode())
    except OSError as e:
        raise UsageError(f"{path}: cannot be written: {e.strerror}") from e
    return path, found


def _plan(path: Path, name: str, given: Path | None) -> str:
    """The plan as the golden file names it; UsageError where it is another than that of the runs."""
    chosen = str(given.resolve()) if given is not None else name
    asked = load_plan(plan_path(path, chosen)).name
    if asked != name:
        raise UsageError(f"the runs were taken by plan {name!r}, {chosen} is plan {asked!r}; name theirs with --plan")
    return chosen


def _yaml(content: dict[str, Any]) -> str:
    text, yaml = io.StringIO(), YAML(typ="rt")
    yaml.default_flow_style, yaml.width = False, 110
    yaml.dump(content, text)
    return text.getvalue()


def the_golden(bench_path: Path) -> Golden:
    """The bench's golden unit; UsageError when its file names none, or the numbers are not made yet."""
    options = bench_options(bench_path)
    found = golden(bench_path, options)
    if found is not None:
        return found
    if options.golden is None:
        raise UsageError(
            f"{bench_path}: its options name no golden unit; add 'golden: {{file: {bench_path.stem}.golden.yaml}}'"
        )
    raise UsageError(
        f"{bench_path}: {options.golden.file} is not made yet: take a unit through its plan several times, then "
        f"'rig golden set RESULTS --bench {bench_path}'"
    )


def order(bench_path: Path, twin: Path | None = None, out: Path | None = None) -> Order:
    """The golden unit alone through its plan, on a bench in whatever order it is."""
    found = the_golden(bench_path)
    path = plan_path(found.path, found.file.plan)
    plan = load_plan(path)
    if plan.name != found.file.plan_name:
        raise UsageError(f"{found.path}: its numbers are of plan {found.file.plan_name!r}, {path} is {plan.name!r}")
    batch = BatchFile(name="golden", plan=plan.name, units=[found.file.unit])
    made = order_of(
        default_library(), batch, (found.unit,), plan, path, bench_path, twin, out, None, [found.path, path]
    )
    return replace(made, proves_bench=True)
