"""Every trial, and the rows they add up to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from rig.model import Measurement
from rig.steps.pci import Errors
from rig.steps.soak.look import Due, Look, counted, faults

FILE = "trials.jsonl"
_UNCOUNTED = "the kernel has no aer_* files here (firmware-first, or pci=noaer): not measured, which is not zero"


@dataclass(frozen=True, slots=True)
class Trial:
    """One retrain, power cycle or run of traffic; `faults` empty: it held."""

    what: str
    number: int
    took_s: float
    faults: list[str]
    width: int | None
    speed_gtps: float | None
    correctable: Mapping[str, int | None] = field(default_factory=dict)
    uncorrectable: Mapping[str, int | None] = field(default_factory=dict)
    lanes: Mapping[str, list[int]] = field(default_factory=dict)
    """Lanes that LaneErrStat named, by end."""
    more: Mapping[str, object] = field(default_factory=dict)


class Trials:
    """What was tried so far."""

    def __init__(self, stop_at: int | None) -> None:
        self._stop_at = stop_at
        self.all: list[Trial] = []

    def add(self, trial: Trial) -> None:
        self.all.append(trial)

    @property
    def enough(self) -> bool:
        """The plan wants no more after so many failures."""
        return self._stop_at is not None and len(self.failed()) >= self._stop_at

    def failed(self, what: str | None = None) -> list[Trial]:
        return [t for t in self.all if t.faults and what in (None, t.what)]

    def text(self) -> str:
        """One line of JSON a trial."""
        return "".join(json.dumps(asdict(t)) + "\n" for t in self.all)


def judged(
    what: str,
    number: int,
    took_s: float,
    due: Due,
    before: Mapping[str, Errors],
    after: Look,
    wrong: list[str],
    lanes: Mapping[str, list[int]] | None = None,
    more: Mapping[str, object] | None = None,
) -> Trial:
    """The trial whose end is `after`; `wrong` is what was seen of it already."""
    cor, unc = counted(before, after.errors)
    wrong = [*wrong, *faults(due, after.link, cor, unc)]
    return Trial(
        what, number, took_s, wrong, after.link.width, after.link.speed_gtps, cor, unc, lanes or {}, more or {}
    )


def rows(trials: Trials, due: Iterable[str], missing: Mapping[str, str]) -> list[Measurement]:
    """Trials and failures of each thing that was due (`missing`: why one was not done), and what was seen at worst."""
    found = [row for what in due for row in _counts(trials, what, missing.get(what))]
    return [*found, *_worst(trials.all), *_errors(trials.all), *_lanes(trials.all)]


def _counts(trials: Trials, what: str, why_not: str | None) -> Iterator[Measurement]:
    done = sum(t.what == what for t in trials.all)
    bad = trials.failed(what)
    if not done:
        why = why_not or f"the plan's stop_at was reached before: {len(trials.failed())} failed"
        yield Measurement(f"soak.{what}.trials", 0, "1", why)
        yield Measurement(f"soak.{what}.failures", None, "1", why)
        return
    kinds = Counter(fault for t in bad for fault in t.faults)
    first = f", first number {bad[0].number}" if bad else ""
    told = first + "".join(f"; {fault} ({n})" for fault, n in kinds.most_common(5))
    yield Measurement(f"soak.{what}.trials", done, "1", why_not or "", FILE)
    known = None if why_not and not bad else len(bad)
    told = f"{len(bad)} of {done} failed{told}" + (f"; {why_not}" if why_not else "")
    yield Measurement(f"soak.{what}.failures", known, "1", told, FILE)


def _worst(trials: list[Trial]) -> Iterator[Measurement]:
    """0: the card was not there."""
    if trials:
        yield Measurement("soak.narrowest_width", min(t.width or 0 for t in trials), "1", "", FILE)
        yield Measurement("soak.slowest_gtps", min(t.speed_gtps or 0.0 for t in trials), "GT/s", "", FILE)


def _errors(trials: list[Trial]) -> Iterator[Measurement]:
    """Of trials whose card answered: nobody counts at an end that is gone."""
    answered = [t for t in trials if t.width is not None]
    for end in ("endpoint", "root"):
        for kind in ("correctable", "uncorrectable"):
            counts = [getattr(t, kind).get(end) for t in answered]
            known = None if not counts or None in counts else sum(counts)
            yield Measurement(f"soak.aer.{end}.{kind}", known, "1", "" if known is not None else _UNCOUNTED, FILE)


def _lanes(trials: list[Trial]) -> Iterator[Measurement]:
    for end in ("endpoint", "root"):
        lanes = sorted({lane for t in trials if t.faults for lane in t.lanes.get(end, [])})
        yield Measurement(f"soak.lane_errors.{end}", " ".join(map(str, lanes)) or "none", "", "of failed trials", FILE)
