"""What first power looks like for a good card: tolerance bounds learned from runs that passed it.

The statistics: per card model and quantity, of one value an insert, mean +- k * standard deviation, with the k that
holds 95 % of all inserts with 95 % confidence (two-sided normal tolerance factor; Howe 1969, as in NIST/SEMATECH
e-Handbook 7.2.6.3, with Wilson and Hilferty's chi-square: within 2 % of the tables from 5 inserts on). No band is
narrower than what the bench can tell: the instrument's error, or the floor of its unit. Outside the band is MARGINAL,
outside twice the band is FAIL. Virtual and real inserts never mix.
"""

from __future__ import annotations

import io
import math
import statistics
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML

from rig.errors import UsageError
from rig.model import Verdict
from rig.report.frames import frame

COVERAGE, CONFIDENCE = 0.95, 0.95
FEWEST = 5
FAR = 2.0
"""Times the band: beyond it no insert of a good card is to be expected."""
FLOOR = {"s": 0.1, "C": 0.002, "A": 0.010, "V": 0.020}
"""Half a band at least: two samples of time, and what supplies resolve."""
_SHARE = 0.02
"""Half a band at least, of the mean."""
_STEP = "first_power"

Limits = dict[str, dict[str, float | str]]


def learn(folder: Path, now: datetime | None = None) -> dict[str, object]:
    """The envelope file's content for all runs below `folder`; UsageError when no card has enough inserts."""
    rows = _passed(frame(folder))
    learned_on = (now or datetime.now(UTC)).date()
    found: dict[str, dict[str, object]] = {}
    seen: list[str] = []
    for (virtual, model), group in rows.groupby(["virtual", "card_model"]):
        count = group["run"].nunique()
        kind = "virtual" if virtual else "real"
        seen.append(f"{model}: {count} {kind}")
        if count >= FEWEST:
            found.setdefault(kind, {})[str(model)] = {
                "inserts": count, "learned": learned_on, "limits": _limits(group, kind, learned_on),
            }  # fmt: skip
    if not found:
        there = "; ".join(seen) or "none"
        raise UsageError(f"{folder}: an envelope needs {FEWEST} inserts of a card that passed first power ({there})")
    return {"coverage": COVERAGE, "confidence": CONFIDENCE, **found}


def tolerance_factor(count: int) -> float:
    """k of mean +- k * sd for `count` values; ValueError below two."""
    if count < 2:
        raise ValueError(f"a tolerance needs two values, got {count}")
    normal, free = statistics.NormalDist(), count - 1
    z = normal.inv_cdf((1 + COVERAGE) / 2)
    part = 2 / (9 * free)
    chi_square = free * max(1 - part + normal.inv_cdf(1 - CONFIDENCE) * math.sqrt(part), 0.0) ** 3
    return z * math.sqrt(free * (1 + 1 / count) / chi_square) if chi_square else math.inf


def _passed(rows: pd.DataFrame) -> pd.DataFrame:
    """First power's numbers of every run in which nothing of it was anything but good."""
    power = rows[(rows["step"] == _STEP) & ~rows["at_least"]]
    verdicts = power[power["verdict"].notna()]
    bad = set(verdicts.loc[verdicts["verdict"] != Verdict.PASS, "run"])
    good = set(verdicts["run"]) - bad
    return power[power["run"].isin(good) & power["name"].str.startswith("rail.") & power["value"].notna()]


def _limits(group: pd.DataFrame, kind: str, learned_on: date) -> Limits:
    found: Limits = {}
    for name, rows in group.groupby("name"):
        # one value an insert: the last attempt that passed
        values = rows.groupby("run").last()
        if len(values) >= FEWEST:
            error = float(values["error"].max()) if values["error"].notna().any() else 0.0
            found[str(name)] = _limit(list(values["value"]), str(rows["unit"].iloc[0]), error, kind, learned_on)
    return found


def _limit(values: list[float], unit: str, error: float, kind: str, learned_on: date) -> dict[str, float | str]:
    mean, k = statistics.fmean(values), tolerance_factor(len(values))
    half = max(k * statistics.stdev(values), _SHARE * abs(mean), error, FLOOR.get(unit, 0.0))
    bounds = {
        "low": mean - FAR * half, "marginal_low": mean - half, "marginal_high": mean + half, "high": mean + FAR * half,
    }  # fmt: skip
    # none of these quantities can be negative: a bound below zero would only look like one
    kept: Mapping[str, float] = {name: _rounded(b) for name, b in bounds.items() if b > 0}
    why = (
        f"learned on {learned_on} from {len(values)} {kind} inserts that passed: mean {mean:.4g} {unit}, "
        f"tolerance {COVERAGE:.0%}/{CONFIDENCE:.0%} (k {k:.2f}) +-{half:.3g} {unit}; FAIL beyond twice that"
    )
    return {**kept, "why": why}


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def write(content: Mapping[str, object], path: Path | None) -> str:
    """The content as YAML; written to `path` where there is one."""
    text = io.StringIO()
    yaml = YAML(typ="safe")
    yaml.default_flow_style, yaml.width = False, 110
    yaml.dump(dict(content), text)
    head = "# Made by 'rig envelope'; named by 'envelope:' in a plan. docs/steps.md says what the bounds are.\n"
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + text.getvalue(), encoding="utf-8")
    return head + text.getvalue()
