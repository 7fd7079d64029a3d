"""A tray on the virtual bench: scanned, killed at a random point, gone on with; and retried by policy."""

import json
import random
import subprocess
import sys
import time

import pytest

from rig.config.library import project_root

pytestmark = pytest.mark.timeout(300)
BENCH = project_root() / "configs" / "benches" / "virtual.yaml"
PLAN = {"name": "p", "steps": ["short_check", "first_power"], "short_check": {"settle_s": 0.0},
        "first_power": {"window_s": 0.1}}  # fmt: skip
SHORTED = 'adapters: {"A-2": {joints: [{pins: [A1, A2], state: bridge, ohm: 0.1}]}}'
LABELS = "A-1\nC-1\nA-2\nC-2\nA-2\nA-3\nC-1\nC-3\n\n"


class Tray:
    """Files of a tray of adapters of one design with cards of one model."""

    def __init__(self, folder, plan):
        self.out, self.twin, self.batch = folder / "out", folder / "twin.yaml", folder / "batch.yaml"
        (folder / "plan.yaml").write_text(json.dumps(plan))
        self.twin.write_text(SHORTED)
        self.batch.write_text("name: t\nplan: plan.yaml\ntray: {design: TobleMiner-revA, model: 561FLR-T}\n")

    def start(self, *more):
        call = [sys.executable, "-m", "rig", "batch", self.batch, "--bench", BENCH, "--twin", self.twin, *more]
        return subprocess.Popen(
            [*map(str, call), "--json"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *more, typed=""):
        process = self.start(*more)
        out, err = process.communicate(typed, timeout=240)
        return process.returncode, json.loads(out)["units"] if out else err

    def runs(self):
        """Adapter serial and attempt to how the run ended, None where it was killed."""
        found = {}
        for file in sorted(self.out.glob("*/run.json")):
            start, stop = json.loads(file.read_text()), file.with_name("stop.json")
            key = start["adapter"]["serial"], start["attempt"]
            assert key not in found
            found[key] = json.loads(stop.read_text())["status"] if stop.exists() else None
        return found


def test_a_scanned_tray_killed_at_a_random_point_loses_nothing_and_judges_each_unit_once(tmp_path):
    tray = Tray(tmp_path, PLAN)
    delay_s = random.SystemRandom().uniform(0.0, 4.0)
    killed = tray.start("--out", tray.out, "--scan")
    killed.stdin.write(LABELS)
    killed.stdin.flush()
    while not list(tray.out.glob("*/run.json")) and killed.poll() is None:
        time.sleep(0.01)
    time.sleep(delay_s)
    killed.kill()
    _, told = killed.communicate()
    assert "adapter A-2 is in the tray already" in told and "card C-1 is in the tray already" in told
    before = tray.runs()
    kept = {f: f.read_bytes() for f in tray.out.rglob("*") if f.is_file() and f.suffix == ".json" and
            f.name != "batch_stop.json"}  # fmt: skip
    assert before, told

    code, units = tray.run("--resume", tray.out)
    after = tray.runs()
    assert code == 1, (delay_s, units)
    assert {u["adapter"]: u["verdict"] for u in units} == {"A-1": "PASS", "A-2": "FAIL", "A-3": "PASS"}, delay_s
    assert {key: after[key] for key in before} == before
    assert all(f.read_bytes() == data for f, data in kept.items())
    finished = [serial for (serial, _), status in after.items() if status == "finished"]
    assert sorted(finished) == ["A-1", "A-2", "A-3"], (delay_s, after)
    assert (tray.out / "batch_stop.json").exists() and (tray.out / "report.html").exists()


def test_what_fails_is_retried_as_often_as_the_plan_says_and_a_shorted_board_never(tmp_path):
    limit = {"rail.12v.current_a": {"high": 0.001, "why": "nothing passes this"}}
    tray = Tray(tmp_path, {**PLAN, "limits": limit, "retry": {"attempts": 1, "on": ["ERROR", "FAIL"]}})
    (tmp_path / "tray.csv").write_text("adapter_serial,card_serial\nA-1,C-1\nA-2,C-2\n")
    code, units = tray.run("--out", tray.out, "--tray", tmp_path / "tray.csv")
    assert code == 1, units
    assert [u["verdict"] for u in units] == ["FAIL", "FAIL"]
    assert units[0]["failed"] == ["rail.12v.current_a"]
    assert tray.runs() == {("A-1", 1): "finished", ("A-1", 2): "finished", ("A-2", 1): "finished"}
