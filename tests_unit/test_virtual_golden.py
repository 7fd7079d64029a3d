"""A golden unit with throughput on the virtual bench: learned, reproduced, and missed."""

import json
import re
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from rig.config.library import project_root

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
ROOT = project_root()
PLAN = """name: rates
steps: [enumeration, link, throughput]
enumeration: {aer_window_s: 0.1}
throughput: {duration_s: 1, streams: 1, min_fraction: 0.4, marginal_fraction: 0.45, tries: 10}
"""
# a gigabit card: this machine carries the line's whole rate, so that the numbers are the twin's and not the processor's
BATCH = """name: golden
plan: rates.yaml
units: [{adapter: {design: KCORES-v1.1, serial: K-03}, card: {model: 366FLR, serial: C-1}}]
"""


def rig(*words):
    call = [sys.executable, "-m", "rig", *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL, check=False)


def faster(golden):
    """The numbers as of a bench that once carried a tenth more."""
    yaml = YAML()
    found = yaml.load(golden.read_text())
    for number in found["numbers"].values():
        number["mean"] *= 1.1
        number["low"] = 0.98 * number["mean"]
    yaml.dump(found, golden)


def test_throughput_is_learned_reproduced_and_missed(tmp_path):
    bench, golden = tmp_path / "v.yaml", tmp_path / "v.golden.yaml"
    twin = f"twin: {ROOT / 'configs/twins/good.yaml'}\n      golden: {{file: {golden.name}}}"
    bench.write_text((ROOT / "configs/benches/virtual.yaml").read_text().replace("twin: ../twins/good.yaml", twin))
    (tmp_path / "rates.yaml").write_text(PLAN)
    (tmp_path / "batch.yaml").write_text(BATCH)

    for n in range(3):
        run = rig("batch", tmp_path / "batch.yaml", "--bench", bench, "--out", tmp_path / "runs" / str(n))
        assert run.returncode == 0, run.stdout + run.stderr
    made = rig("golden", "set", tmp_path / "runs", "--bench", bench, "--plan", tmp_path / "rates.yaml",
               "--name", "traffic.port*_host_bps")  # fmt: skip
    assert made.returncode == 0, made.stderr
    numbers = YAML(typ="safe").load(golden.read_text())["numbers"]
    assert len(numbers) == 8 and not any("high" in n for n in numbers.values()), numbers
    # how far below depends on how quiet this machine was
    assert all(0.0 < n["low"] <= 0.98 * n["mean"] + 1e3 for n in numbers.values()), numbers

    good = rig("golden", "run", "--bench", bench, "--out", tmp_path / "good")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "in order: all 8 numbers within their bounds" in good.stdout
    faster(golden)
    slow = rig("golden", "run", "--bench", bench, "--out", tmp_path / "slow")
    assert slow.returncode == 3, slow.stdout + slow.stderr
    assert re.search(
        r"OUT OF ORDER: traffic\.port1\.\w+ is 9\.\d+e\+08 bit/s, wanted 1\.\d+e\+09 at least", slow.stdout
    )
    (stop,) = [json.loads(p.read_text()) for p in (tmp_path / "slow").rglob("stop.json")]
    assert stop["verdict"] == "ERROR"

    refused = rig("batch", tmp_path / "batch.yaml", "--bench", bench, "--out", tmp_path / "refused")
    assert refused.returncode == 3 and "is out of order: its golden unit" in refused.stderr
