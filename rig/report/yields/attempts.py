"""Runs as attempts of units: which were judged, which came first and last, and which say nothing of a board."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rig.model import Step, Verdict
from rig.report.journal import GREEN, Journal
from rig.report.rework import Entry
from rig.report.schema import CausePart
from rig.report.summary import Outcome, outcomes

BOARD_STEPS = frozenset({Step.SHORT_CHECK, Step.FIRST_POWER, Step.ENUMERATION, Step.SOAK})
"""A run that has none of them (firmware alone) says nothing of the board."""
JUDGED = GREEN | {Verdict.FAIL}
"""ERROR is the bench's, NOT_RUN is unknown: neither counts for or against a unit."""
WRITE_OFF = "write off"
NO_CAUSE = "no cause given"

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class History:
    """All attempts of one thing (a unit, or a board with whatever card), oldest first."""

    key: Key
    attempts: tuple[Outcome, ...]

    @property
    def judged(self) -> tuple[Outcome, ...]:
        return tuple(o for o in self.attempts if o.run and o.verdict in JUDGED)

    @property
    def first(self) -> Outcome | None:
        """The first attempt that was judged: it decides the first-pass yield."""
        return next(iter(self.judged), None)

    @property
    def last(self) -> Outcome | None:
        return next(reversed(self.judged), None)

    @property
    def first_failure(self) -> Outcome | None:
        return next((o for o in self.judged if o.verdict is Verdict.FAIL), None)


@dataclass(frozen=True, slots=True)
class Kind:
    """Everything real, or everything virtual, of a journal: the two never share a number."""

    virtual: bool
    outcomes: tuple[Outcome, ...]
    """Runs that tested a board, oldest first, then units that were never started."""
    rework: tuple[Entry, ...]
    left_out: tuple[str, ...]
    """Sentences: runs that do not count, and why."""

    def histories(self, key: Callable[[Outcome], Key]) -> tuple[History, ...]:
        """Attempts by `key`, in the order in which they first appeared."""
        found: dict[Key, list[Outcome]] = {}
        for outcome in self.outcomes:
            found.setdefault(key(outcome), []).append(outcome)
        return tuple(History(k, tuple(attempts)) for k, attempts in found.items())


def unit_key(o: Outcome) -> Key:
    """One adapter with one card."""
    return (*board_key(o), o.card.model, o.card.serial)


def board_key(o: Outcome) -> Key:
    """One soldered adapter, whatever card is in it."""
    return (o.adapter.design, o.adapter.serial)


def kinds(journal: Journal, rework: Iterable[Entry]) -> tuple[Kind, ...]:
    """The journal as real and as virtual attempts, real ones first; a kind without runs and units is not there."""
    found = outcomes(journal)
    compared = {b.start.batch_id or b.start.batch for b in journal.batches if b.start.compare}
    real = {o.adapter.serial for o in found if o.run and not o.virtual}
    entries = tuple(rework)
    parts = []
    for virtual in (False, True):
        mine = [o for o in found if o.virtual is virtual]
        # people rework boards, not models: where both have the serial, the entry is about the real one
        theirs = tuple(e for e in entries if (e.serial in real) is not virtual)
        if mine:
            parts.append(_kind(virtual, mine, theirs, compared))
    return tuple(parts)


def _kind(virtual: bool, found: list[Outcome], rework: tuple[Entry, ...], compared: set[str]) -> Kind:
    inserts = [o for o in found if o.batch_key in compared]
    others = [o for o in found if o.batch_key not in compared]
    tested = [o for o in others if o.run is None or _tests_board(o)]
    elsewhere = len(others) - len(tested)
    ran = {unit_key(o) for o in tested if o.run}
    kept = [o for o in tested if o.run or unit_key(o) not in ran]
    serials = {o.adapter.serial for o in kept}
    return Kind(
        virtual, tuple(kept), tuple(e for e in rework if e.serial in serials),
        tuple(_left_out(inserts, elsewhere)),
    )  # fmt: skip


def _tests_board(o: Outcome) -> bool:
    # a run that crashed before its first row was to test the board, as far as anybody knows
    return o.run is not None and (not o.run.rows or any(r.step in BOARD_STEPS for r in o.run.rows))


def _left_out(inserts: list[Outcome], elsewhere: int) -> Iterator[str]:
    if inserts:
        yield f"{len(inserts)} insert(s) of comparisons are left out: the same boards again and again"
    if elsewhere:
        yield f"{elsewhere} run(s) that did not test the board (firmware alone) are left out"


def top_cause(o: Outcome) -> CausePart | None:
    """The first cause of an attempt: they are stored by rank."""
    return next(iter(o.causes), None)


def cause_title(o: Outcome) -> str:
    cause = top_cause(o)
    return cause.title if cause else NO_CAUSE


def started_s(o: Outcome) -> float:
    return o.run.start.started_s if o.run else 0.0
