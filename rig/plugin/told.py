"""A judgement in words, and what a pair that was not fully measured still tells."""

from __future__ import annotations

from rig.model import Judged, Limit


def is_no_short(j: Judged) -> bool:
    """Whether a pair that is NOT_RUN was shown to be no short, though not all that its limit asks."""
    value, low = j.measurement.value, j.limit.low if j.limit else None
    return isinstance(value, float) and low is not None and value >= low


def sentence(j: Judged) -> str:
    """One judgement for a person: name, value, bounds, why."""
    wanted = f", wanted {_wanted(j.limit)}" if j.limit else ""
    return f"{j.measurement.name} is {j.measurement.said(5)}{wanted}: {j.why}"


def _wanted(limit: Limit) -> str:
    if limit.one_of:
        return limit.one_of[0] if len(limit.one_of) == 1 else f"one of {', '.join(limit.one_of)}"
    if limit.low is not None and limit.high is not None:
        return f"{limit.low:g} to {limit.high:g}"
    if limit.low is not None:
        return f"at least {limit.low:g}"
    return "any value" if limit.high is None else f"at most {limit.high:g}"
