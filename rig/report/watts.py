"""Mean watts per card model and state, beside what the datasheet says."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rig.report.journal import Journal, RunLog
from rig.report.schema import CardPart

_TOTAL = re.compile(r"power\.([^.]+)\.total_w")
_STATES = ("aux", "driver", "ports_up", "one_link", "idle", "tx", "rx", "both")


@dataclass(frozen=True, slots=True)
class Draw:
    """One state of one card model, over all inserts that measured it."""

    state: str
    mean_w: float
    low_w: float
    high_w: float
    spread_w: float | None
    """Sample standard deviation between inserts, None of a single one."""
    inserts: int
    cards: int


@dataclass(frozen=True, slots=True)
class CardDraw:
    """One card model; virtual and real runs are never averaged together."""

    virtual: bool
    card: CardPart
    draws: tuple[Draw, ...]

    @property
    def datasheet(self) -> str:
        """The published figures and who published them, or that nobody did."""
        return datasheet(self.card)


def datasheet(card: CardPart) -> str:
    """The published figures and who published them, or that nobody did."""
    figures = [f"{word} {w:g} W" for word, w in (("typ", card.typ_w), ("max", card.max_w)) if w is not None]
    source = f" ({card.power_source})" if card.power_source else ""
    return f"{', '.join(figures)}{source}" if figures else "no published figure"


def card_draws(journal: Journal) -> tuple[CardDraw, ...]:
    """Per model and state the mean of every insert's own mean (`power.<state>.total_w`), models by name."""
    cards: dict[tuple[str, bool], CardPart] = {}
    found: dict[tuple[str, bool], dict[str, list[tuple[float, str]]]] = {}
    for run in journal.runs:
        key = (run.start.card.model, run.start.virtual)
        for state, watts in _totals(run).items():
            cards[key] = run.start.card
            found.setdefault(key, {}).setdefault(state, []).append((watts, run.start.card.serial))
    return tuple(CardDraw(key[1], cards[key], _draws(found[key])) for key in sorted(found))


def _totals(run: RunLog) -> dict[str, float]:
    """State to watts; the last one counts where a state was measured again."""
    named = ((_TOTAL.fullmatch(row.name), row.number) for row in run.rows)
    return {match[1]: number for match, number in named if match and number is not None}


def _draws(states: dict[str, list[tuple[float, str]]]) -> tuple[Draw, ...]:
    return tuple(_draw(state, states[state]) for state in sorted(states, key=state_order))


def state_order(state: str) -> tuple[int, str]:
    """States from dark to busy, unknown ones last."""
    return (_STATES.index(state) if state in _STATES else len(_STATES), state)


def _draw(state: str, found: Sequence[tuple[float, str]]) -> Draw:
    watts = [w for w, _ in found]
    spread = statistics.stdev(watts) if len(watts) > 1 else None
    cards = len({serial for _, serial in found})
    return Draw(state, statistics.fmean(watts), min(watts), max(watts), spread, len(watts), cards)
