"""What a comparison says, in words and numbers that every format shares."""

from __future__ import annotations

from rig.report.compare.comparison import Comparison, StateResult
from rig.report.compare.conditions import mean_fact
from rig.report.compare.estimate import FEW_INSERTS, Estimate, Group
from rig.report.compare.planning import MOST, POWER
from rig.report.compare.verdict import Decision, Interval

MINUS = "\u2212"


def watts(value: float | None, decimals: int = 2) -> str:
    """`-5.12` with a real minus, nothing for None."""
    return "" if value is None else f"{value:.{decimals}f}".replace("-", MINUS)


def signed(value: float, decimals: int = 2) -> str:
    return f"{value:+.{decimals}f}".replace("-", MINUS)


def interval(found: Interval | None) -> str:
    """`-5.3 … -4.9`, or nothing."""
    return "" if found is None else f"{signed(found.low)} … {signed(found.high)}"


def group(found: Group) -> str:
    """`5.12 ± 0.08`: mean and standard deviation between inserts."""
    return watts(found.mean_w) + (f" ± {watts(found.sd_w)}" if found.sd_w is not None else "")


def short(decision: Decision, comparison: Comparison) -> str:
    """The verdict in the two models' names."""
    a, b = comparison.names
    return {
        Decision.A_LOWER: f"{a} lower",
        Decision.B_LOWER: f"{b} lower",
        Decision.EQUIVALENT: "equivalent",
    }.get(decision, str(decision))


def verdict(state: StateResult, comparison: Comparison) -> str:
    """One sentence about one state."""
    e, m, level = state.estimate, f"{comparison.margin_w:g} W", f"{100 * comparison.level:g} %"
    lower, higher = comparison.names if e.difference_w < 0 else comparison.names[::-1]
    by = f"{watts(abs(e.difference_w))} W"
    within = f" ({level} interval {interval(e.claim.interval)} W)" if e.claim else ""
    match state.decision:
        case Decision.NOT_COMPARABLE:
            return f"not comparable: {'; '.join(state.unlike)}."
        case Decision.A_LOWER | Decision.B_LOWER:
            return f"{lower} draws {by} less than {higher}{within}: lower by more than {m}."
        case Decision.EQUIVALENT:
            sign = f"; {lower} does draw less" if e.sign else ""
            return f"equivalent within {m}: they differ by {by}{within}{sign}."
    if e.claim is None:
        return f"not decided: {lower} drew {by} less; {e.why_not or 'there is no interval'}."
    if e.sign:
        return f"not decided whether by more than {m}; {lower} does draw less, by {by}{within}."
    return f"not decided: {lower} drew {by} less, which may be chance{within}."


def instrument(state: StateResult, comparison: Comparison) -> str:
    """What the instrument's own error does to the verdict."""
    if state.instrument_w is None or state.with_instrument is None:
        return "the instrument's error is not known"
    same = state.with_instrument is state.decision
    changed = "the verdict stays" if same else f"with it: {short(state.with_instrument, comparison)}"
    return f"± {watts(state.instrument_w, 3)} W, {changed}"


def needed(state: StateResult) -> str:
    """How many inserts of each card would decide, or nothing where that is not the question."""
    n = state.needed
    if n is None:
        return ""
    what, count = ("equivalence", n.equivalent) if n.beyond is None else ("more than the margin", n.beyond)
    asked = f"to show {what}: {_count(count)} inserts of each card"
    sign = "" if state.estimate.sign else f"; to show which draws less: {_count(n.sign)}"
    return f"{asked}{sign} (spread {watts(n.sd_w)} W, chance {100 * POWER:g} %)"


def _count(n: int | None) -> str:
    return f"more than {MOST}" if n is None else f"about {n}"


def bootstrap(e: Estimate) -> str:
    """The percentile interval over inserts, and that few of them make it too narrow."""
    few = min(e.a.inserts, e.b.inserts) < FEW_INSERTS
    return interval(e.bootstrap) + (" (too narrow)" if e.bootstrap and few else "") or "none"


def pairs(e: Estimate) -> str:
    """The paired analysis in one line."""
    if e.pairs is None:
        return "no pairs"
    n = len(e.pairs.differences_w)
    tail = f", {interval(e.pairs.interval)}" if e.pairs.interval else ""
    return f"{signed(e.pairs.mean_w)}{tail} ({n} pair{'' if n == 1 else 's'})"


def drift(e: Estimate) -> str:
    """The slope over the inserts, and the difference without it."""
    if e.drift is None:
        return "cannot be told"
    slope = (
        f"{signed(e.drift.slope_w, 3)} W an insert ({signed(e.drift.slope.low, 3)} … {signed(e.drift.slope.high, 3)})"
    )
    without = f"without it {signed(e.drift.claim.difference)}, {interval(e.drift.claim.interval)}"
    return f"{slope}{', credible' if e.drift.credible else ''}; {without}"


def warmth(state: StateResult) -> str:
    """Mean temperature of each card where it was read: `48 and 56`."""
    means = [mean_fact(side, state.state, "temperature_c") for side in (state.a, state.b)]
    return " and ".join("?" if m is None else f"{m:.0f}" for m in means) if any(m is not None for m in means) else ""


def title(comparison: Comparison) -> str:
    return " against ".join(comparison.names)


def summary(comparison: Comparison) -> list[str]:
    """What a terminal is told: the claim, a line a state, and what to know."""
    virtual = ["VIRTUAL: a twin stood in for the hardware"] if comparison.found.virtual else []
    lines = [f"{s.state}: {verdict(s, comparison)}" for s in comparison.states]
    return [*virtual, *lines, comparison.claim, *(f"note: {w}" for w in comparison.warnings)]
