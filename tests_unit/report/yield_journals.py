"""A tray of boards as journals: some good at first, some mended, one given up; written without the rig's writers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from report_journals import T0_S, cause, row, unit, write_run

OPEN_LANE_4 = cause("joint open, lane 4", pins=["A35", "A36"], action="reflow A35 A36 (bottom side)")
BRIDGE = cause("bridge A1-A2", pins=["A1", "A2"], action="wick A1-A2 (bottom side)", probability=None)


def attempt(
    root: Path,
    serial: str,
    after_s: float = 0.0,
    verdict: str = "PASS",
    causes: Iterable[Mapping[str, Any]] = (),
    *,
    batch: str = "tray",
    design: str = "TobleMiner-revA",
    model: str = "533FLR-T",
    current_a: float = 0.5,
    rows: Iterable[Mapping[str, Any]] = (),
    **start: Any,
) -> Path:
    """One run of a board with its own card, `after_s` after the first: 60 s, 20 of them enumeration."""
    begun = T0_S + after_s
    parts = unit(serial, f"C-{serial}", model)
    parts["adapter"] = {"design": design, "serial": serial, **start.pop("adapter", {})}
    bad = {"verdict": "FAIL"} if verdict == "FAIL" else {}
    measured = [
        row("short_check", "short.12V_GND.ohm", 2400.0, "Ohm", low=10.0, at_least=True),
        row("first_power", "rail.12v.current_a", current_a, "A", low=0.2, high=0.8),
        row("enumeration", "pcie.link.width", 8, "1", low=8, **bad),
        *rows,
    ]
    events = [
        {"event": "step_start", "step": "enumeration", "time_s": begun + 30},
        {"event": "step_end", "step": "enumeration", "time_s": begun + 50, "verdict": verdict},
    ]  # fmt: skip
    stop = {
        "ended_s": begun + 60, "verdict": verdict, "causes": list(causes),
        "failed": ["pcie.link.width"] if verdict == "FAIL" else [],
    }  # fmt: skip
    return write_run(
        root / f"{int(after_s):06}-{len(list(root.glob('*')))}-{batch}", measured, stop=stop, events=events,
        started_s=begun, batch=batch, batch_id=f"id-{batch}", **parts, **start,
    )  # fmt: skip


def reworked(folder: Path, serial: str, after_s: float, action: str = "reflow", *pins: str, text: str = "") -> None:
    """A line of `rework.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    line = {"time_s": T0_S + after_s, "serial": serial, "text": text, "pins": list(pins), "action": action}
    with (folder / "rework.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
