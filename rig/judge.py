"""Values to verdicts. Pure: no clock, no file, no bench."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from rig.model import Expected, Judged, Limit, Measurement, Verdict

_WORST_FIRST = (Verdict.ERROR, Verdict.FAIL, Verdict.NOT_RUN, Verdict.MARGINAL, Verdict.PASS)
_RECORDED = "recorded, no limit asked for"


def judge(found: Iterable[Measurement], expected: Mapping[str, Expected]) -> list[Judged]:
    """Every measurement judged, and every limit nobody measured as NOT_RUN.

    A key of `expected` may hold `*`; the exact name wins over a pattern.
    """
    measured = list(found)
    rows = [_one(m, _expected_for(m.name, expected)) for m in measured]
    missed = [(n, e) for n, e in expected.items() if isinstance(e, Limit) and not _met(n, measured)]
    return rows + [_not_measured(name, limit) for name, limit in missed]


def overall(judged: Iterable[Judged]) -> Verdict:
    """The worst of them; NOT_RUN when nothing at all was judged."""
    return worst(j.verdict for j in judged if j.verdict is not None)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """ERROR before FAIL before NOT_RUN before MARGINAL before PASS; NOT_RUN of none."""
    there = set(verdicts)
    return next((v for v in _WORST_FIRST if v in there), Verdict.NOT_RUN)


def failed_names(judged: Iterable[Judged]) -> list[str]:
    """Names of the measurements that FAILed, in order."""
    return [j.measurement.name for j in judged if j.verdict is Verdict.FAIL]


def blocked(expected: Mapping[str, Expected], why: str, verdict: Verdict) -> list[Judged]:
    """Rows for a step that could not be taken: each of its limits with `verdict` and the reason."""
    return [Judged(Measurement(n, None, ""), verdict, why, e) for n, e in expected.items() if isinstance(e, Limit)]


def _expected_for(name: str, expected: Mapping[str, Expected]) -> Expected | None:
    if name in expected:
        return expected[name]
    return next((e for pattern, e in expected.items() if "*" in pattern and fnmatchcase(name, pattern)), None)


def _met(name: str, measured: list[Measurement]) -> bool:
    return any(m.name == name or ("*" in name and fnmatchcase(m.name, name)) for m in measured)


def _one(m: Measurement, expected: Expected | None) -> Judged:
    m = _finite(m)
    if not isinstance(expected, Limit):
        return Judged(m, None, f"not judged: {expected}" if expected else _RECORDED)
    if m.value is None:
        return Judged(m, Verdict.NOT_RUN, m.note or "it was due but could not be measured", expected)
    if m.at_least and (short := _unresolved(m, expected)):
        return Judged(m, Verdict.NOT_RUN, f"{short}; {expected.why}", expected)
    return Judged(m, _verdict(m, expected), expected.why, expected)


def _finite(m: Measurement) -> Measurement:
    """NaN and infinity are no values: they were not obtained."""
    if not isinstance(m.value, float) or math.isfinite(m.value):
        return m
    return replace(m, value=None, note=f"{m.note}; got {m.value}, which is no number".lstrip("; "))


def _not_measured(name: str, limit: Limit) -> Judged:
    return Judged(Measurement(name, None, ""), Verdict.NOT_RUN, f"nobody measured it; {limit.why}", limit)


def _unresolved(m: Measurement, limit: Limit) -> str | None:
    """Why "this or more" does not show what the limit asks; None: it does."""
    if isinstance(m.value, str) or m.value is None:
        return None
    asked = max((b for b in (limit.low, limit.marginal_low) if b is not None), default=None)
    if limit.high is None and limit.marginal_high is None and asked is not None and m.value >= asked:
        return None
    return f"this bench can tell no more than {m.value:.4g} {m.unit}: use a finer channel or a multimeter"


def _verdict(m: Measurement, limit: Limit) -> Verdict:
    if limit.one_of:
        return Verdict.PASS if str(m.value) in limit.one_of else Verdict.FAIL
    if m.value is None or isinstance(m.value, str):
        return Verdict.FAIL
    if not _within(m.value, limit.low, limit.high):
        return Verdict.FAIL
    inside = _within(m.value, limit.marginal_low, limit.marginal_high)
    return Verdict.PASS if inside else Verdict.MARGINAL


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)
