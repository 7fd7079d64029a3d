"""A comparison as Markdown."""

from __future__ import annotations

from rig.report.compare import words
from rig.report.compare.comparison import Comparison, StateResult
from rig.report.compare.cost import Costs, PerGbit
from rig.report.markdown import escaped
from rig.report.watts import datasheet

_MOST_TOLD = 20


def text(comparison: Comparison) -> str:
    """The whole comparison, for a CI job's summary or a chat."""
    virtual = "VIRTUAL: " if comparison.found.virtual else ""
    parts = [
        f"## {virtual}{escaped(words.title(comparison))}",
        "No hardware was touched: no number here says anything about a real card." if virtual else "",
        "\n".join(f"- **{escaped(s.state)}**: {escaped(words.verdict(s, comparison), 400)}" for s in comparison.states),
        escaped(comparison.claim, 400),
        _list("What to know before using the numbers:", comparison.warnings),
        _states(comparison),
        _notes(comparison),
        _year(comparison),
        _per_gbit(comparison.per_gbit),
        "Data sheets: "
        + "; ".join(f"{escaped(c.model)} {escaped(datasheet(c))}" for c in (comparison.a, comparison.b)),
        _list("Not everything could be read:", comparison.problems),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def _list(head: str, sentences: tuple[str, ...]) -> str:
    if not sentences:
        return ""
    more = [f"- and {len(sentences) - _MOST_TOLD} more"] if len(sentences) > _MOST_TOLD else []
    return "\n".join([head, "", *(f"- {escaped(s, 400)}" for s in sentences[:_MOST_TOLD]), *more])


def _states(comparison: Comparison) -> str:
    a, b = map(escaped, comparison.names)
    head = [
        f"| state | {a} W | {b} W | difference W | {100 * comparison.level:g} % interval | over | bootstrap "
        "| verdict | instrument | inserts |",
        "|---|--:|--:|--:|---|---|---|---|---|--:|",
    ]
    return "\n".join(head + [_state(s, comparison) for s in comparison.states])


def _state(s: StateResult, comparison: Comparison) -> str:
    e = s.estimate
    cells = (
        s.state, words.group(e.a), words.group(e.b), words.signed(e.difference_w),
        words.interval(e.claim.interval if e.claim else None), e.basis, words.bootstrap(e),
        words.short(s.decision, comparison), words.instrument(s, comparison), f"{e.a.inserts} + {e.b.inserts}",
    )  # fmt: skip
    return f"| {' | '.join(map(escaped, cells))} |"


def _notes(comparison: Comparison) -> str:
    told = [(s.state, [*s.unlike, *s.notes, *filter(None, [words.needed(s)])]) for s in comparison.states]
    return "\n".join(f"- {escaped(state)}: {escaped('; '.join(notes), 600)}" for state, notes in told if notes)


def _year(comparison: Comparison) -> str:
    costs = comparison.costs
    if not isinstance(costs, Costs):
        return f"Cost of a year: {escaped(costs)}."
    e, money = costs.estimate, escaped(costs.currency, 12)
    rows = [
        f"| {escaped(name)} | {words.watts(w)} | {costs.kwh(w):.1f} | {costs.money(w):.2f} |"
        for name, w in zip(comparison.names, (e.a.mean_w, e.b.mean_w), strict=True)
    ]
    kwh, cost = words.signed(costs.kwh(e.difference_w), 1), words.signed(costs.money(e.difference_w))
    head = [f"A year of {escaped(costs.duty_text)}, {costs.price:g} {money} a kWh:", "",
            f"| | W | kWh | {money} |", "|---|--:|--:|--:|"]  # fmt: skip
    return "\n".join([*head, *rows, f"| difference | {words.signed(e.difference_w)} | {kwh} | {cost} |"])


def _per_gbit(rates: tuple[PerGbit, ...]) -> str:
    if not rates:
        return ""
    head = ["| card | state | Gbit/s | W per Gbit/s | above idle, W per Gbit/s |", "|---|---|--:|--:|--:|"]
    rows = [
        f"| {escaped(r.model)} | {r.state} | {r.gbps:.2f} | {r.w_per_gbps:.3f} "
        f"| {words.watts(r.over_idle_w_per_gbps, 3)} |"
        for r in rates
    ]
    return "\n".join(head + rows)
