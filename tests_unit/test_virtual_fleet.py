"""Two virtual benches at one batch: one that breaks, and what becomes of its units."""

import json
import subprocess
import sys

import pytest

from rig.config.library import project_root

pytestmark = pytest.mark.timeout(300)
CONFIGS = project_root() / "configs"
PLAN = {"name": "p", "steps": ["short_check", "first_power"], "short_check": {"settle_s": 0.0},
        "first_power": {"window_s": 0.1}}  # fmt: skip
SHORTED = {"A-2": {"joints": [{"pins": ["A1", "A2"], "state": "bridge", "ohm": 0.1}]}}


def bench(folder, name, twin):
    """A virtual bench of that name, with a twin of its own."""
    (folder / f"{name}-twin.yaml").write_text(json.dumps({"adapters": SHORTED, **twin}))
    text = (CONFIGS / "benches" / "virtual.yaml").read_text()
    file = folder / f"{name}.yaml"
    file.write_text(text.replace("name: virtual", f"name: {name}").replace("../twins/good.yaml", f"{name}-twin.yaml"))
    return file


def test_a_bench_that_breaks_is_taken_out_and_its_units_are_judged_on_the_other(tmp_path):
    (tmp_path / "plan.yaml").write_text(json.dumps(PLAN))
    units = [{"adapter": {"design": "TobleMiner-revA", "serial": f"A-{n}"},
              "card": {"model": "561FLR-T", "serial": f"C-{n}"}} for n in range(1, 5)]  # fmt: skip
    batch, out = tmp_path / "batch.yaml", tmp_path / "out"
    batch.write_text(json.dumps({"name": "t", "plan": "plan.yaml", "units": units}))
    # its operator answers nobody: no unit ever gets into it
    bad = bench(tmp_path, "bad", {"faults": [{"plug": "operator", "kind": "dead"}]})
    good = bench(tmp_path, "good", {})
    done = subprocess.run(
        [sys.executable, "-m", "rig", "batch", batch, "--bench", bad, "--bench", good, "--out", out, "--json"],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    judged = {u["adapter"]: (u["verdict"], u["bench"]) for u in json.loads(done.stdout)["units"]}
    passed = ("PASS", "good")
    assert judged == {"A-1": passed, "A-2": ("FAIL", "good"), "A-3": passed, "A-4": passed}
    assert "good |   = PASS" in done.stderr and "bench bad was taken out" in done.stderr

    runs = [
        (json.loads(f.read_text()), json.loads(f.with_name("stop.json").read_text())) for f in out.glob("*/run.json")
    ]
    start = json.loads((out / "batch.json").read_text())
    stop = json.loads((out / "batch_stop.json").read_text())
    assert start["benches"] == ["bad", "good"] and {s["batch_id"] for s, _ in runs} == {start["batch_id"]}
    assert (stop["status"], list(stop["taken_out"])) == ("finished", ["bad"])
    # what the bench could not judge is kept, and comes first
    failed = [s for s, e in runs if s["bench"] == "bad"]
    assert all(e["verdict"] == "ERROR" for s, e in runs if s["bench"] == "bad")
    again = {s["adapter"]["serial"]: s["attempt"] for s, _ in runs if s["bench"] == "good"}
    assert all(again[s["adapter"]["serial"]] == s["attempt"] + 1 == 2 for s in failed)
    assert "bad" in (out / "report.html").read_text()
