"""Stored runs as suites and cases of a test report: a unit is a suite, a step a case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rig.judge import worst
from rig.model import Step, Verdict
from rig.report import journal as journal_
from rig.report.ci import numbers
from rig.report.journal import BatchLog, Journal, RunLog
from rig.report.schema import Event, Row
from rig.report.summary import Outcome, latest, outcomes

WHOLE = "run"
"""Case that stands for the run itself, where no step says what came of it."""
BENCH = "bench"
_ORDER = {step.value: n for n, step in enumerate(Step)}
_MOST_SENTENCES = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One test; `verdict` None: recorded, and nothing in it has a limit."""

    group: str
    name: str
    verdict: Verdict | None
    time_s: float = 0.0
    message: str = ""
    """One line; said where the verdict is not green."""
    text: str = ""
    """All there is to say about it."""
    told: bool = True
    """Whether a runner hears of it beside the file."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases with the numbers behind them."""

    name: str
    package: str
    host: str
    cases: tuple[Case, ...]
    properties: tuple[tuple[str, str], ...] = ()
    started_s: float = 0.0
    time_s: float = 0.0
    out: str = ""
    err: str = ""


def suites(found: Journal) -> tuple[Suite, ...]:
    """One suite a batch for its bench, then one a unit: its latest attempt, with the verdicts of those before."""
    every = outcomes(found)
    batches = [_bench(batch, found.problems if n == 0 else ()) for n, batch in enumerate(found.batches)]
    return (*batches, *(_unit(found, o, [e for e in every if e.key == o.key]) for o in latest(every)))


def verdicts(found: Journal) -> list[Verdict]:
    """One a unit by its latest attempt, and one for every bench that failed or batch that did not come to its end."""
    benches = [v for batch in found.batches if (v := _bench_verdict(batch)[0]) is not Verdict.PASS]
    return [*(o.verdict for o in latest(outcomes(found))), *benches]


def _bench(batch: BatchLog, problems: Sequence[str]) -> Suite:
    s = batch.start
    verdict, message = _bench_verdict(batch)
    ended = batch.stop.ended_s if batch.stop else None
    started = s.started_s or 0.0
    return Suite(
        f"bench {s.bench or 'unknown'}", s.batch, s.bench,
        (Case(BENCH, f"{BENCH} {s.bench}".strip(), verdict, 0.0, message, message),),
        (("rig:batch", s.batch), ("rig:bench", s.bench), ("rig:plan", s.plan), ("rig:virtual", _word(s.virtual))),
        started, max(0.0, ended - started) if ended else 0.0, "", "\n".join(problems),
    )  # fmt: skip


def _bench_verdict(batch: BatchLog) -> tuple[Verdict, str]:
    if batch.stop is None:
        return Verdict.NOT_RUN, "the batch has no stop record: it crashed, or is still running"
    if batch.stop.error:
        return Verdict.ERROR, batch.stop.error
    if batch.stop.status != "finished":
        return Verdict.NOT_RUN, f"the batch was {batch.stop.status}"
    return Verdict.PASS, ""


def _unit(found: Journal, o: Outcome, attempts: Sequence[Outcome]) -> Suite:
    cases = _cases(o)
    run = o.run
    if run is None:
        return Suite(o.unit, o.batch, _batch_bench(found, o), cases, _facts(found, o, attempts))
    return Suite(
        o.unit, o.batch, run.start.bench, cases,
        (*_facts(found, o, attempts), *numbers.properties(run.rows)),
        run.start.started_s, run.duration_s or 0.0, "\n".join(_spoken(o, attempts)),
    )  # fmt: skip


def _batch_bench(found: Journal, o: Outcome) -> str:
    return next((b.start.bench for b in found.batches if (b.start.batch_id or b.start.batch) == o.batch_key), "")


def _cases(o: Outcome) -> tuple[Case, ...]:
    group = f"{o.adapter.serial} + {o.card.serial}"
    steps = tuple(_steps(group, o.run)) if o.run else ()
    seen = worst(c.verdict for c in steps if c.verdict)
    if o.run and not o.run.crashed and seen is o.verdict:
        return steps
    # what came of the run is said by no step: it crashed, was cancelled, or was never started
    why = o.note or f"the run came to {o.verdict}"
    return (*steps, Case(group, WHOLE, o.verdict, 0.0, why, why))


def _steps(group: str, run: RunLog) -> Iterator[Case]:
    rows: dict[str, list[Row]] = {}
    for row in run.rows:
        rows.setdefault(row.step, []).append(row)
    happened = journal_.events(run.folder)[0]
    begun = [e.step for e in happened if e.event == "step_start" and e.step]
    names = sorted(dict.fromkeys([*rows, *begun]), key=lambda name: _ORDER.get(name, len(_ORDER)))
    for name in names:
        yield _step(group, name, rows.get(name, []), [e for e in happened if e.step == name], run)


def _step(group: str, name: str, rows: Sequence[Row], happened: Sequence[Event], run: RunLog) -> Case:
    start = next((e.time_s for e in happened if e.event == "step_start"), None)
    end = next((e for e in reversed(happened) if e.event == "step_end"), None)
    judged = [r.verdict for r in rows if r.verdict]
    judged += [end.verdict] if end and end.verdict else []
    if start is not None and end is None and Verdict.ERROR not in judged:
        ended = {"crashed": "crashed", "cancelled": "was cancelled"}.get(run.status, "ended")
        why = f"the run {ended} in this step"
        return Case(group, name, worst([Verdict.NOT_RUN, *judged]), 0.0, why, _text([why], rows))
    verdict = worst(judged) if judged else None
    told = [numbers.sentence(r) for r in rows if r.verdict and r.verdict is verdict]
    time_s = max(0.0, end.time_s - start) if end and start is not None else 0.0
    return Case(group, name, verdict, time_s, told[0] if told else str(verdict or ""), _text(told, rows))


def _text(told: Sequence[str], rows: Sequence[Row]) -> str:
    more = [f"and {len(told) - _MOST_SENTENCES} more"] if len(told) > _MOST_SENTENCES else []
    return "\n".join([*told[:_MOST_SENTENCES], *more, "", *map(numbers.line, rows)]).strip("\n")


def _facts(found: Journal, o: Outcome, attempts: Sequence[Outcome]) -> tuple[tuple[str, str], ...]:
    cause = next(iter(o.causes), None)
    told = {
        "verdict": str(o.verdict), "virtual": _word(o.virtual), "adapter.design": o.adapter.design,
        "adapter.serial": o.adapter.serial, "card.model": o.card.model, "card.serial": o.card.serial,
        "attempt": str(o.attempt), "attempts": ", ".join(str(a.verdict) for a in attempts), "note": o.note,
        "cause": cause.title if cause else "", "action": cause.action if cause else "",
    }  # fmt: skip
    if o.run:
        folder = o.run.folder.relative_to(found.root).as_posix()
        told |= {"bench": o.run.start.bench, "plan": o.run.start.plan, "run": folder}
        told |= {f"version.{name}": str(version) for name, version in o.run.start.versions.items()}
    return tuple((f"rig:{name}", value) for name, value in told.items() if value)


def _spoken(o: Outcome, attempts: Sequence[Outcome]) -> Iterator[str]:
    if o.virtual:
        yield "VIRTUAL: a twin stood in for the hardware"
    yield f"{o.verdict}: {o.unit}, attempt {o.attempt}" + (f": {o.note}" if o.note else "")
    for before in attempts:
        if before.attempt != o.attempt:
            yield f"attempt {before.attempt} came to {before.verdict}"
    for cause in o.causes:
        yield f"cause: {cause.title}" + (f": {cause.action}" if cause.action else "")
    if o.run:
        yield ""
        yield from map(numbers.line, o.run.rows)


def _word(value: object) -> str:
    return "true" if value else "false"
