"""Every single fault of a layout's connector on the twin, and what the rig makes of each: `rig diagnose --matrix`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.config.library import Library, default_library, project_root
from rig.config.plan import load_plan
from rig.config.twin import Joint
from rig.diagnose import Case, Hypotheses, diagnose
from rig.diagnose.unseen import Unseen, of_bridge, of_open
from rig.errors import UsageError
from rig.model import AdapterUnit, Card, Cause, Judged, Slot, Step, Verdict
from rig.netlist import Board, Pair, card_needs
from rig.plugin.rehearsal import Rehearsal, Shown

SLOT = Slot(3, 8)
"""The acceptance slot: true x8, Gen3. Ref: domain notes on symptoms, section 1."""
TOP = 3
_BAD = (Verdict.FAIL, Verdict.MARGINAL)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: what the bench showed, what was said of it, and whether that is right."""

    fault: str
    kind: str
    """`open` or `bridge`."""
    shown: str
    verdict: Verdict
    rank: int | None
    """Place of the cause that holds it, from 1; None: in none of the first three."""
    cause: Cause | None
    alike: int
    """Joints or bridges that the cause holds, this one included: the run cannot tell them apart."""
    unseen: Unseen | None

    @property
    def right(self) -> bool:
        """In the top three, or rightly said to have no symptom."""
        return self.rank is not None if self.verdict in _BAD else self.unseen is not None


class Matrix:
    """All faults of one layout with one card."""

    def __init__(self, library: Library, design: str, model: str | None = None, slot: Slot = SLOT) -> None:
        """`model` None: a card that suits; UsageError for unknown names and a card the layout does not carry."""
        adapter = library.adapter(design)
        self.card = library.card(model) if model else acceptance_card(library, design)
        if not self.card.pcie_card:
            raise UsageError(f"{self.card.model} is a media module without a PCIe function: nothing to rehearse")
        plan = load_plan(project_root() / "configs" / "plans" / "standard.yaml")
        self.rehearsal = Rehearsal(adapter, self.card, slot, plan)
        self.board: Board = self.rehearsal.board
        if unmet := card_needs(self.board, self.card):
            why = ", ".join(f"{u.pin} must be {u.needs}" for u in unmet)
            raise UsageError(f"{design} does not carry a {self.card.model} as delivered ({why}): name another --card")
        self.slot = slot
        self._known = Hypotheses(self.board, self.card, slot)
        # what the card says of its own width counts where its file has no lanes
        good = {j.measurement.name: j.measurement.value for j in self.rehearsal.run([]).judged}
        self._on = self._known.on(int(good.get("pcie.link.max_width") or 0) or None)
        self._said: dict[object, tuple[Cause, ...]] = {}

    def faults(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Kind and pins: every open joint, then every two neighbours, those across the key included."""
        yield from (("open", (pin,)) for pin in self.board.adapter.pins)
        yield from (("bridge", pair) for pair in self.board.neighbours())

    def rows(self) -> list[Row]:
        return [self.row(kind, pins) for kind, pins in self.faults()]

    def show(self, joints: Sequence[Joint]) -> Shown:
        """What the bench shows of a board with these joints."""
        return self.rehearsal.run(joints)

    def diagnosed(self, judged: Sequence[Judged]) -> tuple[Cause, ...]:
        """What the rig says of these rows; rows that are the same are diagnosed once."""
        key = tuple((j.measurement.name, j.measurement.value, j.verdict) for j in judged)
        if key not in self._said:
            self._said[key] = diagnose(Case(self.board, self.card, self.slot, judged), self._known)
        return self._said[key]

    def row(self, kind: str, pins: tuple[str, ...]) -> Row:
        """One fault from joint to diagnosis."""
        possible = kind == "open" or self.board.can_bridge(*pins)
        shown = self.show([joint(kind, pins)] if possible else [])
        causes = self.diagnosed(shown.judged)
        rank, cause = place_of(kind, pins, causes)
        return Row(
            fault="-".join(pins), kind=kind, shown=said(shown), verdict=shown.verdict, rank=rank, cause=cause,
            alike=alike(self.board, kind, cause), unseen=self._unseen(kind, pins),
        )  # fmt: skip

    def _unseen(self, kind: str, pins: tuple[str, ...]) -> Unseen | None:
        return of_open(self._on, pins[0]) if kind == "open" else of_bridge(self._on, _pair(pins))


def acceptance_card(library: Library, design: str) -> Card:
    """The card to accept boards of this design with: x8 and Gen3 by its file, carried as delivered, best reported."""
    board = Board(library.adapter(design), AdapterUnit(design, ""))
    fit = [
        c for c in library.cards() if c.pcie_card and c.lanes == 8 and (c.gen or 0) >= 3 and not card_needs(board, c)
    ]
    if not fit:
        raise UsageError(f"no card file with lanes: 8 and gen: 3 is carried by {design}: name one with --card")
    return max(fit, key=lambda c: (sum(r.design == design and r.result == "ok" for r in c.reports), len(c.reports)))


def _pair(pins: tuple[str, ...]) -> Pair:
    return pins[0], pins[1]


def joint(kind: str, pins: Sequence[str]) -> Joint:
    """A fault as a twin file has it."""
    return Joint.model_validate({"pins": list(pins), "state": kind})


def place_of(kind: str, pins: Sequence[str], causes: Sequence[Cause]) -> tuple[int | None, Cause | None]:
    """The first of the top causes that is of this kind and holds these pins."""
    start = {"open": "joint open", "bridge": "bridge", "resistive": "poor joint"}[kind]
    for n, cause in enumerate(causes[:TOP], 1):
        if cause.title.startswith(start) and set(pins) <= set(cause.pins):
            return n, cause
    return None, None


def alike(board: Board, kind: str, cause: Cause | None) -> int:
    """How many joints or bridges the cause holds that this run cannot tell apart."""
    if cause is None:
        return 0
    if kind == "open":
        return len(cause.pins)
    pairs = [p for p in board.neighbours() if set(p) <= set(cause.pins)]
    return sum(board.can_bridge(*p) and not board.joined(*p) for p in pairs)


def said(shown: Shown) -> str:
    """What a person reads off the bench, in a few words."""
    bad = [j for j in shown.judged if j.verdict in _BAD]
    if not bad:
        return "all as it should be"
    if shown.failed_in is Step.SHORT_CHECK:
        return " and ".join(_conducts(j) for j in bad)
    width = next((j.measurement.value for j in shown.judged if j.measurement.name == "pcie.link.width"), None)
    if any(j.measurement.name == "pcie.present" for j in bad):
        return "not in lspci"
    if any(j.measurement.name.startswith("pcie.link.width") for j in bad):
        return f"x{width}"
    return ", ".join(dict.fromkeys(j.measurement.name for j in bad))


def _conducts(j: Judged) -> str:
    plus, _, minus = j.measurement.name.split(".")[1].partition("_")
    return f"{plus} to {minus} {float(j.measurement.value or 0):.2g} Ohm"


# --- Markdown -----------------------------------------------------------------------------------------------


def markdown(matrix: Matrix, rows: Sequence[Row]) -> str:
    """The table, with what it was made from and its tally."""
    design, card = matrix.board.adapter.design, matrix.card.model
    head = [
        f"# Every single fault of {design}, on the twin",
        "",
        f"Made by `rig diagnose --matrix {design} --card {card}`; virtual. Card {card}, slot Gen{matrix.slot.gen} "
        f"x{matrix.slot.lanes}, board as delivered. How to read it: [diagnosis.md](diagnosis.md).",
        "",
        *tally(rows),
        "",
        "| fault | the bench shows | place | cause, probability | one of |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_line, rows), ""])


def tally(rows: Sequence[Row]) -> list[str]:
    """Counts of rows by what became of them."""
    seen = [r for r in rows if r.verdict in _BAD]
    places = Counter(r.rank for r in seen)
    silent = [r for r in rows if r not in seen]
    harmless = sum(r.unseen is not None and r.unseen.why.startswith("no fault") for r in silent)
    wrong = [r.fault for r in rows if not r.right]
    first = ", ".join(f"{places[n]} in place {n}" for n in range(1, TOP + 1) if places[n])
    return [
        f"- {len(rows)} faults: {sum(r.kind == 'open' for r in rows)} open joints, "
        f"{sum(r.kind == 'bridge' for r in rows)} bridges of neighbours",
        f"- {len(seen)} show on the bench: {first or 'none named'}",
        f"- {len(silent)} show nothing: {len(silent) - harmless} with the check that would see them, {harmless} are no "
        "fault (one net, or the key between)",
        f"- wrong: {', '.join(wrong) or 'none'}",
    ]


def _line(row: Row) -> str:
    fault = f"{row.fault} {row.kind}"
    if row.verdict not in _BAD:
        told = str(row.unseen) if row.unseen else "NOT SEEN, and it should be"
        return f"| {fault} | {row.shown} | - | no symptom: {told} | - |"
    if row.cause is None:
        return f"| {fault} | {row.shown} | none | NOT IN THE TOP THREE | - |"
    told = f"{row.cause.title}, {row.cause.probability or 0:.0%}"
    return f"| {fault} | {row.shown} | {row.rank} | {told} | {row.alike} |"


def write(design: str, model: str | None, out: Path | None) -> str:
    """The table as Markdown, into `out` too where it is given; UsageError for unknown names."""
    matrix = Matrix(default_library(), design, model)
    text = markdown(matrix, matrix.rows())
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    return text
