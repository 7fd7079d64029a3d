"""The same numbers as Markdown, for a CI job's summary or a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from rig.report import journal
from rig.report.summary import Outcome, Tally, outcomes, tally, virtual_word
from rig.report.text import brief, one_line
from rig.report.watts import CardDraw, Draw, card_draws

_ACTIVE = re.compile(r"([\\`*_{}\[\]<>|~&$@])")
_MAX_ROWS = 200
_MAX_PROBLEMS = 10
_MARKS = {"PASS": "✅", "MARGINAL": "🟡", "FAIL": "❌", "ERROR": "⚠️", "NOT_RUN": "⚪"}


def summary(path: Path | str) -> str:
    """Units, verdict counts, causes and mean watts of `path`; UsageError when there is no such folder."""
    found = journal.read(path)
    units = outcomes(found)
    virtual = virtual_word(units)
    parts = [
        f"## {f'{virtual}: ' if virtual else ''}{_title(units)}",
        _counts(tally(units)),
        _problems(found.problems),
        _units(units),
        _watts(card_draws(found), virtual),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def escaped(text: str, limit: int = 160) -> str:
    """`text` as one line that Markdown shows as it is, in a table too."""
    return _ACTIVE.sub(r"\\\1", brief(one_line(text), limit)).replace("\\<", "&lt;").replace("\\&", "&amp;")


def _title(units: Iterable[Outcome]) -> str:
    batches = list(dict.fromkeys(o.batch for o in units))
    return f"batch {escaped(batches[0])}" if len(batches) == 1 else f"{len(batches)} batches"


def _counts(counted: Tally) -> str:
    if not counted.units:
        return "There are no runs in this folder."
    verdicts = ", ".join(f"{n} {_word(v)}" for v, n in counted.verdicts.items())
    first = f"{counted.first_pass} of {counted.units} good at the first attempt"
    return f"{counted.units} units: {verdicts}. {first}."


def _problems(problems: tuple[str, ...]) -> str:
    if not problems:
        return ""
    more = [f"- and {len(problems) - _MAX_PROBLEMS} more"] if len(problems) > _MAX_PROBLEMS else []
    told = [f"- {escaped(p)}" for p in problems[:_MAX_PROBLEMS]]
    return "\n".join(["Not everything could be read:", "", *told, *more])


def _units(units: tuple[Outcome, ...]) -> str:
    rows = [_unit(o) for o in units[:_MAX_ROWS]]
    more = [f"\nand {len(units) - _MAX_ROWS} more units"] if len(units) > _MAX_ROWS else []
    head = ["| unit | verdict | failed | cause, and what to do |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, *more]) if rows else ""


def _unit(o: Outcome) -> str:
    cause = next(iter(o.causes), None)
    why = [
        o.remark,
        f"{cause.title}: {cause.action}" if cause and cause.action else cause.title if cause else "",
    ]
    again = f", attempt {o.attempt}" if o.attempt > 1 else ""
    failed = ", ".join(o.failed[:5]) + (f" and {len(o.failed) - 5} more" if len(o.failed) > 5 else "")
    cells = (f"{o.unit}{again}", failed, "; ".join(w for w in why if w))
    unit, failed, cause_text = (escaped(c, 300) for c in cells)
    return f"| {unit} | {_MARKS[o.verdict.value]} {_word(o.verdict)} | {failed} | {cause_text} |"


def _word(verdict: str) -> str:
    return str(verdict).replace("_", "\\_")


def _watts(cards: tuple[CardDraw, ...], virtual: str) -> str:
    if not cards:
        return ""
    head = [
        f"### Mean watts{f' ({virtual})' if virtual else ''}\n",
        "| card | state | mean W | ± W | inserts | cards | datasheet |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    return "\n".join(head + [row for card in cards for row in _card(card)])


def _card(card: CardDraw) -> list[str]:
    name = escaped(card.card.model) + (" (VIRTUAL)" if card.virtual else "")
    return [
        f"| {name} | {escaped(d.state)} | {d.mean_w:.2f} | {_spread(d)} | {d.inserts} | {d.cards} "
        f"| {escaped(card.datasheet)} |"
        for d in card.draws
    ]


def _spread(draw: Draw) -> str:
    return "" if draw.spread_w is None else f"{draw.spread_w:.2f}"
