"""Causes of what is wrong with the electrics (bare board, first power, PCIe link), ranked by probability."""

from __future__ import annotations

from collections.abc import Sequence

from rig.diagnose.actions import Advice, best
from rig.diagnose.case import Case, shown
from rig.diagnose.hypotheses import Hypotheses
from rig.diagnose.posterior import Posterior, posterior
from rig.diagnose.seen import Seen, card_lanes, observe
from rig.diagnose.words import cause
from rig.model import Cause

WORTH_TELLING = 0.01
MOST = 6
"""Causes below the first one and so many are not told."""
CLEAR = 0.9
"""One joint this likely needs no test before the iron."""


def electrical(case: Case, known: Hypotheses | None = None) -> tuple[Cause, ...]:
    """Causes of the bad electrical rows, most likely first, "unexplained" among them; none: nothing electrical is bad.

    `known` are the hypotheses of this unit on this bench, where the caller keeps them.
    """
    found = observe(case)
    if not any(seen.bad for seen in found):
        return ()
    known = known or Hypotheses(case.board, case.card, case.slot, case.history)
    told = card_lanes(case)
    lanes = known.on(told).lanes
    result = posterior(found, known, told)
    groups = [g for g in result.groups if g.probability >= WORTH_TELLING][:MOST]
    advice = _advice(case, result, found)
    causes = [cause(case, g, found, result, None if n else advice, lanes) for n, g in enumerate(groups)]
    if result.unexplained >= WORTH_TELLING or not causes:
        causes.append(_unexplained(found, result))
    return tuple(sorted(causes, key=lambda c: -(c.probability or 0.0)))


def _advice(case: Case, result: Posterior, found: Sequence[Seen]) -> Advice | None:
    """Nothing is to be separated where one cause is clear; a board that conducts is wicked first."""
    candidates = [m for g in result.groups for m in g.members]
    conducts = any(seen.bad and seen.kind.startswith("short") for seen in found)
    if not candidates or conducts or max(p for _, p in candidates) > CLEAR:
        return None
    host_up = case.number("pcie.link.width") is not None and min(case.card.gen or 0, case.slot.gen) >= 3
    lanes_read = any(seen.kind.startswith("lanes") for seen in found)
    return best(candidates, case.board, host_up=host_up, lanes_read=lanes_read)


def _unexplained(found: Sequence[Seen], result: Posterior) -> Cause:
    rows = [j for seen in found if seen.bad for j in seen.rows]
    return Cause(
        "unexplained",
        evidence=tuple(map(shown, rows)),
        action="no fault of a joint, jumper, card or slot that is known here shows this: read the evidence",
        probability=round(min(result.unexplained, 1.0), 4),
    )
