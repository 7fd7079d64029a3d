"""The golden unit where it is met: in a run, and among the checks of a bench."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rig.bench.doctor import BAD, NOT_CHECKED, OK, WARNING, Check
from rig.errors import BenchError, UsageError
from rig.model import Verdict
from rig.plugin import golden
from rig.plugin.golden import Golden
from rig.plugin.order import Order, bench_options
from rig.plugin.standing import key
from rig.plugin.unitrun import UnitRun

PLUG = "golden unit"
_DAY_S = 86_400.0


def proven(found: Golden | None, order: Order, run: UnitRun, tell: Callable[[str, str], None]) -> str | None:
    """Of the golden unit, taken by the plan of its numbers: the check is kept; the reason if the bench is out of order.

    The run is an error of the bench then, whatever its rows say.
    """
    if found is None or key(run.unit) != key(found.unit):
        return None
    if not order.proves_bench and (order.asked or order.plan.name != found.file.plan_name):
        return None
    verdict, why = golden.compared(found, run.judged, run.error)
    # what a batch could not compare is no check; asked for, it is one that was not passed
    if not order.proves_bench and verdict not in (Verdict.PASS, Verdict.FAIL):
        return None
    tell("bench", f"golden unit: {why}")
    try:
        golden.keep(found, verdict, why, run.journal.folder.name)
    except BenchError as e:
        verdict, why = Verdict.ERROR, str(e)
    if verdict is Verdict.PASS:
        return None
    off = f"the bench is out of order, its golden unit was not reproduced: {why}"
    run.bench_is_off(off)
    return off


def standing(bench_path: Path) -> Check:
    """What is known of the bench by its golden unit, as one line of the doctor; nothing is opened."""
    options = bench_options(bench_path)
    try:
        found = golden.golden(bench_path, options)
        last = None if found is None else golden.last_check(found)
    except UsageError as e:
        return Check(PLUG, BAD, str(e), "correct it")
    if found is None and options.golden is not None:
        return Check(PLUG, WARNING, f"{options.golden.file} is not made yet", f"rig golden set --bench {bench_path}")
    if found is None:
        return Check(PLUG, NOT_CHECKED, "the bench file names none", "docs/trust.md says how to have one")
    again = f"rig golden run --bench {bench_path}"
    if last is None:
        return Check(PLUG, WARNING, f"{found.unit}: never checked against these numbers", again)
    if (why := golden.out_of_order(found)) is not None:
        return Check(PLUG, BAD, why)
    age_s = last.age_s(time.time())
    said = f"{found.unit}: reproduced {age_s / _DAY_S:.1f} days ago, {last.why}"
    if age_s > found.max_age_s:
        return Check(PLUG, WARNING, f"{said}; that is more than {found.max_age_s / _DAY_S:g} days", again)
    return Check(PLUG, OK, said)
