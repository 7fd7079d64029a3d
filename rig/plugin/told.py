"""A judgement in words, and what a pair that was not fully measured still tells."""

from __future__ import annotations

from rig.model import Judged


def is_no_short(j: Judged) -> bool:
    """Whether a pair that is NOT_RUN was shown to be no short, though not all that its limit asks."""
    value, low = j.measurement.value, j.limit.low if j.limit else None
    return isinstance(value, float) and low is not None and value >= low


def sentence(j: Judged) -> str:
    """One judgement for a person: name, value, bounds, why."""
    m, limit = j.measurement, j.limit
    value = (
        "not measured"
        if m.value is None
        else f"{m.value:.5g} {m.unit}"
        if isinstance(m.value, float)
        else f"{m.value} {m.unit}"
    )
    bounds = ""
    if limit is not None:
        bounds = f" in {list(limit.one_of)}" if limit.one_of else f" within [{limit.low}, {limit.high}]"
    return f"{m.name} is {value.rstrip()}, wanted{bounds or ' (no limit)'}: {j.why}"
