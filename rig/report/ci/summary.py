"""The page of a job: verdicts, what changed since the baseline, and the numbers as small charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from rig.model import Verdict
from rig.report import markdown
from rig.report.ci.baseline.result import Compared, Comparison, Finding
from rig.report.ci.baseline.words import TOLD, amount, headline, interval, share
from rig.report.ci.chart import forest, spark
from rig.report.journal import Journal
from rig.report.markdown import escaped
from rig.report.quantity import unit_text, value_text
from rig.report.schema import Row

LIMIT_BYTES = 1024 * 1024
"""Of the summary of one step. Ref: GitHub, Workflow commands, step isolation and limits."""
_MOST_CHANGES, _MOST_CHARTS, _MOST_REASONS = 60, 40, 12
_CHARTED = ("power.*.total_w", "traffic.*_bps", "host.boot_s")
_MARKS = {Finding.REGRESSION: "❌", Finding.SUSPECT: "🟡", Finding.CHANGED: "🔵", Finding.BETTER: "✅"}


def page(found: Journal, comparison: Comparison | None, links: Mapping[str, str]) -> str:
    """Markdown for a job page; `links` are names to addresses."""
    parts = [
        markdown.summary(found.root).rstrip(),
        *([_baseline(comparison)] if comparison else []),
        _charts(found),
        " · ".join(f"[{escaped(name)}]({address})" for name, address in links.items()),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def _baseline(found: Comparison) -> str:
    kinds = {r.key.virtual for r in found.rows}
    virtual = " (VIRTUAL)" if kinds == {True} else " (PARTLY VIRTUAL)" if True in kinds else ""
    mark = {Verdict.PASS: "✅", Verdict.FAIL: "❌"}.get(found.verdict, "⚪")
    parts = [
        f"### {mark} Against the baseline{virtual}",
        f"{headline(found)}." + "".join(f" {escaped(n)}." for n in found.notes),
        _changes(found.of(*TOLD)),
        _reasons(found.of(Finding.NOT_COMPARABLE)),
    ]
    return "\n\n".join(p for p in parts if p)


def _changes(rows: Sequence[Compared]) -> str:
    if not rows:
        return ""
    head = [
        "| | card | measurement | before | now | change | 95 % interval | `│` none `┊` tolerance | runs |",
        "|---|---|---|--:|--:|--:|---|---|--:|",
    ]
    more = [f"\nand {len(rows) - _MOST_CHANGES} more in junit.xml"] if len(rows) > _MOST_CHANGES else []
    notes = Counter(note for row in rows for note in row.notes)
    told = [f"\n{n} of these: {escaped(note)}." for note, n in notes.items()]
    return "\n".join([*head, *map(_change, rows[:_MOST_CHANGES]), *more, *told])


def _change(row: Compared) -> str:
    if row.change is None:
        return ""
    chart = forest(row.change.interval, row.change.difference, row.tolerance)
    moved = amount(row, row.change.difference, sign=True) + (f" ({share(row)})" if row.before else "")
    cells = (
        f"{_MARKS.get(row.finding, '')} {row.finding}", escaped(row.key.model), escaped(row.key.name),
        amount(row, row.change.before), amount(row, row.change.now), moved, interval(row), f"`{chart}`",
        f"{row.runs[0]} → {row.runs[1]}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _reasons(rows: Sequence[Compared]) -> str:
    """What could not be compared, by reason: it is neither green nor red."""
    if not rows:
        return ""
    counted = Counter(row.why_not for row in rows)
    told = [f"- {n} measurements: {escaped(why)}" for why, n in counted.most_common(_MOST_REASONS)]
    return "\n".join(["Not comparable:", "", *told])


def _charts(found: Journal) -> str:
    """Watts, rates and boot times over the runs in their order; all the rest is in the report."""
    series: dict[tuple[bool, str, str], list[Row]] = {}
    for run in found.runs:
        for row in {r.name: r for r in run.rows}.values():
            if row.number is not None and not row.at_least and _is_charted(row.name):
                series.setdefault((run.start.virtual, run.start.card.model, row.name), []).append(row)
    drawn = [_chart(key, rows) for key, rows in sorted(series.items()) if len(rows) > 1]
    if not drawn:
        return ""
    head = ["### Run by run", "", "| card | measurement | runs | lowest | highest |", "|---|---|---|--:|--:|"]
    more = [f"\nand {len(drawn) - _MOST_CHARTS} more in report.html"] if len(drawn) > _MOST_CHARTS else []
    return "\n".join([*head, *drawn[:_MOST_CHARTS], *more])


def _is_charted(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _CHARTED)


def _chart(key: tuple[bool, str, str], rows: Sequence[Row]) -> str:
    virtual, model, name = key
    ordered = sorted(rows, key=lambda r: r.number or 0.0)
    low, high = (f"{value_text(r)} {unit_text(r)}" for r in (ordered[0], ordered[-1]))
    title = escaped(model) + (" (VIRTUAL)" if virtual else "")
    return f"| {title} | {escaped(name)} | `{spark([r.number or 0.0 for r in rows])}` | {low} | {high} |"


def cut(text: str, room_bytes: int, where: str) -> str:
    """`text` whole where it fits, else whole lines from its beginning, and how much is left out and where it is."""
    if len(text.encode()) <= room_bytes:
        return text
    lines = text.splitlines(keepends=True)

    def note(kept: int) -> str:
        return f"\n\n**Cut: {len(lines) - kept} of {len(lines)} lines did not fit; all of it is in {where}.**\n"

    room = room_bytes - len(note(0).encode())
    kept = 0
    for line in lines:
        room -= len(line.encode())
        if room < 0:
            break
        kept += 1
    whole = "".join(lines[:kept]) + note(kept)
    return whole if len(whole.encode()) <= room_bytes else ""
