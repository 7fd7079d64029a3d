"""A comparison as rows: one a state, one an insert and state, and one JSON object."""

from __future__ import annotations

import pandas as pd

from rig.report.compare import words
from rig.report.compare.comparison import Comparison, StateResult
from rig.report.compare.cost import Costs
from rig.report.compare.inserts import Insert
from rig.report.compare.verdict import Interval


def states(comparison: Comparison) -> pd.DataFrame:
    """One row a state; watts are means over inserts, differences are A minus B."""
    return pd.DataFrame([_state(s, comparison) for s in comparison.states])


def inserts(comparison: Comparison) -> pd.DataFrame:
    """One row an insert and state, oldest insert first; conditions have a column each."""
    every = sorted((*comparison.found.a, *comparison.found.b), key=lambda i: i.order)
    return pd.DataFrame([row for insert in every for row in _insert(insert)])


def tree(comparison: Comparison) -> dict[str, object]:
    """The comparison as a JSON object."""
    table = states(comparison).astype(object)
    return {
        "a": comparison.a.model, "b": comparison.b.model, "virtual": comparison.found.virtual,
        "margin_w": comparison.margin_w, "claim": comparison.claim, "warnings": list(comparison.warnings),
        "states": table.where(table.notna(), None).to_dict("records"), "year": _year(comparison.costs),
        "problems": list(comparison.problems),
    }  # fmt: skip


def _state(s: StateResult, comparison: Comparison) -> dict[str, object]:
    e = s.estimate
    claim = e.claim
    return {
        "state": s.state, "a": comparison.a.model, "b": comparison.b.model, "virtual": comparison.found.virtual,
        "a_mean_w": e.a.mean_w, "a_sd_w": e.a.sd_w, "a_inserts": e.a.inserts, "a_cards": e.a.cards,
        "b_mean_w": e.b.mean_w, "b_sd_w": e.b.sd_w, "b_inserts": e.b.inserts, "b_cards": e.b.cards,
        "difference_w": e.difference_w, "basis": e.basis, "level": e.level,
        **_bounds("interval", claim.interval if claim else None),
        **_bounds("equivalence", claim.equivalence if claim else None),
        **_bounds("welch", e.welch.interval if e.welch else None), **_bounds("bootstrap", e.bootstrap),
        **_bounds("pairs", e.pairs.interval if e.pairs else None),
        "drift_w_per_insert": e.drift.slope_w if e.drift else None,
        "drift_credible": e.drift.credible if e.drift else None,
        "margin_w": comparison.margin_w, "verdict": words.short(s.decision, comparison),
        "sign_certain": e.sign != 0, "instrument_w": s.instrument_w,
        "verdict_with_instrument": words.short(s.with_instrument, comparison) if s.with_instrument else None,
        "inserts_to_decide": (s.needed.beyond or s.needed.equivalent) if s.needed else None,
        "notes": "; ".join((*s.unlike, *s.notes)),
    }  # fmt: skip


def _bounds(name: str, found: Interval | None) -> dict[str, object]:
    return {f"{name}_low_w": found.low if found else None, f"{name}_high_w": found.high if found else None}


def _insert(insert: Insert) -> list[dict[str, object]]:
    start = insert.run.start
    return [
        {
            "order": insert.order + 1, "run": start.run, "batch_id": insert.session, "bench": start.bench,
            "virtual": start.virtual, "adapter": start.adapter.serial, "model": start.card.model,
            "card": insert.card, "state": state, "total_w": value.total.value, "error_w": value.total.error,
            "steady": value.steady, **dict(sorted(value.facts.items())),
        }
        for state, value in insert.states.items()
    ]  # fmt: skip


def _year(costs: Costs | str) -> dict[str, object]:
    if isinstance(costs, str):
        return {"why_not": costs}
    e = costs.estimate
    claim = e.claim
    return {
        "duty": dict(costs.duty), "price_per_kwh": costs.price, "currency": costs.currency,
        "a_kwh": costs.kwh(e.a.mean_w), "b_kwh": costs.kwh(e.b.mean_w), "difference_kwh": costs.kwh(e.difference_w),
        "difference_cost": costs.money(e.difference_w),
        "difference_cost_low": costs.money(claim.interval.low) if claim else None,
        "difference_cost_high": costs.money(claim.interval.high) if claim else None,
    }  # fmt: skip
