"""What a batch came to: one outcome a run, the units that never ran, and how many of each verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rig.model import Verdict
from rig.report.journal import GREEN, BatchLog, Journal, RunLog
from rig.report.schema import AdapterPart, CardPart, CausePart, UnitPart


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run, or (`run` None) a unit of the batch that nobody started."""

    batch: str
    batch_key: str
    """Tells two batches of one name apart."""
    virtual: bool
    adapter: AdapterPart
    card: CardPart
    attempt: int
    verdict: Verdict
    note: str
    failed: tuple[str, ...]
    causes: tuple[CausePart, ...]
    run: RunLog | None

    @property
    def unit(self) -> str:
        a, c = self.adapter, self.card
        return f"{a.serial} ({a.design}) + {c.serial} ({c.model})"

    @property
    def counts(self) -> bool:
        """Whether the unit's verdict is this one's: an attempt at some steps alone only if it came out bad."""
        whole = self.run is None or not self.run.start.steps
        return whole or self.verdict in (Verdict.FAIL, Verdict.ERROR)

    @property
    def remark(self) -> str:
        """The note, unless the first cause says the same."""
        said = any(c.action and c.action in self.note for c in self.causes[:1])
        return "" if said else self.note

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.batch_key, self.adapter.serial, self.card.serial)


@dataclass(frozen=True, slots=True)
class Tally:
    """Units by the verdict of their latest attempt; `first_pass` of them were good at the first."""

    units: int
    runs: int
    verdicts: Mapping[Verdict, int]
    first_pass: int


def outcomes(journal: Journal) -> tuple[Outcome, ...]:
    """Every run in the order they were started, then the units of each batch that were not."""
    ran = [_of_run(run) for run in journal.runs]
    tried = {o.key for o in ran}
    waiting = [_not_started(batch, unit) for batch in journal.batches for unit in batch.start.units]
    return (*ran, *(o for o in waiting if o.key not in tried))


def latest(found: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """The last attempt of every unit; one at some steps alone counts where it is bad, or where there is no other."""
    by_unit: dict[tuple[str, str, str], Outcome] = {}
    for outcome in found:
        known = by_unit.get(outcome.key)
        if known is None or (outcome.counts, outcome.attempt) >= (known.counts, known.attempt):
            by_unit[outcome.key] = outcome
    return tuple(by_unit.values())


def tally(found: Iterable[Outcome]) -> Tally:
    """Counts over units; a retry that passes counts as a pass but not as a first pass."""
    every = tuple(found)
    last = latest(every)
    counted = Counter(o.verdict for o in last)
    verdicts = {v: counted[v] for v in Verdict if counted[v]}
    first = {o.key for o in every if o.run and o.attempt == 1 and o.verdict in GREEN}
    return Tally(len(last), sum(o.run is not None for o in every), verdicts, len(first))


def virtual_word(found: Iterable[Outcome]) -> str:
    """`VIRTUAL` when all of it came from a twin, `PARTLY VIRTUAL` when some did, else nothing."""
    kinds = {o.virtual for o in found}
    return {frozenset({True}): "VIRTUAL", frozenset({True, False}): "PARTLY VIRTUAL"}.get(frozenset(kinds), "")


def _of_run(run: RunLog) -> Outcome:
    s = run.start
    return Outcome(
        s.batch, s.batch_id or s.batch, s.virtual, s.adapter, s.card, s.attempt,
        run.verdict, run.note, run.failed, run.causes, run,
    )  # fmt: skip


def _not_started(batch: BatchLog, unit: UnitPart) -> Outcome:
    s = batch.start
    ended = f"the batch was {batch.stop.status}" if batch.stop else "the batch has no stop record"
    return Outcome(
        s.batch, s.batch_id or s.batch, s.virtual, unit.adapter, unit.card, 1,
        Verdict.NOT_RUN, f"not started: {ended}", (), (), None,
    )  # fmt: skip
