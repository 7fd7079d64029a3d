"""One batch on 1, 2 and 4 virtual benches: the time of each, and how many times faster several are.

    .venv/bin/python benchmarks/fleet.py [--units 40] [--boot-s 15] [--benches 1 2 4]

The benches are the limit, not the processors: the twin's host boots for `--boot-s`, as a real one does for longer, and
the plan waits for rails to settle. What the processors did is printed: where it comes near 100 % the figures say
nothing about benches. `whole` is from the call to its exit (start of Python, twins and report included), `at work` from
the first unit's start record to the last one's end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rig.config.library import project_root

BENCH = project_root() / "configs" / "benches" / "virtual.yaml"
GOAL = 3.5
PLAN = {
    "name": "fleet",
    "steps": ["short_check", "first_power", "enumeration"],
    "short_check": {"settle_s": 0.2},
    "first_power": {"window_s": 1.0},
    "enumeration": {"aer_window_s": 1.0},
}


@dataclass(frozen=True)
class Took:
    """One batch."""

    benches: int
    whole_s: float
    at_work_s: float
    cpu_s: float
    most_ahead: int
    """Units of the busiest bench beyond those of the idlest."""

    @property
    def cpu_percent(self) -> float:
        """Of all processors, by the rig, its twins and its guardians."""
        return 100 * self.cpu_s / self.whole_s / (os.cpu_count() or 1)


def files(folder: Path, units: int, boot_s: float) -> tuple[Path, Path]:
    """Batch and twin file."""
    (folder / "plan.yaml").write_text(json.dumps(PLAN))
    tray = [
        {
            "adapter": {"design": "TobleMiner-revA", "serial": f"A-{n}"},
            "card": {"model": "561FLR-T", "serial": f"C-{n}"},
        }
        for n in range(units)
    ]
    batch, twin = folder / "batch.yaml", folder / "twin.yaml"
    batch.write_text(json.dumps({"name": "fleet", "plan": "plan.yaml", "units": tray}))
    twin.write_text(json.dumps({"host": {"boot_s": boot_s, "slot": {"gen": 3, "lanes": 8}}}))
    return batch, twin


def take(folder: Path, batch: Path, twin: Path, benches: int) -> Took:
    """The batch on so many benches; AssertionError when a unit was not judged once and good."""
    out = folder / f"out-{benches}"
    call = [sys.executable, "-m", "rig", "batch", batch, "--bench", BENCH, "-n", str(benches), "--twin", twin]
    before, start = _cpu_s(), time.monotonic()
    done = subprocess.run([*map(str, call), "--out", str(out), "--json"], capture_output=True, text=True, check=False)
    whole_s, cpu_s = time.monotonic() - start, _cpu_s() - before
    assert done.returncode == 0, done.stderr[-2000:]
    runs = [
        (json.loads(f.read_text()), json.loads(f.with_name("stop.json").read_text())) for f in out.glob("*/run.json")
    ]
    asked = len(json.loads(batch.read_text())["units"])
    assert len(runs) == asked and {stop["verdict"] for _, stop in runs} <= {"PASS", "MARGINAL"}, done.stderr[-2000:]
    at_work_s = max(stop["ended_s"] for _, stop in runs) - min(start["started_s"] for start, _ in runs)
    shares = [sum(start["bench"] == name for start, _ in runs) for name in {start["bench"] for start, _ in runs}]
    return Took(benches, whole_s, at_work_s, cpu_s, max(shares) - min(shares))


def _cpu_s() -> float:
    """Of everything that was started here and has ended, twins and guardians included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=40)
    parser.add_argument("--boot-s", type=float, default=15.0)
    parser.add_argument("--benches", type=int, nargs="+", default=[1, 2, 4])
    asked = parser.parse_args()
    first: Took | None = None
    ratio = 0.0
    with tempfile.TemporaryDirectory(prefix="rig-fleet-") as name:
        folder = Path(name)
        batch, twin = files(folder, asked.units, asked.boot_s)
        print(f"{asked.units} units, host boots {asked.boot_s:g} s, {os.cpu_count()} processors")
        print("benches   whole s  at work s   ratio whole  at work   cpu %  load  units apart")
        for benches in asked.benches:
            took = take(folder, batch, twin, benches)
            first = first or took
            ratio, worked = first.whole_s / took.whole_s, first.at_work_s / took.at_work_s
            print(
                f"{benches:7} {took.whole_s:9.1f} {took.at_work_s:10.1f} {ratio:13.2f} {worked:8.2f} "
                f"{took.cpu_percent:7.0f} {os.getloadavg()[0]:5.1f} {took.most_ahead:12}",
                flush=True,
            )
    if asked.benches[-1] == 4 and asked.units >= 40:
        print(f"goal: {GOAL} times with 4 benches, the whole call: {'reached' if ratio >= GOAL else 'NOT reached'}")
        return 0 if ratio >= GOAL else 1
    print("the goal is for 40 units on 4 benches: start and end of the rig weigh more on fewer")
    return 0


if __name__ == "__main__":
    sys.exit(main())
