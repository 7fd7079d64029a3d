"""Who has which unit, what came of it, and what is to be taken again: the rules of several benches, without pytest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rig.config.plan import Retry
from rig.plugin.fleet.hand import Word
from rig.plugin.order import Insert

MOST_BENCHES = 2
"""A unit that so many benches could not judge is not given to another: it may be what breaks them."""


@dataclass(slots=True)
class _Bench:
    at: int | None = None
    """Place of the insert that it has, in the order's inserts."""
    in_a_row: list[int] = field(default_factory=list)
    """Inserts since the last unit that it could judge."""
    out: str | None = None


class Ledger:
    """State of a batch on several benches; calls give the inserts that are to be taken again, first ones first."""

    def __init__(self, inserts: Sequence[Insert], retry: Retry, benches: Sequence[str]) -> None:
        self.inserts, self._retry = tuple(inserts), retry
        self._benches = {name: _Bench() for name in benches}
        self._last: dict[int, str] = {}
        """Unit to the bench that had it last."""
        self._not_on: dict[int, set[str]] = {}
        """Unit to benches that could not judge it."""
        self._due: set[int] = set()
        """Units that are to be taken again and that nobody has yet."""

    @property
    def first(self) -> list[int]:
        """Inserts that are taken whatever happens: the first try of every unit."""
        return [n for n, insert in enumerate(self.inserts) if insert.again == 0]

    @property
    def taken_out(self) -> dict[str, str]:
        """Benches that broke, and why."""
        return {name: bench.out for name, bench in self._benches.items() if bench.out is not None}

    def is_out(self, name: str) -> bool:
        return self._benches[name].out is not None

    def is_busy(self, name: str) -> bool:
        """Whether a unit is on that bench."""
        return self._benches[name].at is not None

    def may(self, name: str, insert: int) -> bool:
        """Whether the bench may have this insert: of a unit that it could not judge, the plan's own retries alone."""
        return name not in self._not_on.get(self.inserts[insert].unit, ())

    def given(self, name: str, insert: int) -> None:
        """The bench has this insert now."""
        self._benches[name].at = insert
        unit = self.inserts[insert].unit
        self._last[unit] = name
        self._due.discard(unit)

    def said(self, name: str, word: Word) -> list[int]:
        """What a bench said: it was opened (or not), or the unit on it has ended."""
        bench = self._benches[name]
        at, bench.at = bench.at, None
        if at is not None:
            bench.in_a_row = [*bench.in_a_row, at] if word.error else []
        if word.broken:
            return self._break(name, word.broken)
        if at is None:
            return []
        retried = self._retried(at, word)
        # what a bench cannot judge another may: a bench fault is never the unit's
        return retried if retried or not word.error else self._passed_on([at], name)

    def lost(self, name: str, why: str) -> list[int]:
        """The bench's process is gone; the unit that was on it has no end on record."""
        bench = self._benches[name]
        at, bench.at = bench.at, None
        if bench.out is None:
            bench.out = why
        return [] if at is None else self._passed_on([at], name)

    def _break(self, name: str, why: str) -> list[int]:
        bench = self._benches[name]
        bench.out = bench.out or why
        back, bench.in_a_row = bench.in_a_row, []
        return self._passed_on(back, name)

    def _passed_on(self, inserts: Sequence[int], name: str) -> list[int]:
        """The last try of each unit that nobody had since, but of none that too many benches could not judge."""
        last = {self.inserts[n].unit: n for n in inserts}
        found = []
        for unit, insert in last.items():
            if self._last.get(unit) != name or unit in self._due:
                continue
            self._not_on.setdefault(unit, set()).add(name)
            if len(self._not_on[unit]) < MOST_BENCHES:
                found.append(insert)
                self._due.add(unit)
        return found

    def _retried(self, at: int, word: Word) -> list[int]:
        after = at + 1
        if word.hands_off or word.verdict not in self._retry.on or after >= len(self.inserts):
            return []
        unit = self.inserts[at].unit
        if self.inserts[after].unit != unit:
            return []
        self._due.add(unit)
        return [after]
