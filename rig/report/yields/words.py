"""What a yield says, in words and numbers that every format shares."""

from __future__ import annotations

from rig.report import quantity
from rig.report.quantity import digits, duration_text
from rig.report.schema import Row
from rig.report.yields.bounds import Share
from rig.report.yields.capability import Capability
from rig.report.yields.mending import Mending
from rig.report.yields.study import Loss, Study, Yield


def percent(value: float | None, decimals: int = 1) -> str:
    """`87.5 %`, or nothing."""
    return "" if value is None else f"{100 * value:.{decimals}f} %"


def interval(found: Share) -> str:
    """`67.6 … 97.3 %`, or nothing."""
    if found.low is None or found.high is None:
        return ""
    return f"{100 * found.low:.1f} … {100 * found.high:.1f} %"


def claim(study: Study) -> str:
    """The one sentence about all units."""
    whole = study.whole
    if not whole.first_pass.total:
        return f"No unit was judged; {whole.not_judged} unit(s) without a judgement."
    parts = [f"First pass: {whole.first_pass}", f"final: {whole.final}"]
    if whole.not_judged:
        parts.append(f"{whole.not_judged} unit(s) not judged are in neither")
    return "; ".join(parts) + "."


def losses(study: Study) -> str:
    """`3 boards are not good: 1 written off, 2 failed at their last attempt and nobody wrote them off`."""
    if not study.losses:
        return "No board is written off, none failed at its last attempt."
    opened = len(study.losses) - study.written_off
    return (
        f"{len(study.losses)} board(s) not good: {study.written_off} written off, {opened} failed at the last "
        "attempt and not written off."
    )


def loss(found: Loss) -> str:
    return "written off" if found.written_off else "failed at last attempt"


def limits(c: Capability) -> str:
    """The limit with its unit, `7.4 … 13 W`."""
    row = _row(c)
    return f"{quantity.limit_text(row)} {quantity.unit_text(row)}".strip()


def spread(c: Capability) -> str:
    """`8.19 ± 0.50 W`: mean and standard deviation in the unit of the limit."""
    by = divisor(c)
    return f"{digits(c.mean / by)} ± {digits(c.sd / by, 2)} {unit(c)}".strip()


def unit(c: Capability) -> str:
    """The measurement's unit with its prefix; nothing for counts."""
    return quantity.unit_text(_row(c))


def divisor(c: Capability) -> float:
    """What values are divided by to be in `unit`."""
    return quantity.scale(_row(c))[0]


def _row(c: Capability) -> Row:
    return Row(step=c.step, name=c.name, value=c.mean, unit=c.unit, low=c.low, high=c.high, verdict=None)


def index(value: float | None) -> str:
    """A capability index with two decimals; `no spread` where there is none."""
    return "no spread" if value is None else f"{value:.2f}"


def grade(c: Capability) -> str:
    """`capable`, `just` or `not`, by the 1.33 and 1.00 everybody uses."""
    if c.cpk is None:
        return "unjudged"
    return "PASS" if c.cpk >= 1.33 else "MARGINAL" if c.cpk >= 1.0 else "FAIL"


def ppk(c: Capability) -> str:
    """`1.42 (0.98 … 1.86)`."""
    if c.ppk is None or c.ppk_low is None or c.ppk_high is None:
        return "no spread"
    return f"{c.ppk:.2f} ({c.ppk_low:.2f} … {c.ppk_high:.2f})"


def signals(c: Capability) -> list[str]:
    """`A-07: rule 1: beyond 3 sigma`, a line a unit."""
    by_index: dict[int, list[str]] = {}
    for s in c.signals:
        by_index.setdefault(s.index, []).append(s.rule)
    return [f"{c.values[i].serial}: {', '.join(rules)}" for i, rules in by_index.items()]


def mended(m: Mending) -> str:
    """What came of an entry, and what else was done between the same two runs."""
    also = f" (with {m.together} other entr{'y' if m.together == 1 else 'ies'})" if m.together else ""
    return f"{m.result}{also}"


def seconds(value: float | None) -> str:
    return duration_text(value)


def number(c: Capability, value: float) -> str:
    """A value of the measurement with its unit."""
    return f"{digits(value / divisor(c))} {unit(c)}".strip()


def summary(found: Yield) -> list[str]:
    """What a terminal is told."""
    lines = [f"note: {p}" for p in found.problems]
    for study in found.studies:
        label = "VIRTUAL: " if study.virtual else ""
        lines += [f"{label}{claim(study)}", f"{label}{losses(study)}"]
        lines += [f"{label}{c.units} unit(s) failed first of: {c.title}" for c in study.causes[:5] if c.units]
    return lines
