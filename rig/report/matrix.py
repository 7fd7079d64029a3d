"""Which card works on which layout: all stored runs, with n, beside what is published and what the netlist says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.config.library import Library, default_library
from rig.errors import RigError
from rig.model import AdapterUnit, Card, Verdict
from rig.netlist import Board, card_needs
from rig.report import journal, rework
from rig.report.journal import GREEN
from rig.report.markdown import escaped
from rig.report.summary import Outcome
from rig.report.yields.attempts import Kind, cause_title, kinds, top_cause, unit_key

NEEDS_MOD, BAD_JOINT = "needs mod", "bad joint"
_AS_DELIVERED = "as delivered"
_WORDS = {"ok": "ok", "fail": "fail", "needs_mod": NEEDS_MOD}
_MARKS = {"ok": "✅", "fail": "❌", NEEDS_MOD: "🔧", BAD_JOINT: "🔩"}
_COLUMNS = ("ok", NEEDS_MOD, BAD_JOINT, "fail")


@dataclass(frozen=True, slots=True)
class Cell:
    """One card model on one layout, changed as it was."""

    model: str
    design: str
    changed: str
    """Jumpers and mods of the boards, or `as delivered`."""
    verdicts: Mapping[str, int]
    """Units by what their last judged attempt came to: `ok`, `needs mod`, `fail`, or `bad joint`.

    A bad joint says nothing of the layout.
    """
    not_judged: int
    causes: tuple[str, ...]
    """Of the units that failed, the most frequent first, with n."""
    published: tuple[str, ...]
    """What others reported of this card on this design, as delivered: `ok`, `fail`, `needs mod`."""
    rule: str
    """What the netlist says: `ok`, `needs mod: A10 high, has nothing`, or why nothing can be said."""

    @property
    def n(self) -> int:
        return sum(self.verdicts.values())

    @property
    def disagrees(self) -> str:
        """Where a result contradicts what was expected; a bad joint contradicts nothing."""
        if self.verdicts.get("ok") and self.changed == _AS_DELIVERED and "ok" not in self.published and self.published:
            return f"works here as delivered; published: {', '.join(self.published)}"
        if self.verdicts.get("ok") and self.rule.startswith(NEEDS_MOD):
            return "works here; the netlist says it cannot"
        if self.verdicts.get(NEEDS_MOD) and set(self.published) == {"ok"} and self.changed == _AS_DELIVERED:
            return "needs mod here; published: ok"
        return ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells of one kind, real or virtual."""

    virtual: bool
    cells: tuple[Cell, ...]


def markdown(path: Path | str, library: Library | None = None) -> str:
    """The matrix of all runs below `path` as Markdown; UsageError when there is no such folder."""
    library = library or default_library()
    found = journal.read(path)
    parts = ["## Compatibility: layout and card"]
    for kind in kinds(found, rework.read(found.root)[0]):
        parts += _kind(_matrix(kind, library), library)
    if len(parts) == 1:
        parts.append("There are no runs in this folder.")
    parts.append(_published(library))
    if found.problems:
        parts.append(
            "Not everything could be read:\n\n" + "\n".join(f"- {escaped(p, 300)}" for p in found.problems[:20])
        )
    return "\n\n".join(p for p in parts if p) + "\n"


def _matrix(kind: Kind, library: Library) -> Matrix:
    cells: dict[tuple[str, str, str], list[Outcome | None]] = {}
    for history in kind.histories(lambda o: (*unit_key(o), _changed(o))):
        shown = history.last or history.attempts[-1]
        if shown.run is not None:
            key = (_model(library, shown.card.model), shown.adapter.design, _changed(shown))
            cells.setdefault(key, []).append(history.last)
    made = [_cell(library, *key, found, _example(kind, key, library)) for key, found in cells.items()]
    return Matrix(kind.virtual, tuple(sorted(made, key=lambda c: (c.model, c.design, c.changed != _AS_DELIVERED))))


def _example(kind: Kind, key: tuple[str, str, str], library: Library) -> Outcome:
    """One of the runs of a cell: its board has the cell's jumpers and mods."""
    return next(
        o for o in kind.outcomes
        if o.run and (_model(library, o.card.model), o.adapter.design, _changed(o)) == key
    )  # fmt: skip


def _model(library: Library, name: str) -> str:
    """The model's main name, whatever part number the journal used."""
    try:
        return library.card(name).model
    except RigError:
        return name


def _cell(
    library: Library, model: str, design: str, changed: str, found: Sequence[Outcome | None], example: Outcome
) -> Cell:
    judged = [o for o in found if o is not None]
    failed = Counter(cause_title(o) for o in judged if o.verdict is Verdict.FAIL)
    card = _card(library, model)
    return Cell(
        model, design, changed, Counter(map(_word, judged)), len(found) - len(judged),
        tuple(f"{title} ({n})" for title, n in failed.most_common(3)),
        tuple(dict.fromkeys(_WORDS[r.result] for r in card.reports if r.design == design)) if card else (),
        _rule(library, card, example),
    )  # fmt: skip


def _word(o: Outcome) -> str:
    if o.verdict in GREEN:
        return "ok"
    cause = top_cause(o)
    if cause is None:
        return "fail"
    return NEEDS_MOD if cause.title.startswith(NEEDS_MOD) else BAD_JOINT if cause.pins else "fail"


def _changed(o: Outcome) -> str:
    """`JP3 2-3, mod broadcom`: what makes one board of a design another board."""
    jumpers = [f"{ref} {setting}" for ref, setting in sorted(o.adapter.jumpers.items())]
    return ", ".join([*jumpers, *(f"mod {m}" for m in sorted(map(str, o.adapter.mods)))]) or _AS_DELIVERED


def _card(library: Library, model: str) -> Card | None:
    try:
        return library.card(model)
    except RigError:
        return None


def _rule(library: Library, card: Card | None, example: Outcome) -> str:
    a = example.adapter
    if card is None:
        return "no file of this card"
    try:
        unit = AdapterUnit(a.design, "", {r: str(s) for r, s in a.jumpers.items()}, tuple(map(str, a.mods)))
        unmet = card_needs(Board(library.adapter(a.design), unit), card)
    except RigError as e:
        return f"cannot be said: {e}"
    if not card.pcie_card:
        return "fail: no PCIe function"
    return f"{NEEDS_MOD}: " + ", ".join(f"{u.pin} {u.needs}, has {u.has}" for u in unmet) if unmet else "ok"


def _kind(matrix: Matrix, library: Library) -> Iterable[str]:
    mark = " (VIRTUAL: no hardware was tested)" if matrix.virtual else ""
    if not matrix.cells:
        return
    yield f"### Tested{mark}\n\n{_grid(matrix, library)}"
    head = "| card | layout | changed | n | ok | needs mod | bad joint | fail | failed of | netlist | published | |"
    rows = [_row(c) for c in matrix.cells]
    yield f"### Every cell{mark}\n\n" + "\n".join([head, "|---|---|---|--:|--:|--:|--:|--:|---|---|---|---|", *rows])


def _row(c: Cell) -> str:
    counts = (c.verdicts.get(w) or "" for w in _COLUMNS)
    n = f"{c.n}" + (f" + {c.not_judged} not judged" if c.not_judged else "")
    cells = (
        c.model, c.design, c.changed, n, *counts, "; ".join(c.causes), c.rule, ", ".join(c.published) or "nothing",
        f"**{escaped(c.disagrees, 200)}**" if c.disagrees else "",
    )  # fmt: skip
    return "| " + " | ".join([*(escaped(str(x), 200) for x in cells[:-1]), str(cells[-1])]) + " |"


def _grid(matrix: Matrix, library: Library) -> str:
    """A line a card, a column a layout: what was measured as delivered and changed, `ok 5/6`."""
    designs = [*library.designs(), *sorted({c.design for c in matrix.cells} - set(library.designs()))]
    lines = [f"| card | {' | '.join(map(escaped, designs))} |", "|---|" + "---|" * len(designs)]
    for model in sorted({c.model for c in matrix.cells}):
        found = [[c for c in matrix.cells if c.model == model and c.design == d] for d in designs]
        lines.append(f"| {escaped(model)} | {' | '.join('<br>'.join(map(_short, cells)) for cells in found)} |")
    return "\n".join(lines)


def _short(c: Cell) -> str:
    changed = "" if c.changed == _AS_DELIVERED else f" ({escaped(c.changed, 40)})"
    if not c.n:
        return f"⚪ not judged, n {c.not_judged}{changed}"
    word = max(_COLUMNS, key=lambda w: c.verdicts.get(w, 0))
    return f"{_MARKS[word]} {word} {c.verdicts[word]}/{c.n}{changed}"


def _published(library: Library) -> str:
    """What others reported, whether or not it was tested here."""
    lines = [f"| card | {' | '.join(map(escaped, library.designs()))} |", "|---|" + "---|" * len(library.designs())]
    for card in library.cards():
        if card.reports:
            cells = [_reports(card, design) for design in library.designs()]
            lines.append(f"| {escaped(card.model)} | {' | '.join(cells)} |")
    return "### Published by others (card files)\n\n" + "\n".join(lines)


def _reports(card: Card, design: str) -> str:
    counted = Counter(_WORDS[r.result] for r in card.reports if r.design == design)
    return ", ".join(f"{_MARKS[w]} {w}" + (f" x{n}" if n > 1 else "") for w, n in counted.items())
