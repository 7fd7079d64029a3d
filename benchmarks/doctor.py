"""The doctor against the twin: every single fault, random double faults, and every dangerous bridge of every board.

Run: .venv/bin/python benchmarks/doctor.py [double faults, default 1000] [seed, default 1]
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import product

import numpy as np

from rig.config.library import Library, default_library, project_root
from rig.config.plan import load_plan
from rig.config.twin import Joint
from rig.errors import UsageError
from rig.model import AdapterUnit, Step, Verdict
from rig.netlist import Board, dangerous_bridges, probe_pairs
from rig.plugin.matrix import SLOT, TOP, Matrix, Row, joint, place_of, tally
from rig.plugin.rehearsal import Rehearsal

BAD = (Verdict.FAIL, Verdict.MARGINAL)
KINDS = ("open", "bridge", "resistive")
Fault = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two faults on one board, and what became of them."""

    design: str
    faults: tuple[Fault, Fault]
    alone: tuple[Verdict, Verdict]
    together: Verdict
    hits: tuple[bool, bool]
    """Whether each fault is in the top three."""

    @property
    def masked(self) -> bool:
        """A PASS although one of them alone would not: must never be."""
        return self.together is Verdict.PASS and any(v in BAD for v in self.alone)


def faults_of(matrix: Matrix) -> list[Fault]:
    """Every fault solder can make: open joints, bridges, and lane joints of 30 Ohm."""
    board = matrix.board
    single = [f for f in matrix.faults() if f[0] == "open" or board.can_bridge(*f[1])]
    return [*single, *(("resistive", (p.name,)) for p in board.adapter.pins.values() if p.lane is not None)]


def joints(faults: tuple[Fault, ...]) -> list[Joint]:
    return [joint(kind, pins) for kind, pins in faults]


def words(faults: tuple[Fault, ...]) -> str:
    return " + ".join(f"{kind} {'-'.join(pins)}" for kind, pins in faults)


def double_faults(library: Library, count: int, seed: int) -> list[Pair]:
    """Random pairs over all layouts."""
    rng = np.random.default_rng(seed)
    matrices = {design: Matrix(library, design) for design in library.designs()}
    alone: dict[tuple[str, Fault], Verdict] = {}
    found = []
    for _ in range(count):
        design = list(matrices)[rng.integers(len(matrices))]
        matrix = matrices[design]
        there = faults_of(matrix)
        one, two = (there[i] for i in rng.choice(len(there), 2, replace=False))
        for f in (one, two):
            if (design, f) not in alone:
                alone[design, f] = matrix.show(joints((f,))).verdict
        shown = matrix.show(joints((one, two)))
        causes = matrix.diagnosed(shown.judged)
        hits = tuple(place_of(kind, pins, causes)[0] is not None for kind, pins in (one, two))
        found.append(
            Pair(design, (one, two), (alone[design, one], alone[design, two]), shown.verdict, (hits[0], hits[1]))
        )
    return found


def boards(library: Library, design: str) -> list[Board]:
    """The layout under every setting of its jumpers, and with every mod."""
    adapter = library.adapter(design)
    ways = {2: ("open", "closed"), 3: ("open", "1-2", "2-3", "1-2-3")}
    settings = product(*(ways[len(j.pads)] for j in adapter.jumpers.values()))
    units = [AdapterUnit(design, "D", dict(zip(adapter.jumpers, s, strict=True))) for s in settings]
    units += [AdapterUnit(design, "D", mods=(mod,)) for mod in adapter.mods]
    return [Board(adapter, unit) for unit in units]


def dangerous(library: Library) -> tuple[int, int, list[str], Counter[str]]:
    """Boards, dangerous bridges, those the short check lets through, and where the leads must go to see each."""
    plan = load_plan(project_root() / "configs" / "plans" / "standard.yaml")
    card = Matrix(library, library.designs()[0]).card
    count, through, where, tried = 0, [], Counter[str](), 0
    for design in library.designs():
        for board in boards(library, design):
            tried += 1
            rehearsal = Rehearsal(board.adapter, card, SLOT, plan, board.unit)
            for pair in dangerous_bridges(board):
                count += 1
                shown = rehearsal.run([joint("bridge", pair)])
                if shown.failed_in is not Step.SHORT_CHECK:
                    through.append(f"{design} {dict(board.unit.jumpers)} {board.unit.mods} {'-'.join(pair)}")
                probed = [
                    p for p in probe_pairs(board) if {board.net_of(x) for x in p} == {board.net_of(x) for x in pair}
                ]
                where["at the fingers" if all(board.on_edge(x) for x in probed[0]) else "at the connector"] += 1
    return tried, count, through, where


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    library = default_library()
    start_s = time.monotonic()
    rows: list[Row] = []
    for design in library.designs():
        rows += Matrix(library, design).rows()
    print(f"single faults, {len(library.designs())} layouts ({time.monotonic() - start_s:.1f} s)")
    print("\n".join(tally(rows)))

    start_s = time.monotonic()
    pairs = double_faults(library, count, seed)
    bad = [p for p in pairs if any(v in BAD for v in p.alone)]
    masked = [p for p in pairs if p.masked]
    print(f"double faults: {len(pairs)} random, seed {seed} ({time.monotonic() - start_s:.1f} s)")
    print(
        f"- {len(bad)} with a fault that alone would not PASS; together: {dict(Counter(str(p.together) for p in bad))}"
    )
    print(f"- PASS although either alone would not: {len(masked)}")
    visible = [(p, n) for p in bad for n in (0, 1) if p.alone[n] in BAD]
    any_hit = sum(any(h and v in BAD for h, v in zip(p.hits, p.alone, strict=True)) for p in bad)
    for p in bad:
        if not any(h and v in BAD for h, v in zip(p.hits, p.alone, strict=True)):
            print(f"  missed: {p.design} {words(p.faults)}")
    both = [p for p in bad if all(v in BAD for v in p.alone)]
    print(f"- at least one of the faults in the top {TOP}: {any_hit} of {len(bad)} ({any_hit / len(bad):.1%})")
    print(f"- of the visible faults in the top {TOP}: {sum(p.hits[n] for p, n in visible)} of {len(visible)}")
    print(f"- both visible: {len(both)}, both in the top {TOP}: {sum(all(p.hits) for p in both)}")
    print("  (the other one hides behind the first: a board that fails a step goes no further)")

    tried, bridges, through, where = dangerous(library)
    print(f"dangerous bridges: {bridges} on {tried} boards (every jumper setting, every mod): {dict(where)}")
    print(f"- not found by the short check: {', '.join(through) or 'none'}")
    assert not masked
    assert not through
    assert all(r.right for r in rows)


if __name__ == "__main__":
    try:
        main()
    except UsageError as e:
        sys.exit(str(e))
