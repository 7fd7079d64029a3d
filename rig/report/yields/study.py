"""The whole of it: one study of what is real and one of what is virtual."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rig.errors import UsageError
from rig.model import Verdict
from rig.report import rework
from rig.report.journal import GREEN, Journal
from rig.report.summary import Outcome
from rig.report.yields.attempts import WRITE_OFF, History, Kind, board_key, cause_title, kinds, started_s, unit_key
from rig.report.yields.capability import Capability, capabilities
from rig.report.yields.groups import Group, groups
from rig.report.yields.mending import Mending, Success, mendings, successes
from rig.report.yields.pareto import CauseCount, JointCount, causes, joints
from rig.report.yields.soak import Soak, soaks
from rig.report.yields.times import Times, times


@dataclass(frozen=True, slots=True)
class Loss:
    """A board that is not good: given up, or failed at its last attempt and nobody said so."""

    outcome: Outcome
    written_off: bool
    why: str
    """The words of the rework entry, or the cause."""


@dataclass(frozen=True, slots=True)
class Study:
    """All that is said of one kind."""

    kind: Kind
    units: tuple[History, ...]
    groups: tuple[Group, ...]
    causes: tuple[CauseCount, ...]
    joints: tuple[JointCount, ...]
    mendings: tuple[Mending, ...]
    successes: tuple[Success, ...]
    times: Times
    capabilities: tuple[Capability, ...]
    soaks: tuple[Soak, ...]
    losses: tuple[Loss, ...]

    @property
    def virtual(self) -> bool:
        return self.kind.virtual

    @property
    def word(self) -> str:
        """`VIRTUAL`, or nothing."""
        return "VIRTUAL" if self.kind.virtual else ""

    @property
    def whole(self) -> Group:
        return self.groups[0]

    @property
    def written_off(self) -> int:
        return sum(loss.written_off for loss in self.losses)


@dataclass(frozen=True, slots=True)
class Yield:
    """The yield of a folder: real first; `problems` are sentences about what could not be read."""

    studies: tuple[Study, ...]
    problems: tuple[str, ...]

    @property
    def virtual(self) -> str:
        """As pages say it: `VIRTUAL`, `PARTLY VIRTUAL` or nothing."""
        words = {s.word for s in self.studies}
        return "PARTLY VIRTUAL" if len(words) > 1 else "".join(words)


def study(journal: Journal) -> Yield:
    """What the runs of `journal` and the rework entries beside them come to; UsageError when there is nothing."""
    entries, problems = rework.read(journal.root)
    found = tuple(_study(kind) for kind in kinds(journal, entries))
    if not found:
        raise UsageError(f"{journal.root}: no run and no batch is there, so there is no yield; name another folder")
    known = {o.adapter.serial for s in found for o in s.kind.outcomes}
    strangers = sorted({e.serial for e in entries} - known)
    unknown = [f"rework of {serial}, of which there is no run here" for serial in strangers]
    return Yield(found, (*journal.problems, *problems, *unknown))


def _study(kind: Kind) -> Study:
    units = kind.histories(unit_key)
    mended = mendings(kind)
    return Study(
        kind, units, groups(kind), causes(units), joints(units, mended), mended,
        successes(mended), times(kind), capabilities(units), soaks(kind),
        tuple(_losses(kind)),
    )  # fmt: skip


def _losses(kind: Kind) -> Iterator[Loss]:
    """Boards whose last judged attempt failed, and those that were given up and not good since."""
    given_up = {e.serial: e for e in kind.rework if e.action == WRITE_OFF}
    for board in kind.histories(board_key):
        last = board.last or next((o for o in reversed(board.attempts)), None)
        entry = given_up.get(board.key[-1])
        if last is None:
            continue
        revived = entry is not None and last.verdict in GREEN and started_s(last) > entry.time_s
        if entry is not None and not revived:
            yield Loss(last, written_off=True, why=entry.text or cause_title(last))
        elif last.verdict is Verdict.FAIL:
            yield Loss(last, written_off=False, why=cause_title(last))
