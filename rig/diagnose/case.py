"""What a diagnosis may look at: the judged rows of one run and what is known of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rig.diagnose.priors import History
from rig.model import Card, Judged, Scalar, Slot, Verdict
from rig.netlist import Board


@dataclass(frozen=True, slots=True)
class Case:
    """One run, finished or stopped early."""

    board: Board
    card: Card
    slot: Slot
    judged: Sequence[Judged]
    history: History | None = None
    """What rework cured so far, on boards of this design; None: the assumed rates stand."""

    def bad(self, pattern: str) -> list[Judged]:
        """Rows of that name (or pattern) that FAILed or are MARGINAL."""
        wanted = (Verdict.FAIL, Verdict.MARGINAL)
        return [j for j in self.judged if j.verdict in wanted and fnmatchcase(j.measurement.name, pattern)]

    def failed(self, pattern: str) -> list[Judged]:
        return [j for j in self.bad(pattern) if j.verdict is Verdict.FAIL]

    def value(self, name: str) -> Scalar | None:
        """The last value of that name, None when it was not obtained."""
        return next((j.measurement.value for j in reversed(self.judged) if j.measurement.name == name), None)

    def number(self, name: str) -> float | None:
        value = self.value(name)
        return None if isinstance(value, str | None) else float(value)


def shown(j: Judged) -> str:
    """One line of evidence: name, value, unit."""
    return f"{j.measurement.name} = {j.measurement.said(4)}"
