"""The journal as what a page shows, section by section; no markup here, and every read is bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import quote

from rig.judge import worst
from rig.model import Step, Verdict
from rig.report import journal as journal_
from rig.report import text
from rig.report.journal import Journal, RunLog
from rig.report.quantity import duration_text, time_text
from rig.report.schema import CausePart, Event, Row
from rig.report.summary import Outcome, Tally, outcomes, tally, virtual_word
from rig.report.watts import CardDraw, card_draws

_PAGE_BYTES = 5_000_000
_RUN_BYTES = (16_000, 256_000)
_FILE_BYTES = 24_000
_CONSOLE_BYTES = 6_000
_MAX_FILES = 60
_INSTRUMENT_FACTS = ("serial", "firmware", "accuracy", "calibrated_until")
_SIDES = {"A": "row A, bottom copper", "B": "row B, top copper"}


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a run: its worst verdict, how long it took, its rows."""

    name: str
    title: str
    verdict: Verdict
    note: str
    duration: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class PinGroup:
    """Pins of one side of the board, so that nobody turns it over twice."""

    side: str
    pins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileView:
    """A raw text of the run; `href` leads to the whole file where the page lies above it."""

    anchor: str
    name: str
    excerpt: text.Excerpt
    href: str


@dataclass(frozen=True, slots=True)
class RunView:
    """All that a unit's section shows."""

    anchor: str
    outcome: Outcome
    run: RunLog
    facts: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    steps: tuple[StepView, ...]
    soaks: tuple[tuple[str, str], ...]
    """What was repeated, and `0 of 200, below 1.5 % at 95 %`."""
    events: tuple[Event, ...]
    files: tuple[FileView, ...]
    console: text.Excerpt | None
    problems: tuple[str, ...]

    @property
    def evidence_anchors(self) -> dict[str, str]:
        """Where in the page each piece of evidence is shown."""
        return {f.name: f.anchor for f in self.files if f.excerpt.text}


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report; `runs` is read lazily, one run at a time."""

    title: str
    virtual: str
    facts: tuple[tuple[str, str], ...]
    outcomes: tuple[tuple[str, Outcome], ...]
    """Anchor of the section (none for a unit that never started) and outcome."""
    many_batches: bool
    tally: Tally
    runs: Iterator[RunView]
    draws: tuple[CardDraw, ...]
    draw_scale_w: float
    problems: tuple[str, ...]


def page(journal: Journal, page_folder: Path) -> Page:
    """What the page about `journal` shows when it lies in `page_folder`."""
    found = outcomes(journal)
    anchors = [f"run-{n}" if o.run else "" for n, o in enumerate(found, start=1)]
    draws = card_draws(journal)
    batches = tuple(dict.fromkeys(o.batch for o in found))
    return Page(
        title=f"Batch {batches[0]}" if len(batches) == 1 else f"{len(batches)} batches",
        virtual=virtual_word(found),
        facts=_page_facts(journal, found),
        outcomes=tuple(zip(anchors, found, strict=True)),
        many_batches=len(batches) > 1,
        tally=tally(found),
        runs=_run_views(found, anchors, page_folder),
        draws=draws,
        draw_scale_w=_draw_scale_w(draws),
        problems=journal.problems,
    )


def pin_groups(cause: CausePart) -> tuple[PinGroup, ...]:
    """The cause's pins by the side of the board they are on; others keep their own group."""
    groups: dict[str, list[str]] = {}
    for pin in cause.pins:
        row = re.fullmatch(r"([AB])\d+", pin)
        groups.setdefault(_SIDES[row[1]] if row else "", []).append(pin)
    return tuple(PinGroup(side, tuple(pins)) for side, pins in groups.items())


def _page_facts(journal: Journal, found: Sequence[Outcome]) -> tuple[tuple[str, str], ...]:
    starts = [run.start for run in journal.runs]
    began = min((s.started_s for s in starts), default=None)
    return (
        ("Bench", _listed(s.bench for s in starts)),
        ("Plan", _listed(s.plan for s in starts)),
        ("Started", time_text(began)),
        ("Ended", "; ".join(_endings(journal))),
        ("Runs", str(sum(o.run is not None for o in found))),
    )


def _listed(names: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(n for n in names if n)) or "unknown"


def _endings(journal: Journal) -> Iterator[str]:
    for batch in journal.batches:
        if batch.stop is None:
            yield "no stop record: crashed or still running"
        else:
            error = f", {batch.stop.error}" if batch.stop.error else ""
            yield f"{time_text(batch.stop.ended_s)}, {batch.stop.status}{error}"
    if not journal.batches:
        last = max((r.stop.ended_s for r in journal.runs if r.stop and r.stop.ended_s), default=None)
        yield time_text(last)


def _draw_scale_w(draws: Sequence[CardDraw]) -> float:
    drawn = [d.high_w for c in draws for d in c.draws]
    published = [w for c in draws for w in (c.card.typ_w, c.card.max_w) if w is not None]
    return max((*drawn, *published, 1e-9))


def _run_views(found: Sequence[Outcome], anchors: Sequence[str], page_folder: Path) -> Iterator[RunView]:
    low, high = _RUN_BYTES
    budget = max(low, min(high, _PAGE_BYTES // max(1, len(found))))
    for anchor, outcome in zip(anchors, found, strict=True):
        if outcome.run is not None:
            yield _run_view(anchor, outcome, outcome.run, budget, page_folder)


def _run_view(anchor: str, outcome: Outcome, run: RunLog, budget: int, page_folder: Path) -> RunView:
    events, problems = journal_.events(run.folder)
    console = text.inside(run.folder, "console.log")
    return RunView(
        anchor, outcome, run, _facts(run), _versions(run), _steps(run, events), _soaks(run), events,
        tuple(_files(anchor, run, budget, page_folder)),
        text.tail(console, min(_CONSOLE_BYTES, budget // 4)) if console else None, problems,
    )  # fmt: skip


def _facts(run: RunLog) -> tuple[tuple[str, str], ...]:
    s = run.start
    jumpers = ", ".join(f"{ref} {setting}" for ref, setting in s.adapter.jumpers.items())
    facts = [
        ("Adapter", f"{s.adapter.serial}, {s.adapter.design}"),
        ("Jumpers", jumpers or "as delivered"),
        ("Modifications", ", ".join(map(str, s.adapter.mods)) or "none"),
        ("Card", f"{s.card.serial}, {s.card.title or s.card.model}"),
        ("Started", time_text(s.started_s)),
        ("Took", duration_text(run.duration_s)),
        ("Attempt", str(s.attempt)),
        ("Bench", f"{s.bench}, plan {s.plan}"),
        *((name.capitalize(), _instrument(who)) for name, who in s.instruments.items()),
    ]
    return tuple(facts)


def _instrument(who: dict[str, object]) -> str:
    name = " ".join(str(who[k]) for k in ("maker", "model") if who.get(k))
    more = [f"{k} {who[k]}" for k in _INSTRUMENT_FACTS if who.get(k)]
    return ", ".join([name, *more]).replace("_", " ")


def _versions(run: RunLog) -> tuple[tuple[str, str], ...]:
    s = run.start
    rig = [(name, str(version)) for name, version in s.versions.items()]
    return tuple(rig + [(f"{name} (host)", str(version)) for name, version in s.host_versions.items()])


def _steps(run: RunLog, events: Sequence[Event]) -> tuple[StepView, ...]:
    rows: dict[str, list[Row]] = {}
    for row in run.rows:
        rows.setdefault(row.step, []).append(row)
    seen = dict.fromkeys([*(e.step for e in events if e.event == "step_start"), *rows])
    order = list(Step)
    names = sorted(seen, key=lambda n: order.index(Step(n)) if n in order else len(order))
    return tuple(_step(name, rows.get(name, []), [e for e in events if e.step == name]) for name in names)


def _soaks(run: RunLog) -> tuple[tuple[str, str], ...]:
    if not any(row.step == Step.SOAK for row in run.rows):
        return ()
    # scipy, which reckons the bound, takes a second to load
    from rig.report.yields.soak import told

    return told(run)


def _step(name: str, rows: list[Row], events: list[Event]) -> StepView:
    started = next((e.time_s for e in events if e.event == "step_start"), None)
    ended = [e for e in events if e.event == "step_end"]
    broken = started is not None and not ended
    verdicts = [r.verdict for r in rows if r.verdict] + [e.verdict for e in ended if e.verdict]
    took = duration_text(ended[-1].time_s - started) if started is not None and ended else ""
    return StepView(
        name, name.replace("_", " "), worst([*verdicts, Verdict.NOT_RUN] if broken else verdicts),
        "started, but its end is not recorded" if broken else "", took, tuple(rows),
    )  # fmt: skip


def _files(anchor: str, run: RunLog, budget: int, page_folder: Path) -> Iterator[FileView]:
    """Evidence of what failed first, then the rest, until the page's share of this run is used up."""
    left = budget
    for n, name in enumerate(_evidence_names(run)[:_MAX_FILES], start=1):
        place = f"{anchor}-file-{n}"
        file = text.inside(run.folder, name)
        if file is None:
            yield FileView(place, name, text.Excerpt("", "not there, or not in the run's folder"), "")
            continue
        limit = min(_FILE_BYTES, left)
        if limit >= 1000:
            shown = text.excerpt(file, limit)
        else:
            shown = text.Excerpt("", f"{text.size_text(file.stat().st_size)}, left out to keep the page usable")
        left -= shown.size_bytes
        yield FileView(place, name, shown, _href(run.folder / name, page_folder))


def _evidence_names(run: RunLog) -> list[str]:
    cited = sorted((r for r in run.rows if r.evidence), key=lambda r: r.verdict in (None, Verdict.PASS))
    folder = run.folder / "evidence"
    kept = sorted(f"evidence/{f.name}" for f in folder.glob("*"))
    return list(dict.fromkeys([*(r.evidence for r in cited), *kept]))


def _href(file: Path, page_folder: Path) -> str:
    """A link relative to the page, none when the file is not below it: a page names no machine's folders."""
    where = PurePath(file.absolute())
    if not where.is_relative_to(page_folder.absolute()):
        return ""
    return quote(where.relative_to(page_folder.absolute()).as_posix(), errors="surrogateescape")
