"""The numbers of stored runs, one value a run, by card model and measurement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from rig.model import Verdict
from rig.report.ci.baseline.directions import direction
from rig.report.journal import GREEN, Journal, RunLog
from rig.report.schema import Row


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What is compared with what: never virtual with real, never two units of measurement."""

    virtual: bool
    model: str
    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeated runs of one board; `sd` None: there was one run."""

    n: int
    mean: float
    sd: float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """All runs of one key; a board is `adapter + card`."""

    boards: Mapping[str, Spread]
    benches: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()
    sessions: int = 1
    """Batches they came from: what differs from day to day is known only where there are several."""
    between: float | None = None
    """Standard deviation between batches, of what a batch adds to all its boards alike; None of a single one."""
    error: float | None = None
    """Mean bound of the instrument's own error; None: not known, or nothing an instrument read."""

    @property
    def n(self) -> int:
        return sum(s.n for s in self.boards.values())


@dataclass(slots=True)
class _Pile:
    values: dict[str, list[float]] = field(default_factory=dict)
    boards: list[str] = field(default_factory=list)
    errors: list[float | None] = field(default_factory=list)
    runs: list[RunLog] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Numbers by key; `left_out` runs did not come to an end, or are not good where only good ones count."""

    numbers: Mapping[Key, Numbers]
    runs: int
    left_out: int
    sources: tuple[str, ...]


def gather(journals: Iterable[Journal], *, good: bool) -> Gathered:
    """The numbers of every finished run, `good`: of those that are PASS or MARGINAL alone; a run counts once."""
    runs = {run.folder.resolve(): run for journal in journals for run in journal.runs}.values()
    taken = [r for r in runs if r.status == "finished" and (not good or r.verdict in GREEN)]
    piles: dict[Key, _Pile] = {}
    for run in taken:
        for row in _rows(run):
            key = Key(run.start.virtual, run.start.card.model, row.name, row.unit)
            _put(piles.setdefault(key, _Pile()), run, row)
    sources = tuple(sorted({_session(r) for r in taken}))
    return Gathered(
        {key: _numbers(pile) for key, pile in sorted(piles.items())}, len(taken), len(runs) - len(taken), sources
    )


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of one value or more."""
    return Spread(len(values), fmean(values), stdev(values) if len(values) > 1 else None)


def _rows(run: RunLog) -> Iterable[Row]:
    """The last value of every name that is a number, was obtained, and says something about the card."""
    last = {row.name: row for row in run.rows}
    return [r for r in last.values() if _is_number(r) and direction(r.name) is not None]


def _is_number(row: Row) -> bool:
    obtained = row.number is not None and not isinstance(row.value, bool)
    return obtained and not row.at_least and row.verdict not in (Verdict.ERROR, Verdict.NOT_RUN)


def _put(pile: _Pile, run: RunLog, row: Row) -> None:
    board = f"{run.start.adapter.serial} + {run.start.card.serial}"
    pile.values.setdefault(board, []).append(row.number or 0.0)
    pile.boards.append(board)
    pile.errors.append(row.error)
    pile.runs.append(run)


def _numbers(pile: _Pile) -> Numbers:
    known = [e for e in pile.errors if e is not None]
    return Numbers(
        {board: spread(values) for board, values in sorted(pile.values.items())},
        frozenset(r.start.bench for r in pile.runs), frozenset(r.start.plan for r in pile.runs),
        len({_session(r) for r in pile.runs}), _between(pile),
        fmean(known) if known and len(known) == len(pile.errors) else None,
    )  # fmt: skip


def _between(pile: _Pile) -> float | None:
    """What is left of a batch when each of its runs is seen from its board's own mean."""
    left: dict[str, list[float]] = {}
    waiting = {board: iter(values) for board, values in pile.values.items()}
    means = {board: fmean(values) for board, values in pile.values.items()}
    for board, run in zip(pile.boards, pile.runs, strict=True):
        left.setdefault(_session(run), []).append(next(waiting[board]) - means[board])
    return spread([fmean(values) for values in left.values()]).sd


def _session(run: RunLog) -> str:
    return run.start.batch_id or run.start.batch
