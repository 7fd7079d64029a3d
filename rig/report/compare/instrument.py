"""What the instrument's own error can do to a difference; it is no spread and never enters an interval.

Ref: domain notes on power, section 4: on one channel the offset of two readings is the same and drops out, the gain
leaves its percentage of the difference; resolution and linearity stay and are in no data sheet's bound.
"""

from __future__ import annotations

from collections.abc import Sequence

from rig.report.compare.inserts import StateValue, Watts


def bound_w(a: Sequence[StateValue], b: Sequence[StateValue], *, shared: bool) -> float | None:
    """Bound of the instrument's error of the mean difference, None when not known.

    `shared`: all inserts were read by one channel of one supply; else every reading's full bound counts.
    """
    everything = [*a, *b]
    rails = set(everything[0].rails)
    if rails and all(set(v.rails) == rails and _add_up(v) for v in everything):
        found = [_one([v.rails[r] for v in a], [v.rails[r] for v in b], shared) for r in sorted(rails)]
        return sum(f for f in found if f is not None)
    return _one([v.total for v in a], [v.total for v in b], shared)


def _add_up(value: StateValue) -> bool:
    """Whether the rails are all of the total (a baseline was not subtracted from them), each with a bound."""
    total = sum(w.value for w in value.rails.values())
    known = all(w.error is not None for w in value.rails.values())
    return known and abs(total - value.total.value) <= 1e-3 * max(1.0, abs(value.total.value))


def _one(a: Sequence[Watts], b: Sequence[Watts], shared: bool) -> float | None:
    mean_a, mean_b = _mean(a), _mean(b)
    if mean_a.error is None or mean_b.error is None:
        return None
    full = mean_a.error + mean_b.error
    if not shared:
        return full
    # a bound is gain * reading + offset, so its share of the reading is never less than the gain
    gains = [m.error / abs(m.value) for m in (mean_a, mean_b) if m.error is not None and m.value]
    return min(full, max(gains, default=0.0) * abs(mean_a.value - mean_b.value)) if gains else full


def _mean(watts: Sequence[Watts]) -> Watts:
    errors = [w.error for w in watts if w.error is not None]
    error = sum(errors) / len(errors) if len(errors) == len(watts) else None
    return Watts(sum(w.value for w in watts) / len(watts), error)
