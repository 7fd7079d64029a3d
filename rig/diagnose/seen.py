"""What the judged rows of a run say about the electrics, and how well a hypothesis's signs fit it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rig.diagnose.case import Case
from rig.diagnose.physics import Signs
from rig.model import Judged, Verdict

NOISE = 5e-4
"""Anything may read wrong for a reason nobody thought of."""
STRAY_SHORT, LOST_CONTACT = 1e-5, 0.02
"""A pair that conducts without a bridge (a slipped lead); a bridge that is not seen (a lead beside its finger)."""
UNKNOWN_BAD, UNKNOWN_GOOD = 0.01, 0.9
"""What something nobody thought of makes of one observation."""
DARK_A = 0.02
"""Below this no card is fed. Ref: limit rail.12v.current_a of the plans."""
RECEIVER = ("RxErr", "BadTLP", "BadDLLP")
"""Counted by the end that receives badly; Timeout and Rollover are the sender's. Ref: symptoms, section 2."""

_JUDGED = (Verdict.PASS, Verdict.MARGINAL, Verdict.FAIL)
_BAD = (Verdict.FAIL, Verdict.MARGINAL)


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation: its kind (`short.12V_GND`, `present`, `width` ...), its value, the rows that say it."""

    kind: str
    value: bool | int | frozenset[int]
    rows: tuple[Judged, ...]
    bad: bool = False


def observe(case: Case) -> tuple[Seen, ...]:
    """Every electrical observation of the run; what was not measured is none."""
    latest = {j.measurement.name: j for j in case.judged if j.measurement.value is not None}
    found = [*_shorts(latest.values()), *_rails(latest.values()), *_presence(case, latest)]
    if case.number("pcie.present") != 0:
        found += [*_width(case, latest), *_speed(latest), *_errors(case)]
    return tuple(found)


def card_lanes(case: Case) -> int | None:
    """What the card says of its own width."""
    told = case.number("pcie.link.max_width")
    return int(told) if told else None


# --- observations -------------------------------------------------------------------------------------------


def _shorts(rows: Iterable[Judged]) -> Iterator[Seen]:
    for j in rows:
        words = j.measurement.name.split(".")
        if words[0] == "short" and words[-1] == "ohm" and j.verdict in _JUDGED:
            conducts = j.verdict in _BAD
            yield Seen(f"short.{words[1]}", conducts, (j,), conducts)


def _rails(rows: Iterable[Judged]) -> Iterator[Seen]:
    limiting = [j for j in rows if j.measurement.name.startswith("rail.") and j.measurement.name.endswith("limiting_s")]
    if over := tuple(j for j in limiting if j.verdict is Verdict.FAIL):
        yield Seen("overload", True, over, bad=True)
    elif calm := tuple(j for j in limiting if j.verdict is Verdict.PASS):
        yield Seen("overload", False, calm)
    for j in rows:
        if j.measurement.name == "rail.12v.current_a" and isinstance(j.measurement.value, float | int):
            dark = j.measurement.value < DARK_A and j.verdict is not Verdict.PASS
            yield Seen("unfed", dark, (j,), dark and j.verdict in _BAD)


def _presence(case: Case, latest: dict[str, Judged]) -> Iterator[Seen]:
    if "pcie.present" in latest:
        there = bool(case.number("pcie.present"))
        yield Seen("absent", not there, (latest["pcie.present"],), not there)


def _width(case: Case, latest: dict[str, Judged]) -> Iterator[Seen]:
    width = case.number("pcie.link.width")
    rows = tuple(latest[n] for n in ("pcie.link.width", "pcie.link.lanes_missing") if n in latest)
    bad = tuple(j for j in rows if j.verdict in _BAD)
    if not width:
        return
    yield Seen("width", int(width), bad or rows[:1], bool(bad))
    missing = latest.get("pcie.link.lanes_missing")
    if bad and missing is not None and missing.verdict in _JUDGED:
        yield Seen("incapable", missing.verdict is Verdict.PASS, (missing,))


def _speed(latest: dict[str, Judged]) -> Iterator[Seen]:
    rows = [latest[n] for n in ("pcie.link.speed_gtps", "pcie.link.speed_missing_gtps") if n in latest]
    judged = tuple(j for j in rows if j.verdict in _JUDGED)
    bad = tuple(j for j in judged if j.verdict in _BAD)
    if judged:
        yield Seen("slow", bool(bad), bad or judged, bool(bad))


def _errors(case: Case) -> Iterator[Seen]:
    for end in ("endpoint", "root"):
        names = [f"{prefix}.aer.{end}." for prefix in ("pcie", "traffic")]
        rows = tuple(j for j in case.judged if j.measurement.name.startswith(tuple(names)) and j.verdict in _JUDGED)
        bad = tuple(j for j in rows if j.verdict in _BAD)
        if bad and received_badly(case, end):
            yield Seen(f"errors.{end}", True, bad, bad=True)
        elif rows and not bad:
            yield Seen(f"errors.{end}", False, rows)
        told = case.value(f"pcie.lane_errors.{end}")
        if isinstance(told, str):
            row = next(j for j in reversed(case.judged) if j.measurement.name == f"pcie.lane_errors.{end}")
            yield Seen(f"lanes.{end}", frozenset(int(w) for w in told.split() if w.isdecimal() and int(w) < 16), (row,))


def received_badly(case: Case, end: str) -> bool:
    """That end counted errors of a receiver, not of a sender who waits for an answer."""
    return any(case.number(f"{prefix}.aer.{end}.{kind}") for prefix in ("pcie", "traffic") for kind in RECEIVER)


# --- likelihood ---------------------------------------------------------------------------------------------


def fit(seen: Seen, signs: Signs | None, lanes: int) -> float:
    """Probability of the observation under these signs; `lanes`: width of a good link here."""
    if signs is None:
        return UNKNOWN_BAD if seen.bad else UNKNOWN_GOOD
    kind, _, what = seen.kind.partition(".")
    if kind == "short":
        p = 1 - LOST_CONTACT if what in signs.conducting else STRAY_SHORT
        return p if seen.value else 1 - p
    if kind == "width":
        return NOISE + (1 - 2 * NOISE) * _of_width(int(seen.value), signs, lanes)  # type: ignore[arg-type]
    if kind == "lanes":
        return _of_lanes(seen.value, what, signs, lanes)  # type: ignore[arg-type]
    p = dict(signs.errors).get(what, 0.0) if kind == "errors" else float(getattr(signs, kind))
    return NOISE + (1 - 2 * NOISE) * (p if seen.value else 1 - p)


def log_fit(found: Sequence[Seen], signs: Signs | None, lanes: int) -> float:
    """Logarithm of the likelihood of a whole run."""
    return sum(math.log(fit(seen, signs, lanes)) for seen in found)


def _of_width(width: int, signs: Signs, lanes: int) -> float:
    shares = dict(signs.widths)
    return shares.get(width, 0.0) if width < lanes else 1.0 - sum(shares.values())


def _of_lanes(named: frozenset[int], end: str, signs: Signs, lanes: int) -> float:
    """Each lane is named or not on its own."""
    expected = {lane: p for where, lane, p in signs.lanes if where == end}
    chances = ((lane, expected.get(lane, signs.any_lane)) for lane in {*range(lanes), *named})
    return max(math.prod(p if lane in named else 1 - p for lane, p in chances), NOISE)
