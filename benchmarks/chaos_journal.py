"""What a job of `chaos.py` left on disk: is it whole, and is all in it that was told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

_TOLD = re.compile(r"^(?:(?P<bench>\S+) \| )?(?:(?P<at>\d+)/\d+ .*|    (?P<step>\w+) +(?P<verdict>[A-Z_]+) .*)$")


def faults(out: Path, log: Path) -> list[str]:
    """Files that are torn, and verdicts that were told on standard error and are not on record."""
    torn, rows = [], set()
    for file in out.rglob("*.json"):
        if not is_json(file.read_text()):
            torn.append(f"{file.relative_to(out)} is torn")
    for file in out.rglob("*.jsonl"):
        text = file.read_text()
        bad = [n for n, line in enumerate(text.splitlines(), 1) if not is_json(line)]
        # the samples of a supply come by the hundred and are not waited for: a reader drops a torn last one
        if bad and not (file.name == "power.jsonl" and bad == [text.count("\n") + 1]):
            torn.append(f"{file.relative_to(out)}: line {bad[0]} is torn")
        if file.name == "judged.jsonl" and file.with_name("run.json").exists():
            serial = json.loads(file.with_name("run.json").read_text())["adapter"]["serial"]
            rows |= {(serial, json.loads(line)["step"]) for line in text.splitlines() if is_json(line)}
    return [*torn, *(f"told but not on record: {told}" for told in sorted(set(_told(log)) - rows))]


def phase(out: Path, units: int) -> str:
    """How far the batch was: `start` (no unit begun), `unit` (one goes on), `between` or `end`."""
    begun = [file.parent for file in out.glob("*/run.json")]
    ended = [run for run in begun if (run / "stop.json").exists()]
    if not begun:
        return "start"
    return "unit" if len(ended) < len(begun) else "end" if len(ended) >= units else "between"


def judged(out: Path) -> dict[str, list[str]]:
    """Serial of each adapter to the verdicts of its runs that have an end."""
    found: dict[str, list[str]] = {}
    for file in out.glob("*/stop.json"):
        stop, start = json.loads(file.read_text()), json.loads(file.with_name("run.json").read_text())
        if stop["status"] == "finished":
            found.setdefault(start["adapter"]["serial"], []).append(stop["verdict"])
    return found


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _told(log: Path) -> Iterator[tuple[str, str]]:
    """Adapter and step of every verdict on standard error."""
    at: dict[str, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        if (match := _TOLD.match(line)) is None:
            continue
        if match["at"]:
            at[match["bench"]] = f"A-{match['at']}"
        elif match["bench"] in at:
            yield at[match["bench"]], match["step"]
