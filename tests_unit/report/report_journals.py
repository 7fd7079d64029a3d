"""Synthetic journals: the files of `rig/record.py`, written without it: a bug in one shows in the other."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

T0_S = 1_795_428_902.0
"""2026-11-23 10:15:02 UTC."""


def row(
    step: str, name: str, value: object, unit: str = "", verdict: str | None = "PASS", **more: object
) -> dict[str, Any]:
    """One line of `judged.jsonl`."""
    base = {
        "step": step, "attempt": 1, "name": name, "value": value, "unit": unit, "low": None, "high": None,
        "marginal_low": None, "marginal_high": None, "one_of": [], "verdict": verdict,
        "why": "because", "note": "", "time_s": T0_S + 1, "evidence": "",
    }  # fmt: skip
    return {**base, **more}


def cause(title: str = "joint open, lane 4", **more: object) -> dict[str, Any]:
    base = {
        "title": title, "pins": ["A35", "B33"], "evidence": ["width x4 of x8"],
        "action": "reflow A35 and B33", "probability": 0.8,
    }  # fmt: skip
    return {**base, **more}


def write_run(
    folder: Path,
    rows: Iterable[Mapping[str, Any]] = (),
    *,
    stop: Mapping[str, Any] | None = None,
    crashed: bool = False,
    events: Iterable[Mapping[str, Any]] = (),
    power: Iterable[Mapping[str, Any]] = (),
    evidence: Mapping[str, str] | None = None,
    console: str = "",
    **start: Any,
) -> Path:
    """A run folder; `start` and `stop` override what the records say; `crashed`: no stop record."""
    folder.mkdir(parents=True)
    (folder / "evidence").mkdir()
    (folder / "run.json").write_text(json.dumps({**_start(folder.name), **start}), encoding="utf-8")
    _jsonl(folder / "judged.jsonl", rows)
    _jsonl(folder / "events.jsonl", events)
    if power:
        _jsonl(folder / "power.jsonl", power)
    for name, text in (evidence or {}).items():
        (folder / "evidence" / name).write_text(text, encoding="utf-8")
    if console:
        (folder / "console.log").write_text(console, encoding="utf-8")
    if not crashed:
        ending = {
            "ended_s": T0_S + 200,
            "status": "finished",
            "verdict": "PASS",
            "failed": [],
            "causes": [],
            "error": None,
        }
        (folder / "stop.json").write_text(json.dumps({**ending, **(stop or {})}), encoding="utf-8")
    return folder


def write_batch(
    folder: Path, units: Iterable[tuple[str, str]] = (), *, stopped: str | None = "finished", **start: Any
) -> Path:
    """The batch's own records; `units` are pairs of adapter and card serial."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = [
        {"adapter": {"design": "toblerevA", "serial": a}, "card": {"model": "533FLR-T", "serial": c}} for a, c in units
    ]
    record = {
        "schema": 1, "batch": "demo", "batch_id": "20261123-101502-demo", "plan": "default",
        "bench": "virtual", "virtual": True, "started": "2026-11-23T10:15:02+00:00", "started_s": T0_S, "units": listed,
    }  # fmt: skip
    (folder / "batch.json").write_text(json.dumps({**record, **start}), encoding="utf-8")
    if stopped is not None:
        text = json.dumps({"ended_s": T0_S + 900, "status": stopped, "error": None})
        (folder / "batch_stop.json").write_text(text, encoding="utf-8")
    return folder


def unit(adapter: str = "A-001", card: str = "C-001", model: str = "533FLR-T", **card_more: object) -> dict[str, Any]:
    """`adapter` and `card` of a start record."""
    facts = {"title": f"HPE {model}", "typ_w": None, "max_w": 9.0, "power_source": "HPE QuickSpecs"}
    board = {"design": "toblerevA", "serial": adapter, "jumpers": {"JP3": "2-3"}, "mods": ["a10_high"]}
    return {"adapter": board, "card": {"model": model, "serial": card, **facts, **card_more}}


def sampled(seconds: float, per_s: float = 10.0, watts: float = 8.0, peak_at_s: float = -1.0) -> list[dict[str, Any]]:
    """Lines of `power.jsonl`: a slow wave on 12 V, a steady 3.3 V, one sample of 30 W at `peak_at_s`."""
    lines = []
    for n in range(int(seconds * per_s)):
        t = n / per_s
        draw = 30.0 if abs(t - peak_at_s) < 0.5 / per_s else watts + math.sin(t / 5)
        rails = {
            "12v": {"voltage_v": 12.0, "current_a": draw / 12.0, "limiting": False},
            "3v3": {"voltage_v": 3.3, "current_a": 0.1, "limiting": False},
        }
        lines.append({"time_s": T0_S + t, "rails": rails})
    return lines


def _start(run: str) -> dict[str, Any]:
    return {
        "schema": 1, "run": run, "batch": "demo", "batch_id": "20261123-101502-demo", "bench": "virtual",
        "virtual": True, "plan": "default", "started": "2026-11-23T10:15:02+00:00", "started_s": T0_S,
        "attempt": 1, **unit(), "versions": {"rig": "0.1.0", "python": "3.11.7"},
        "host_versions": {"kernel": "6.1.0"},
        "instruments": {"supply": {"maker": "RIGOL", "model": "DP832", "serial": "DP8A1"}},
        "hashes": {"configs/plans/default.yaml": "00" * 32},
    }  # fmt: skip


def _jsonl(file: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
