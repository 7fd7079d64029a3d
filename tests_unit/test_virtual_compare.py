"""Two cards compared on the virtual bench, in each topology, as a user runs it."""

import json
import re
import subprocess
import sys

import pytest

import rig.report
from rig.config.library import project_root

pytestmark = pytest.mark.timeout(300)
ROOT = project_root()
BENCHES = ROOT / "configs" / "benches"
RIG = [sys.executable, "-m", "rig"]
DEADLINE_S = 240
SHORT = """name: short
steps: [power_profile]
power_profile:
  states: [driver, idle]
  min_settle_s: 0.1
  max_settle_s: 0.3
  steady_window_s: 0.2
  slope_w_per_min: 60.0
  band_w: 2.0
  window_s: 0.2
"""
BASELINE = """  baseline: true
limits:
  power.baseline.drift_w: {low: -5.0, high: 5.0, why: the host must stay as it was}
"""


@pytest.fixture
def compared(tmp_path):
    """`rig compare 533FLR-T 561FLR-T` on a bench with a short plan: the result and its folder."""

    def inner(bench, *more, plan=SHORT):
        (tmp_path / "plan.yaml").write_text(plan)
        words = ["compare", "533FLR-T", "700697-001", "--bench", BENCHES / bench, "--plan", tmp_path / "plan.yaml"]
        return run(*words, "--out", tmp_path / "out", *more), tmp_path / "out"

    return inner


def run(*words):
    return subprocess.run([*RIG, *map(str, words)], capture_output=True, text=True, timeout=DEADLINE_S,
                          stdin=subprocess.DEVNULL, check=False)  # fmt: skip


def test_a_comparison_stops_when_it_is_certain_and_can_be_computed_again(compared):
    result, out = compared("virtual.yaml", "--inserts", 5, "--json")
    assert result.returncode == 0, result.stderr
    assert "stopped early: every state is decided after" in result.stderr
    told = json.loads(result.stdout)
    runs = rig.report.runs(out).sort_values("started")
    made = list(runs.card_model)
    assert made == ["533FLR-T", "561FLR-T"] * (len(made) // 2)
    assert 6 <= len(made) < 10
    assert set(runs.verdict) <= {"PASS", "NOT_RUN"} and set(runs.status) == {"finished"}
    stated = json.loads((out / "batch.json").read_text())["compare"]
    assert stated == {"a": "533FLR-T", "b": "561FLR-T", "margin_w": 0.5, "inserts": 5, "stops_early": True}
    again = run("compare", out, "--json")
    assert json.loads(again.stdout) == told
    markdown = (out / "compare.md").read_text()
    assert "VIRTUAL" in markdown and "not about all cards of the two models" in markdown
    lower = re.findall(r"\*\*(\w+)\*\*: 533FLR-T draws [0-9.]+ W less than 561FLR-T", markdown)
    assert lower == ["driver", "idle"]


@pytest.mark.parametrize(
    ("bench", "rail"),
    [("virtual-host.yaml", "host"), pytest.param("virtual-meter.yaml", "wall", marks=pytest.mark.long)],
)
def test_a_whole_host_is_measured_and_its_baseline_taken_off(compared, bench, rail):
    """What the twin's cards draw is known from the bench that feeds them alone: 6.2 and 12.7 W idle, before losses."""
    result, out = compared(bench, "--inserts", 1, "--full", plan=SHORT + BASELINE)
    assert "Traceback" not in result.stderr and result.returncode == 0, result.stderr
    rows = rig.report.frame(out).set_index(["card_model", "name"]).value
    for model, least, most in (("533FLR-T", 5.5, 9.0), ("561FLR-T", 12.0, 18.0)):
        card, host = rows[model, "power.idle.total_w"], rows[model, f"power.idle.{rail}_w"]
        before, after = rows[model, "power.baseline.before_w"], rows[model, "power.baseline.after_w"]
        assert card == pytest.approx(host - (before + after) / 2)
        assert least < card < most
    markdown = (out / "compare.md").read_text()
    assert "not decided" in markdown
    instruments = json.loads(next(out.glob("*/run.json")).read_text())["instruments"]
    assert instruments["supply"]["model"] in ("HMP4040", "DP832")
    assert (rail == "wall") is ("WT310E" in instruments.get("meter", {}).get("model", ""))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["533FLR-T", "561FLR-T"], "--bench FILE"),
        (["533FLR-T"], "there is no such folder"),
        (["533FLR-T", "nothing", "--bench", BENCHES / "virtual.yaml"], "nothing"),
        (["a", "b", "c"], "3 arguments"),
        ([ROOT, "--inserts", "3"], "--inserts goes with two models"),
        (["533FLR-T", "561FLR-T", "--bench", BENCHES / "virtual.yaml", "--margin", "0"], "--margin 0"),
        (["533FLR-T", "561FLR-T", "--bench", BENCHES / "virtual.yaml", "--duty", "idle=2"], "--duty"),
    ],
)
def test_a_wrong_call_is_one_sentence_before_anything_is_measured(words, said):
    result = run("compare", *words)
    assert result.returncode == 2, result.stderr
    assert said in result.stderr and len(result.stderr.strip().splitlines()) == 1
