"""A virtual tray of 24 units with mixed faults: once through, and killed twice at random points and gone on with.

    .venv/bin/python benchmarks/tray.py [SEED]

Prints the verdicts, what the kills hit, and whether anything was lost, judged twice, or came out otherwise. Exit code 1
if so. Steps: short check, first power, enumeration, firmware, link; seconds of each way beside them.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from rig.config.library import project_root
from rig.plugin.standing import standing

UNITS = 24
CONFIGS = project_root() / "configs"
STEPS = "[short_check, first_power, enumeration, firmware, link]"
MODELS = ("561FLR-T", "544FLR-QSFP-649283", "533FLR-T")
DESIGNS = ("TobleMiner-revC", "KCORES-v1.1")
FAULTS = (
    "{pins: [A35], state: open}",
    "{pins: [A1, A2], state: bridge, ohm: 0.1}",
    "{pins: [A16], state: open}",
    "{pins: [B22], state: resistive, ohm: 30}",
)
"""A lane, 12 V onto 3.3 V, REFCLK, a poor pair: every third board has one of them."""


def write(folder: Path) -> tuple[Path, Path]:
    """Batch and twin file of the tray."""
    plan = (CONFIGS / "plans" / "demo.yaml").read_text()
    head, _, rest = plan.partition("steps: ")
    (folder / "plan.yaml").write_text(f"{head}steps: {STEPS}\n{rest.split(chr(10), 1)[1]}")
    lines = ["adapter_design,adapter_serial,card_model,card_serial"]
    lines += [f"{DESIGNS[n % 2]},A-{n:02},{MODELS[n % 3]},C-{n:02}" for n in range(UNITS)]
    (folder / "tray.csv").write_text("\n".join(lines) + "\n")
    batch, twin = folder / "batch.yaml", folder / "twin.yaml"
    batch.write_text("name: tray\nplan: plan.yaml\ntray: {csv: tray.csv}\n")
    broken = [f"  A-{n:02}: {{joints: [{FAULTS[n // 3 % len(FAULTS)]}]}}" for n in range(1, UNITS, 3)]
    twin.write_text("\n".join(["host: {boot_s: 0.5}", "adapters:", *broken]) + "\n")
    return batch, twin


def start(batch: Path, twin: Path, out: Path) -> subprocess.Popen[str]:
    """The same call whether the batch begins or goes on."""
    call = [sys.executable, "-m", "rig", "batch", batch, "--bench", CONFIGS / "benches" / "virtual.yaml",
            "--twin", twin, "--out", out, "--resume", "--json"]  # fmt: skip
    return subprocess.Popen([*map(str, call)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, str]:
    """Adapter serial to verdict, as the call itself printed them."""
    out, err = process.communicate()
    assert out, err
    return {u["adapter"]: u["verdict"] for u in json.loads(out)["units"]}


def finished(out: Path) -> int:
    return len(list(out.glob("*/stop.json")))


def kill_after(process: subprocess.Popen[str], out: Path, units: int, more_s: float) -> str:
    """SIGKILL some time after so many units are done; where that was."""
    while finished(out) < units:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    time.sleep(more_s)
    process.kill()
    process.communicate()
    runs = len(list(out.glob("*/run.json")))
    return f"{finished(out)} units done, {runs - finished(out)} runs cut short so far"


def main(seed: int) -> int:
    chance = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batch, twin = write(folder)
        begun = time.monotonic()
        wanted = finish(start(batch, twin, folder / "whole"))
        whole_s = time.monotonic() - begun
        print(f"uninterrupted: {whole_s:.0f} s, {dict(Counter(wanted.values()))}", flush=True)

        out, begun = folder / "killed", time.monotonic()
        for units in sorted(chance.choice(range(1, UNITS - 2), 2, replace=False)):
            hit = kill_after(start(batch, twin, out), out, units, chance.uniform(0.0, 6.0))
            print(f"kill -9: {hit}", flush=True)
        found = finish(start(batch, twin, out))
        print(f"killed twice and resumed: {time.monotonic() - begun:.0f} s, {dict(Counter(found.values()))}")
        return told(wanted, found, out)


def told(wanted: dict[str, str], found: dict[str, str], out: Path) -> int:
    """Prints what is wrong, or that nothing is."""
    runs = standing(out).runs
    ended = Counter(r.start.adapter.serial for r in runs if r.status == "finished")
    cut = [r.start.adapter.serial for r in runs if r.crashed]
    wrong = [f"{s}: judged {ended[s]} times" for s in wanted if ended[s] != 1]
    wrong += [f"{s}: {v} uninterrupted, {found.get(s)} resumed" for s, v in wanted.items() if found.get(s) != v]
    print(f"runs on record: {len(runs)}, cut short and taken again: {', '.join(cut) or 'none'}")
    print("\n".join(wrong) or f"nothing lost: {len(found)} units, each judged once, verdicts as uninterrupted")
    return 1 if wrong else 0


if __name__ == "__main__":
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else secrets.randbelow(10_000)
    print(f"seed {seed}")
    sys.exit(main(seed))
