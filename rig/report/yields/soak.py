"""Soaks in stored runs: `soak.<what>.failures` and `soak.<what>.trials` of a run, added up, with an upper bound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rig.report.journal import RunLog
from rig.report.yields.attempts import Kind
from rig.report.yields.bounds import bound_sentence

_PREFIX, _FAILURES, _TRIALS = "soak.", ".failures", ".trials"


@dataclass(frozen=True, slots=True)
class Soak:
    """What was repeated, and how often it failed, over all units of one card model."""

    what: str
    """`retrain`, `power_cycle` ..."""
    of: str
    units: int
    failures: int
    trials: int

    @property
    def bound(self) -> str:
        return bound_sentence(self.failures, self.trials)


def soaks(kind: Kind) -> tuple[Soak, ...]:
    """One line a thing repeated and card model; the last row of a run counts."""
    found: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
    for outcome in kind.outcomes:
        if outcome.run is not None:
            for what, failures, trials in _of_run(outcome.run):
                key = (what, outcome.card.model)
                found.setdefault(key, []).append((outcome.unit, failures, trials))
    return tuple(
        Soak(what, of, len({u for u, _, _ in runs}), sum(f for _, f, _ in runs), sum(t for _, _, t in runs))
        for (what, of), runs in found.items()
    )


def told(run: RunLog) -> tuple[tuple[str, str], ...]:
    """What one run repeated, and how often that failed, with the bound."""
    return tuple((what.replace("_", " "), bound_sentence(failures, trials)) for what, failures, trials in _of_run(run))


def _of_run(run: RunLog) -> Iterable[tuple[str, int, int]]:
    rows = {r.name: r.number for r in run.rows if r.name.startswith(_PREFIX) and r.number is not None}
    for name, trials in rows.items():
        failures = rows.get(name.removesuffix(_TRIALS) + _FAILURES)
        if name.endswith(_TRIALS) and failures is not None and 0 <= failures <= trials:
            yield name[len(_PREFIX) : -len(_TRIALS)], int(failures), int(trials)
