"""An intermittent joint on the virtual bench, found by a soak as a user runs it."""

import json
import subprocess
import sys

import pytest

import rig.report
from rig.config.library import project_root

BENCH = project_root() / "configs" / "benches" / "virtual.yaml"
FILES = {
    "batch": """name: t
plan: plan.yaml
units:
- {adapter: {design: TobleMiner-revA, serial: A-1}, card: {model: 544FLR-QSFP-649283, serial: C-1}}
""",
    "twin": """seed: 3
host: {boot_s: 0.3}
cards: {C-1: {firmware: eth}}
adapters: {A-1: {joints: [{pins: [A39], state: intermittent, probability: 0.5}]}}
""",
    "plan": """name: short soak
steps: [soak]
soak: {retrains: 8, power_cycles: 1, settle_s: 0.05, off_s: 0.1}
""",
}
DEADLINE_S = 240


@pytest.fixture(scope="module")
def soaked(tmp_path_factory):
    """What the command printed, and its folder."""
    folder = tmp_path_factory.mktemp("soak")
    for name, text in FILES.items():
        (folder / f"{name}.yaml").write_text(text)
    words = [sys.executable, "-m", "rig", "batch", folder / "batch.yaml", "--bench", BENCH, "--twin",
             folder / "twin.yaml", "--out", folder / "out", "--json"]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL,
                          check=False)  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return json.loads(done.stdout), folder / "out"


def test_a_soak_finds_an_intermittent_joint_and_names_its_lane(soaked):
    (unit,) = soaked[0]["units"]
    assert unit["verdict"] == "FAIL"
    assert "soak.retrain.failures" in unit["failed"]
    assert unit["cause"].startswith("intermittent joint, lane 5 (A39 A40)")


def test_every_trial_is_counted_once_and_kept(soaked):
    rows = rig.report.frame(soaked[1]).set_index("name")
    assert (rows.value["soak.retrain.trials"], rows.value["soak.power_cycle.trials"]) == (8, 1)
    failed, narrowest = rows.value["soak.retrain.failures"], rows.value["soak.narrowest_width"]
    assert (0 < failed < 8, narrowest) == (True, 4)
    (kept,) = soaked[1].glob("*/evidence/soak-trials.jsonl")
    trials = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [t["what"] for t in trials] == ["retrain"] * 8 + ["power_cycle"]
    narrow = [t for t in trials if t["what"] == "retrain" and t["faults"] == ["x4 in place of x8"]]
    assert len(narrow) == failed
    assert {8} == {t["width"] for t in trials if not t["faults"]}


def test_the_page_says_how_often_it_may_fail(soaked):
    page = (soaked[1] / "report.html").read_text()
    assert '<td data-label="Failures">' in page
    assert " of 8, below " in page


def test_the_outputs_are_proven_off_after_it(soaked):
    last = (soaked[1] / "guard.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["event"] == "off_verified"
