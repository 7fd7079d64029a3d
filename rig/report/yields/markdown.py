"""A yield as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rig.report.markdown import escaped
from rig.report.quantity import duration_text, time_text
from rig.report.yields import words
from rig.report.yields.study import Study, Yield

_MOST = 60
_MOST_TOLD = 20


def text(found: Yield, name: str) -> str:
    """The whole yield, for a CI job's summary or a chat."""
    virtual = f"{found.virtual}: " if found.virtual else ""
    parts = [f"## {virtual}yield of {escaped(name)}"]
    if found.virtual:
        parts.append("Where VIRTUAL stands no hardware was touched, and no number says anything about a real board.")
    parts += [part for study in found.studies for part in _study(study)]
    if found.problems:
        told = "\n".join(f"- {escaped(p, 400)}" for p in found.problems[:_MOST_TOLD])
        parts.append(f"Not everything could be read:\n\n{told}")
    return "\n\n".join(p for p in parts if p) + "\n"


def _study(s: Study) -> Iterable[str]:
    mark = f" ({s.word})" if s.word else ""
    yield f"### Yield{mark}\n\n{escaped(words.claim(s), 400)} {escaped(words.losses(s), 400)}"
    yield escaped("; ".join(s.kind.left_out), 400)
    yield _table(("of", "first pass", "95 %", "final", "95 %", "not judged"), "lrrrrr", _groups(s))
    yield _titled(f"What they failed of{mark}", ("first cause", "units", "with those above", "attempts"), "lrrr", (
        (c.title, c.units, words.percent(c.cumulative, 0), c.attempts) for c in s.causes
    ))  # fmt: skip
    yield _titled(
        f"Joints{mark}", ("pin", "side", "units, shared out", "units that name it", "worked on", "good after"),
        "llrrrr",
        ((j.pin, j.side, f"{j.weight:.2f}", j.units, j.reworked, j.fixed) for j in s.joints),
    )  # fmt: skip
    yield _titled(f"Rework{mark}", ("action", "cause before", "good after it", "95 %"), "llrr", (
        (x.action, x.cause, f"{x.fixed.count} of {x.fixed.total}", words.interval(x.fixed)) for x in s.successes
    ))  # fmt: skip
    yield _table(("when", "adapter", "what", "pins", "before", "after", "so it was"), "lllllll", (
        (time_text(m.entry.time_s), m.entry.serial, f"{m.entry.action}: {m.entry.text}", " ".join(m.entry.pins),
         m.before.verdict if m.before else "no run", m.after.verdict if m.after else "", words.mended(m))
        for m in s.mendings
    ))  # fmt: skip
    yield _titled(f"Not good in the end{mark}", ("adapter", "design", "it is", "why"), "llll", (
        (x.outcome.adapter.serial, x.outcome.adapter.design, words.loss(x), x.why) for x in s.losses
    ))  # fmt: skip
    yield _titled(f"Where the time goes{mark}", ("part", "times", "median", "altogether", "share"), "lrrrr", (
        (p.name.replace("_", " "), p.runs, duration_text(p.median_s), duration_text(p.total_s),
         words.percent(p.share, 0))
        for p in s.times.parts
    ))  # fmt: skip
    yield _titled(
        f"Measurements over units{mark}",
        ("measurement", "of", "limit", "mean ± sd", "Cpk", "Ppk, 95 %", "units", "signals"), "llrrrrrl",
        ((c.name, c.of, words.limits(c), words.spread(c), words.index(c.cpk), words.ppk(c),
          len(c.values), "; ".join(words.signals(c)[:3])) for c in s.capabilities),
    )  # fmt: skip
    yield _titled(f"Soaks{mark}", ("repeated", "card", "units", "failures"), "llrl", (
        (x.what, x.of, x.units, x.bound) for x in s.soaks
    ))  # fmt: skip


def _groups(s: Study) -> Iterable[Sequence[object]]:
    for g in s.groups:
        first, final = (f"{x.count} of {x.total} {words.percent(x.value)}".strip() for x in (g.first_pass, g.final))
        name = g.name if g.by == "all" else f"{g.by} {g.name}"
        yield name, first, words.interval(g.first_pass), final, words.interval(g.final), g.not_judged or ""


def _titled(title: str, head: Sequence[str], align: str, rows: Iterable[Sequence[object]]) -> str:
    table = _table(head, align, rows)
    return f"### {title}\n\n{table}" if table else ""


def _table(head: Sequence[str], align: str, rows: Iterable[Sequence[object]]) -> str:
    """A table, at most 60 rows of it; nothing without a row."""
    every = [f"| {' | '.join(escaped(str(cell), 200) for cell in row)} |" for row in rows]
    if not every:
        return ""
    rule = "".join({"l": "|---", "r": "|--:"}[a] for a in align) + "|"
    more = [f"\nand {len(every) - _MOST} more, in the CSV files"] if len(every) > _MOST else []
    return "\n".join([f"| {' | '.join(head)} |", rule, *every[:_MOST], *more])
