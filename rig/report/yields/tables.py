"""A yield as rows: groups, units, joints and measurements; every row says whether it is virtual."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from rig.report.yields import words
from rig.report.yields.attempts import History, cause_title
from rig.report.yields.bounds import Share, upper_bound
from rig.report.yields.study import Study, Yield


def groups(found: Yield) -> pd.DataFrame:
    """One row a group: all units, each batch, design and card model."""
    return _frame(
        {
            "virtual": s.virtual, "by": g.by, "name": g.name, **_share("first_pass", g.first_pass),
            **_share("final", g.final), "not_judged": g.not_judged, "marginal": g.marginal,
            "first_pass_failing_below": upper_bound(g.first_pass.total - g.first_pass.count, g.first_pass.total),
        }
        for s in found.studies for g in s.groups
    )  # fmt: skip


def units(found: Yield) -> pd.DataFrame:
    """One row a unit: its attempts, its first and last judgement, what was done to it, how long it took."""
    return _frame(_unit(s, h) for s in found.studies for h in s.units)


def joints(found: Yield) -> pd.DataFrame:
    """One row a pin."""
    return _frame(
        {
            "virtual": s.virtual, "pin": j.pin, "side": j.side, "weight": j.weight, "units": j.units,
            "reworked": j.reworked, "fixed": j.fixed,
        }
        for s in found.studies for j in s.joints
    )  # fmt: skip


def measurements(found: Yield) -> pd.DataFrame:
    """One row a measurement and card model (bare-board checks: design)."""
    return _frame(
        {
            "virtual": s.virtual, "name": c.name, "of": c.of, "step": c.step, "unit": c.unit, "low": c.low,
            "high": c.high, "units": len(c.values), "at_least": c.censored, "mean": c.mean, "sd": c.sd,
            "sd_within": c.sd_within, "cpk": c.cpk, "ppk": c.ppk, "ppk_low": c.ppk_low, "ppk_high": c.ppk_high,
            "signals": "; ".join(words.signals(c)),
        }
        for s in found.studies for c in s.capabilities
    )  # fmt: skip


def tree(found: Yield) -> dict[str, object]:
    """The yield as a JSON object."""
    return {
        "groups": _records(groups(found)), "units": _records(units(found)), "joints": _records(joints(found)),
        "measurements": _records(measurements(found)), "problems": list(found.problems),
    }  # fmt: skip


def _unit(s: Study, h: History) -> dict[str, object]:
    shown = h.attempts[0]
    losses = {(x.outcome.adapter.design, x.outcome.adapter.serial): words.loss(x) for x in s.losses}
    seconds = [o.run.duration_s for o in h.attempts if o.run and o.run.duration_s is not None]
    return {
        "virtual": s.virtual, "design": shown.adapter.design, "adapter": shown.adapter.serial,
        "model": shown.card.model, "card": shown.card.serial, "runs": sum(o.run is not None for o in h.attempts),
        "judged": len(h.judged), "first": h.first.verdict.value if h.first else None,
        "last": h.last.verdict.value if h.last else None,
        "first_cause": cause_title(h.first_failure) if h.first_failure else None,
        "rework": sum(m.entry.serial == shown.adapter.serial for m in s.mendings),
        "board": losses.get((shown.adapter.design, shown.adapter.serial)), "seconds": sum(seconds) if seconds else None,
    }  # fmt: skip


def _share(name: str, share: Share) -> dict[str, object]:
    return {
        name: share.value, f"{name}_count": share.count, f"{name}_of": share.total,
        f"{name}_low": share.low, f"{name}_high": share.high,
    }  # fmt: skip


def _frame(rows: Iterable[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    whole = table.astype(object)
    return [{str(k): v for k, v in row.items()} for row in whole.where(whole.notna(), None).to_dict("records")]
