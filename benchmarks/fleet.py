"""One batch on 1, 2 and 4 places of a coordinator: the time of each, and how many times faster several are.

    .venv/bin/python benchmarks/fleet.py [--units 40] [--boot-s 15] [--benches 1 2 4]

labgrid's coordinator and exporter and as many virtual benches as are asked for at most stand on this machine's loopback
all the time; the job reaches them by `--bench tag:flexlom -n N`. The benches are the limit, not the processors: the
twin's host boots for `--boot-s`, as a real one does for longer, and the plan waits for rails to settle. What the whole
machine's processors did is printed: where it comes near 100 % the figures say nothing about benches. `whole` is from
the call to its exit (start of Python, waiting for the places and report included), `at work` from the first unit's
start record to the last one's end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from rig.config.library import project_root
from rig.plugin.places import virtual_places

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
    cpu_percent: float
    """Of all processors, everything that ran on this machine meanwhile."""
    most_ahead: int
    """Units of the busiest bench beyond those of the idlest."""


def files(folder: Path, units: int, boot_s: float) -> tuple[Path, Path]:
    """Batch and bench file."""
    (folder / "plan.yaml").write_text(json.dumps(PLAN))
    tray = [
        {
            "adapter": {"design": "TobleMiner-revA", "serial": f"A-{n}"},
            "card": {"model": "561FLR-T", "serial": f"C-{n}"},
        }
        for n in range(units)
    ]
    batch, twin, bench = (folder / f"{name}.yaml" for name in ("batch", "twin", "bench"))
    batch.write_text(json.dumps({"name": "fleet", "plan": "plan.yaml", "units": tray}))
    twin.write_text(json.dumps({"host": {"boot_s": boot_s, "slot": {"gen": 3, "lanes": 8}}}))
    bench.write_text(BENCH.read_text().replace("../twins/good.yaml", twin.name))
    return batch, bench


def take(folder: Path, batch: Path, coordinator: str, benches: int) -> Took:
    """The batch on so many places; AssertionError when a unit was not judged once and good."""
    out = folder / f"out-{benches}"
    call = [sys.executable, "-m", "rig", "batch", str(batch), "--bench", "tag:flexlom", "-n", str(benches)]
    psutil.cpu_percent()
    start = time.monotonic()
    done = subprocess.run(
        [*call, "--out", str(out), "--json"],
        env=os.environ | {"LG_COORDINATOR": coordinator},
        capture_output=True,
        text=True,
        check=False,
    )
    whole_s, cpu_percent = time.monotonic() - start, psutil.cpu_percent()
    assert done.returncode == 0, done.stderr[-2000:]
    runs = [
        (json.loads(f.read_text()), json.loads(f.with_name("stop.json").read_text())) for f in out.glob("*/run.json")
    ]
    asked = len(json.loads(batch.read_text())["units"])
    assert len(runs) == asked and {stop["verdict"] for _, stop in runs} <= {"PASS", "MARGINAL"}, done.stderr[-2000:]
    at_work_s = max(stop["ended_s"] for _, stop in runs) - min(start["started_s"] for start, _ in runs)
    shares = [sum(start["bench"] == name for start, _ in runs) for name in {start["bench"] for start, _ in runs}]
    assert len(shares) == benches, f"{len(shares)} of {benches} benches took part"
    return Took(benches, whole_s, at_work_s, cpu_percent, max(shares) - min(shares))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=40)
    parser.add_argument("--boot-s", type=float, default=15.0)
    parser.add_argument("--benches", type=int, nargs="+", default=[1, 2, 4])
    asked = parser.parse_args()
    first: Took | None = None
    ratio = 0.0
    with tempfile.TemporaryDirectory(prefix="rig-fleet-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        batch, bench = files(folder, asked.units, asked.boot_s)
        named = [(f"virtual-{n}", bench) for n in range(1, max(asked.benches) + 1)]
        stands = stack.enter_context(virtual_places(named, folder / "places"))
        print(f"{asked.units} units, host boots {asked.boot_s:g} s, {os.cpu_count()} processors")
        print("benches   whole s  at work s   ratio whole  at work   cpu %  load  units apart")
        for benches in asked.benches:
            took = take(folder, batch, stands.coordinator, benches)
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
