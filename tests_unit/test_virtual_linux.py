"""A batch on the virtual bench whose test host is a real Linux: what its kernel says is what is judged.

Needs QEMU and the guest's packages, once: without a network and with an empty cache the batch ends with a sentence.
"""

import json
import subprocess
import sys

import pytest

from rig.config.library import project_root
from rig.parse.kernel_log import Kind, bandwidth, events, symptoms

pytestmark = pytest.mark.timeout(600)  # first use fetches and builds
ROOT = project_root()
BENCH = ROOT / "configs" / "benches" / "virtual-linux.yaml"
NARROW = "A-2"
TWIN = {"host": {"kind": "linux"}, "adapters": {NARROW: {"joints": [{"pins": ["A35"], "state": "open"}]}}}
UNITS = [
    {"adapter": {"design": "TobleMiner-revA", "serial": f"A-{n}"}, "card": {"model": "561FLR-T", "serial": f"C-{n}"}}
    for n in (1, 2)
]


class Batch:
    """What a batch left behind."""

    def __init__(self, folder, result):
        self.folder, self.code, self.told = folder, result.returncode, result.stderr
        self.units = {u["adapter"]: u for u in json.loads(result.stdout)["units"]} if result.stdout else {}

    def run(self, adapter):
        """Folder of an adapter's run."""
        (found,) = self.folder.glob(f"*-{adapter}-C-*/run.json")
        return found.parent

    def rows(self, adapter):
        return {row["name"]: row for row in lines(self.run(adapter) / "judged.jsonl")}

    def evidence(self, adapter, name):
        (found,) = (self.run(adapter) / "evidence").glob(f"*-{name}")
        return found.read_text()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """A good unit and one with an open lane, through the plan `linux`: one boot each."""
    folder = tmp_path_factory.mktemp("linux")
    (folder / "twin.yaml").write_text(json.dumps(TWIN))
    (folder / "batch.yaml").write_text(json.dumps({"name": "t", "plan": "linux", "units": UNITS}))
    files = [folder / "batch.yaml", "--bench", BENCH, "--twin", folder / "twin.yaml", "--out", folder / "out"]
    result = subprocess.run(
        [sys.executable, "-m", "rig", "batch", *map(str, files), "--json"],
        capture_output=True, text=True, timeout=570, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    found = Batch(folder / "out", result)
    assert found.units, found.told
    return found


def test_the_good_unit_passes_and_the_open_lane_is_named(batch):
    assert batch.code == 1, batch.told
    good, narrow = batch.units["A-1"], batch.units[NARROW]
    assert (good["verdict"], good["cause"]) == ("PASS", None), batch.told
    assert narrow["verdict"] == "FAIL", batch.told
    assert narrow["cause"].startswith("joint open in one of lanes 4-7")
    assert narrow["failed"] == ["pcie.link.lanes_missing"]


def test_the_kernel_itself_says_what_is_judged(batch):
    for adapter, width in (("A-1", 8), (NARROW, 4)):
        rows, said = batch.rows(adapter), batch.evidence(adapter, "dmesg.txt")
        assert rows["host.kernel"]["value"].startswith("6.1.")
        assert rows["pcie.driver"]["value"] == "ixgbe"
        assert rows["pcie.link.width"]["value"] == width
        found = events(said)
        assert {e.device for e in found if e.kind is Kind.PROBED} >= {"0000:01:00.0"}, said
        assert bandwidth(found)["0000:01:00.0"].width == width
        assert ("pcie.limited" in symptoms(found)) is (width < 8)
    assert "limited by 5.0 GT/s PCIe x4 link at 0000:00:01.0" in batch.evidence(NARROW, "dmesg.txt")
    assert "Linux version 6.1." in (batch.run("A-1") / "console.log").read_text(errors="replace")


def test_both_ports_carry_traffic_that_is_judged_by_the_benchs_own_figure(batch):
    rows = batch.rows("A-1")
    for port in (1, 2):
        assert rows[f"link.port{port}.carrier"]["value"] == 1
        assert rows[f"link.port{port}.speed_bps"]["value"] == 10_000_000_000
        for way in ("to_host", "from_host"):
            row = rows[f"traffic.port{port}.{way}_bps"]
            assert row["verdict"] == "PASS" and row["value"] > row["low"] > 0
            assert "of the 0.07 Gbit/s" in row["why"]


def test_what_follows_the_failed_step_was_not_run(batch):
    rows = batch.rows(NARROW)
    assert rows["link.port1.carrier"]["verdict"] == "NOT_RUN"
    assert rows["link.port1.carrier"]["why"] == "stopped after enumeration failed"


def test_every_record_is_virtual_and_the_outputs_are_proven_off(batch):
    for adapter in batch.units:
        assert json.loads((batch.run(adapter) / "run.json").read_text())["virtual"] is True
    assert lines(batch.folder / "guard.jsonl")[-1]["event"] == "off_verified"
