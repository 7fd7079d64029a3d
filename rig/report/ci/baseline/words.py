"""A comparison with the baseline in words and numbers that every format shares."""

from __future__ import annotations

from collections import Counter

from rig.model import Verdict
from rig.report.ci.baseline.directions import UNKNOWN
from rig.report.ci.baseline.result import Compared, Comparison, Finding
from rig.report.quantity import digits, scale
from rig.report.schema import Row

MINUS = "\u2212"
TOLD = (Finding.REGRESSION, Finding.SUSPECT, Finding.CHANGED, Finding.BETTER)


def amount(row: Compared, value: float | None, *, sign: bool = False) -> str:
    """`value` in the measurement's unit, with the prefix of the baseline's mean; nothing for None."""
    if value is None:
        return ""
    divisor, unit = _scale(row)
    text = digits(abs(value) / divisor, 3 if sign else 4)
    mark = (MINUS if value < 0 else "+" if sign else "") if text != "0" else ""
    return f"{mark}{text} {'' if unit == '1' else unit.replace('Ohm', 'Ω')}".strip()


def interval(row: Compared) -> str:
    """`+0.35 … +0.45 W`; `exact` for a register; nothing where there is none."""
    if row.change is None:
        return ""
    found = row.change.interval
    return (
        "exact" if found.level == 1 else f"{amount(row, found.low, sign=True)} … {amount(row, found.high, sign=True)}"
    )


def share(row: Compared) -> str:
    """The change in percent of the baseline's mean, or nothing."""
    if row.difference is None or not row.before:
        return ""
    return f"{100 * row.difference / abs(row.before):+.1f} %".replace("-", MINUS)


def sentence(row: Compared) -> str:
    """One measurement: what it was, what it is, how sure that is, and what follows."""
    virtual = "VIRTUAL: " if row.key.virtual else ""
    name = f"{virtual}{row.key.model} {row.key.name}"
    if row.change is None:
        return f"{name}: not comparable: {row.why_not}"
    moved = "rose" if row.change.difference > 0 else "fell" if row.change.difference < 0 else "stayed"
    by = f" by {amount(row, abs(row.change.difference))} ({share(row)})" if row.change.difference and row.before else ""
    level = "" if row.change.interval.level == 1 else f"95 % interval {interval(row)}, "
    worse = "which way is worse nobody has said" if row.worse == UNKNOWN else f"{row.worse} is worse"
    return (
        f"{name} {moved}{by}, from {amount(row, row.change.before)} to {amount(row, row.change.now)} "
        f"({level}tolerance {amount(row, row.tolerance) or '0'}, {row.runs[0]} runs before and {row.runs[1]} now; "
        f"{row.change.basis}): {row.finding}; {worse}" + "".join(f"; {n}" for n in row.notes)
    )


def headline(found: Comparison) -> str:
    """`2 regressions, 1 suspect, 40 without a change shown, 3 not comparable, 5 unknown to the baseline`."""
    counts = [(len(found.of(f)), f) for f in Finding]
    words = {Finding.REGRESSION: "regression", Finding.SAME: "without a change shown"}
    told = [f"{n} {words.get(f, str(f))}{'s' if f is Finding.REGRESSION and n != 1 else ''}" for n, f in counts if n]
    if found.verdict is Verdict.NOT_RUN:
        told.insert(0, "nothing could be compared")
    elif found.verdict is Verdict.PASS:
        told.insert(0, "no regression")
    if found.new:
        told.append(f"{len(found.new)} unknown to the baseline")
    return ", ".join(told)


def _scale(row: Compared) -> tuple[float, str]:
    like = Row(step="", name=row.key.name, value=row.before, unit=row.key.unit, verdict=None)
    return scale(like)


def reasons(found: Comparison) -> dict[str, int]:
    """Why measurements are not comparable, the most frequent first."""
    return dict(Counter(r.why_not for r in found.of(Finding.NOT_COMPARABLE)).most_common())


def as_row(found: Comparison) -> dict[str, object]:
    """The comparison for a program; numbers in SI units."""
    return {
        "verdict": str(found.verdict), "notes": list(found.notes), "rows": [_row(r) for r in found.rows],
        "new": [{"model": k.model, "name": k.name, "unit": k.unit, "virtual": k.virtual} for k in found.new],
    }  # fmt: skip


def _row(row: Compared) -> dict[str, object]:
    key, change = row.key, row.change
    told = {
        "before": change.before, "now": change.now, "difference": change.difference, "low": change.interval.low,
        "high": change.interval.high, "p": change.p, "basis": change.basis,
    } if change else {}  # fmt: skip
    return {
        "model": key.model, "name": key.name, "unit": key.unit, "virtual": key.virtual, "finding": str(row.finding),
        "worse": row.worse, "tolerance": row.tolerance, "runs_before": row.runs[0], "runs_now": row.runs[1],
        "why_not": row.why_not, "notes": list(row.notes), **told,
    }  # fmt: skip
