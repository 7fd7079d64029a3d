"""Which rework fixed what: each entry between the attempt before it and the next one that was judged."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rig.model import Verdict
from rig.report.journal import GREEN
from rig.report.rework import Entry
from rig.report.summary import Outcome
from rig.report.suspects import PIN
from rig.report.yields.attempts import WRITE_OFF, Kind, cause_title, started_s, unit_key
from rig.report.yields.bounds import Share, share


class Result(enum.StrEnum):
    """What the next judged attempt with the same card came to."""

    FIXED = "fixed"
    BETTER = "another cause now"
    SAME = "fails as before"
    NOT_TESTED = "not tested since"
    NOT_FAILED = "had not failed"
    BROKEN = "good before, fails now"
    WORSE = "marginal before, fails now"
    GIVEN_UP = "written off"


_RANK = {Verdict.PASS: 0, Verdict.MARGINAL: 1, Verdict.FAIL: 2}


@dataclass(frozen=True, slots=True)
class Mending:
    """A rework entry and the attempts it ties together."""

    entry: Entry
    before: Outcome | None
    after: Outcome | None
    together: int
    """Other entries between the same two attempts: nobody can say which of them it was."""
    result: Result

    @property
    def fixed(self) -> bool:
        return self.result is Result.FIXED

    @property
    def pins(self) -> tuple[str, ...]:
        """The pins worked on; what is no connector pin was written by hand and is left in the entry."""
        return tuple(pin for pin in self.entry.pins if PIN.fullmatch(pin))


@dataclass(frozen=True, slots=True)
class Success:
    """How often an action on a cause was followed by a good attempt."""

    action: str
    cause: str
    fixed: Share


def mendings(kind: Kind) -> tuple[Mending, ...]:
    """Every rework entry with what was before and after it, oldest first."""
    ties = [(entry, *_around(kind, entry)) for entry in kind.rework]
    shared = Counter((e.serial, _place(before), _place(after)) for e, before, after in ties)
    return tuple(
        Mending(e, before, after, shared[(e.serial, _place(before), _place(after))] - 1, _result(e, before, after))
        for e, before, after in ties
    )


def successes(mended: Iterable[Mending]) -> tuple[Success, ...]:
    """By action and cause, of the entries that a judged attempt followed after a failure; the most frequent first."""
    told = [m for m in mended if m.result in (Result.FIXED, Result.BETTER, Result.SAME, Result.WORSE)]
    counted = Counter((m.entry.action, cause_title(m.before)) for m in told if m.before)
    fixed = Counter((m.entry.action, cause_title(m.before)) for m in told if m.before and m.fixed)
    return tuple(Success(*key, share(fixed[key], n)) for key, n in counted.most_common())


def _around(kind: Kind, entry: Entry) -> tuple[Outcome | None, Outcome | None]:
    """The last attempt judged before the entry, and the first after it with the same card; any card without one."""
    runs = [o for o in kind.outcomes if o.run and o.adapter.serial == entry.serial]
    judged = [o for o in runs if o.verdict in GREEN or o.verdict is Verdict.FAIL]
    before = next((o for o in reversed(judged) if started_s(o) <= entry.time_s), None)
    later = [o for o in judged if started_s(o) > entry.time_s]
    same = [o for o in later if before is None or unit_key(o) == unit_key(before)]
    return before, next(iter(same or later), None)


def _result(entry: Entry, before: Outcome | None, after: Outcome | None) -> Result:
    if entry.action == WRITE_OFF:
        return Result.GIVEN_UP
    if after is None:
        return Result.NOT_TESTED
    if before is None or before.verdict is Verdict.PASS:
        return Result.NOT_FAILED if after.verdict in GREEN else Result.BROKEN
    if _RANK[after.verdict] != _RANK[before.verdict]:
        return Result.FIXED if _RANK[after.verdict] < _RANK[before.verdict] else Result.WORSE
    return Result.SAME if cause_title(after) == cause_title(before) else Result.BETTER


def _place(o: Outcome | None) -> str:
    return str(o.run.folder) if o and o.run else ""
