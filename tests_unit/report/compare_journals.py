"""Journals of two card models by turns, as `rig compare A B` makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from report_journals import T0_S, row, unit, write_batch, write_run

A, B = "533FLR-T", "561FLR-T"
FIVE_APART = {A: [6.0, 6.1, 5.9], B: [11.0, 11.1, 10.8]}
_LOWEST_W = 0.1


def by_turns(
    root: Path,
    watts: Mapping[str, Sequence[float]],
    *,
    state: str = "idle",
    cards: Mapping[str, Sequence[str]] | None = None,
    facts: Mapping[str, Mapping[str, object]] | None = None,
    error: float | None = 0.06,
    stated: Mapping[str, object] | None = None,
    **start: Any,
) -> Path:
    """One insert a value, models by turns; `facts` of a model are more rows of the state, by name."""
    root.mkdir(parents=True, exist_ok=True)
    if stated is not None:
        write_batch(root, compare=stated, batch_id="s1")
    longest = max(map(len, watts.values()))
    turns = [(model, n) for n in range(longest) for model in watts if n < len(watts[model])]
    for order, (model, n) in enumerate(turns):
        name = f"power.{state}"
        rows = [row("power_profile", f"{name}.total_w", watts[model][n], "W", None, error=error)]
        more = {"link_width": 8, "link_speed_gtps": 5.0, **(facts or {}).get(model, {})}
        rows += [row("power_profile", f"{name}.{fact}", value, "1", None) for fact, value in more.items()]
        serials = (cards or {}).get(model, [f"{model}-1"])
        given = {"started_s": T0_S + 600 * order, "batch_id": "s1", **unit("A-17", serials[n % len(serials)], model)}
        write_run(root / f"r{len(list(root.iterdir())):03}", rows, **{**given, **start})
    return root


def power_lines(watts: float, seconds: int = 8) -> list[dict[str, Any]]:
    """Samples of one rail at `watts`, two a second."""
    reading = {"voltage_v": 12.0, "current_a": max(watts, _LOWEST_W) / 12.0}
    return [{"time_s": T0_S + n / 2, "rails": {"12v": reading}} for n in range(2 * seconds)]
