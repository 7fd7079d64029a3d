"""What rework has cured on boards of one layout, for the diagnosis; nothing where nobody wrote rework down."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rig.diagnose.priors import History
from rig.report.rework import FILE

if TYPE_CHECKING:
    from rig.report.yields.mending import Mending

RESULTS = "results"


class Past:
    """Rework up to now around a batch's folder, read once, and only if a diagnosis asks."""

    def __init__(self, folder: Path, *, virtual: bool) -> None:
        self._folder, self._virtual = folder, virtual
        self._known: dict[str, History | None] = {}

    def of(self, design: str) -> History | None:
        """Boards of this layout that were judged and what cured them; None when no rework is on record."""
        if design not in self._known:
            root = book_root(self._folder)
            self._known[design] = None if root is None else _history(root, design, virtual=self._virtual)
        return self._known[design]


def book_root(folder: Path) -> Path | None:
    """The uppermost folder, from the batch's up to `results`, with a book of rework; None: nobody wrote any."""
    folder = folder.resolve()
    above = [folder, *folder.parents]
    last = next((n for n, at in enumerate(above) if at.name == RESULTS), 0)
    return next((at for at in reversed(above[: last + 1]) if (at / FILE).is_file()), None)


def _history(root: Path, design: str, *, virtual: bool) -> History | None:
    # only here: scipy comes with it
    from rig.report import journal, rework
    from rig.report.yields.attempts import board_key, kinds
    from rig.report.yields.mending import mendings

    entries, _ = rework.read(root)
    kind = next((k for k in kinds(journal.read(root), entries) if k.virtual is virtual), None)
    if kind is None:
        return None
    boards = [h for h in kind.histories(board_key) if h.key[0] == design and h.judged]
    mended = [m for m in mendings(kind) if m.before is not None and m.before.adapter.design == design]
    cured = Counter(joint for m in mended if (joint := cured_joint(m)) is not None)
    return History(len(boards), dict(cured)) if boards else None


def cured_joint(mending: Mending) -> str | None:
    """`A35`, or `A35-A36` for a bridge, where one rework alone made a board good; None: nobody can say which.

    Of several pins worked on at once it is the one that was suspected most.
    """
    from rig.report.yields.attempts import top_cause
    from rig.report.yields.pareto import pin_weights

    before = mending.before
    if not mending.fixed or mending.together or before is None or not mending.pins:
        return None
    cause = top_cause(before)
    if cause is not None and cause.title.startswith("bridge"):
        ends = sorted(set(cause.pins) & set(mending.pins) or mending.pins, key=lambda pin: (pin[0], int(pin[1:])))
        return "-".join(ends) if len(ends) == 2 else None
    weights = pin_weights(before)
    if suspected := [pin for pin in mending.pins if pin in weights]:
        return max(suspected, key=lambda pin: weights[pin])
    return mending.pins[0] if len(mending.pins) == 1 else None
