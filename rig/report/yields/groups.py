"""First-pass and final yield with their intervals, over everything and by batch, design and card model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rig.model import Verdict
from rig.report.journal import GREEN
from rig.report.summary import Outcome
from rig.report.yields.attempts import History, Key, Kind, board_key, unit_key
from rig.report.yields.bounds import Share, bound_sentence, share


@dataclass(frozen=True, slots=True)
class Group:
    """The yield of some units."""

    by: str
    """`all`, `batch`, `design` or `card model`."""
    name: str
    first_pass: Share
    final: Share
    not_judged: int
    """Units without a judgement: the bench failed, they were cancelled, or never started."""
    marginal: int
    """Of those good at last, how many are MARGINAL."""

    @property
    def failing(self) -> str:
        """What the units that failed at first say of the share that does: `2 of 24, below 24 % at 95 %`."""
        return bound_sentence(self.first_pass.total - self.first_pass.count, self.first_pass.total)


def groups(kind: Kind) -> tuple[Group, ...]:
    """Everything, then batch by batch, design by design, model by model; a design counts boards, others units."""
    return (
        _group("all", "all units", kind.histories(unit_key)),
        *_by(kind, "batch", lambda o: (o.batch_key, o.batch), unit_key),
        *_by(kind, "design", lambda o: (o.adapter.design,), board_key),
        *_by(kind, "card model", lambda o: (o.card.model,), unit_key),
    )


def _by(kind: Kind, by: str, of: Callable[[Outcome], Key], key: Callable[[Outcome], Key]) -> list[Group]:
    found: dict[Key, list[History]] = {}
    for history in kind.histories(lambda o: (*of(o), *key(o))):
        found.setdefault(of(history.attempts[0]), []).append(history)
    names = [k[-1] for k in found]
    # two batches of one name are told apart by their ids
    return [_group(by, k[-1] if names.count(k[-1]) == 1 else k[0], tuple(h)) for k, h in found.items()]


def _group(by: str, name: str, histories: tuple[History, ...]) -> Group:
    judged = [(h.first, h.last) for h in histories]
    firsts = [f.verdict for f, _ in judged if f]
    lasts = [n.verdict for _, n in judged if n]
    return Group(
        by, name, share(sum(v in GREEN for v in firsts), len(firsts)),
        share(sum(v in GREEN for v in lasts), len(lasts)), len(histories) - len(firsts),
        lasts.count(Verdict.MARGINAL),
    )  # fmt: skip
