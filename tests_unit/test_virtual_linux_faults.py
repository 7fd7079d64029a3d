"""A bench whose test host is a real Linux goes wrong: the card's fault is the unit's, every other the bench's."""

import contextlib
import json
import re
import subprocess
import sys
import time

import pytest
import requests
from firmware_bench import ETH, SMALL, LinuxFirmwareBench, change, lines, run

from rig.bench.plugs import plug_in
from rig.config.library import project_root
from rig.config.yamlfile import read
from rig.plugin.twin_process import TwinProcess
from rig.twin.connectx3 import image, reader

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
ROOT = project_root()
BENCH = ROOT / "configs" / "benches" / "virtual-linux.yaml"
UNIT = {
    "adapter": {"design": "TobleMiner-revA", "serial": "A-1"},
    "card": {"model": "561FLR-T", "serial": "C-1"},
}
TO_LINK = ("first_power", "enumeration", "firmware", "link")
TO_LOGIN = ("first_power", "enumeration")
LOGIN_S = 60
"""How long this bench waits for a login: twice what a busy machine needs."""
SLOWER_S, CARRIER_S = 15.0, 20.0


class Batch:
    """One unit on a bench on which something is wrong."""

    def __init__(self, folder, steps, **twin):
        self.out = folder / "out"
        bench = BENCH.read_text().replace("login_timeout: 120", f"login_timeout: {LOGIN_S}")
        (folder / "bench.yaml").write_text(bench.replace("twin: ../twins/linux.yaml", "twin: twin.yaml"))
        plan = read(ROOT / "configs" / "plans" / "linux.yaml")
        plan["steps"] = list(steps)
        plan["link"]["carrier_deadline_s"] = CARRIER_S
        files = {"twin": {"host": {"kind": "linux"}, **twin}, "plan": plan,
                 "batch": {"name": "t", "plan": "plan.yaml", "units": [UNIT]}}  # fmt: skip
        for name, content in files.items():
            (folder / f"{name}.yaml").write_text(json.dumps(content))
        call = [
            folder / "batch.yaml",
            "--bench",
            folder / "bench.yaml",
            "--twin",
            folder / "twin.yaml",
            "--out",
            self.out,
        ]
        result = subprocess.run(
            [sys.executable, "-m", "rig", "batch", *map(str, call), "--json"],
            capture_output=True, text=True, timeout=570, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        self.code, self.told = result.returncode, result.stderr
        assert result.stdout, self.told
        (self.unit,) = json.loads(result.stdout)["units"]
        (run,) = self.out.glob("*/run.json")
        self.run = run.parent

    @property
    def rows(self):
        return {row["name"]: row for row in lines(self.run / "judged.jsonl")}

    @property
    def error(self):
        """Why the run ended, where the bench failed."""
        return json.loads((self.run / "stop.json").read_text())["error"]

    def is_off(self):
        """Every output was proven off after all else."""
        events = [e for e in lines(self.out / "guard.jsonl") if e["event"] not in ("ending", "client_gone")]
        return events[-1]["event"] == "off_verified" and {"12v", "3v3", "probe"} <= set(events[-1]["rails"])


def host_fault(kind, after_s=0.0):
    return {"faults": [{"plug": "host", "kind": kind, "after_s": after_s}]}


def test_a_card_that_falls_off_the_bus_is_the_units_fault(tmp_path):
    batch = Batch(tmp_path, TO_LINK, cards={"C-1": {"dies_after_s": 0.0}})
    assert (batch.code, batch.unit["verdict"]) == (1, "FAIL"), batch.told
    assert batch.error is None, batch.told
    assert batch.unit["failed"] == ["pcie.answers"]
    assert batch.unit["cause"].startswith("card fell off the bus")
    width = batch.rows["pcie.link.width"]
    assert width["value"] is None and "no longer answers" in width["note"]
    assert batch.is_off()


def test_a_host_that_hangs_is_the_benchs_fault(tmp_path):
    batch = Batch(tmp_path, TO_LINK, **host_fault("hang", 5.0))
    assert (batch.code, batch.unit["verdict"]) == (3, "ERROR"), batch.told
    assert "the host may hang: look at console.log" in batch.error
    assert batch.is_off()


def test_a_kernel_that_panics_is_the_benchs_fault_and_its_last_words_are_shown(tmp_path):
    batch = Batch(tmp_path, TO_LINK, **host_fault("panic", 5.0))
    assert (batch.code, batch.unit["verdict"]) == (3, "ERROR"), batch.told
    assert "Kernel panic - not syncing: sysrq triggered crash" in batch.error
    assert batch.is_off()


def test_a_login_that_ends_is_the_benchs_fault(tmp_path):
    batch = Batch(tmp_path, TO_LINK, **host_fault("login_lost", 5.0))
    assert (batch.code, batch.unit["verdict"]) == (3, "ERROR"), batch.told
    assert "test host: waited" in batch.error
    assert batch.is_off()


@pytest.mark.parametrize("kind", ["hang_at_boot", "panic_at_boot"])
def test_a_host_that_does_not_come_up_is_the_benchs_fault(tmp_path, kind):
    batch = Batch(tmp_path, TO_LOGIN, **host_fault(kind))
    assert (batch.code, batch.unit["verdict"]) == (3, "ERROR"), batch.told
    assert "for a login on console" in batch.error
    assert ("Kernel panic" in batch.error) is (kind == "panic_at_boot")
    assert "Linux version 6.1." in (batch.run / "console.log").read_text()
    assert batch.is_off()


def test_a_slow_boot_is_waited_for(tmp_path):
    batch = Batch(tmp_path, TO_LOGIN, **host_fault("slow_boot", SLOWER_S))
    assert (batch.code, batch.unit["verdict"]) in ((0, "PASS"), (0, "MARGINAL")), batch.told
    assert batch.rows["host.boot_s"]["value"] > SLOWER_S
    assert batch.is_off()


def test_a_console_that_brings_garbage_is_the_benchs_fault(tmp_path):
    batch = Batch(tmp_path, TO_LOGIN, faults=[{"plug": "console", "kind": "garbage"}])
    assert (batch.code, batch.unit["verdict"]) == (3, "ERROR"), batch.told
    assert "for a login on console" in batch.error
    assert batch.is_off()


def test_a_burn_that_the_mains_interrupts_leaves_the_flash_that_the_next_run_makes_good(tmp_path):
    bench = LinuxFirmwareBench(tmp_path)
    # a flash slow enough for every tenth of the burn to be told
    bench.twin("cards: " + json.dumps({"C": {"firmware": "ib", "image": {"size": SMALL}, "flash": {"page_s": 0.02}}}))
    content = image.build("eth", size=SMALL, version=(2, 42, 5010))
    arguments = bench.batch(["C"], change(bench, content) + "\ntask: flash", steps="enumeration, firmware")
    with contextlib.closing(TwinProcess(bench.folder / "twin.yaml", bench.state)) as twin:
        plug_in(bench.bench, twin.plugs, bench.folder / "plugged.yaml")
        at = arguments.index("--twin-state")
        on_it = [a.replace("bench.yaml", "plugged.yaml") for a in arguments[:at] + arguments[at + 2 :]]
        before = cut_in_burn(bench, on_it, twin.plugs["mains"])
    torn = bench.flash_of("C")
    assert torn != before and torn[:SMALL] != content
    (record,) = bench.records()
    assert record["state"] == "burn in progress"
    result = run(arguments)
    assert result.returncode == 0, result.stderr
    rows = bench.rows("C")
    assert rows["firmware.recovery"]["value"] == "old firmware intact"
    assert (rows["firmware.route"]["value"], rows["firmware.identity_kept"]["value"]) == ("flashed", True)
    assert reader.firmware(bench.flash_of("C")).psid == ETH
    assert bench.records() == []
    assert lines(bench.out / "guard.jsonl")[-1]["event"] == "off_verified"


def cut_in_burn(bench, arguments, mains):
    """Start a burn, switch the mains off in the middle of it, end the rig; the flash as it was before the burn."""
    with (bench.folder / "stderr.log").open("w") as err:
        process = subprocess.Popen(arguments, stdout=err, stderr=err, stdin=subprocess.DEVNULL)
    await_text(bench.folder / "stderr.log", "Burning FS2 FW image", process)
    before = bench.flash_of("C")
    await_text(bench.folder / "stderr.log", r"signatures [2-7]\d %", process)
    answer = requests.get(f"{mains}/rpc/Switch.Set?id=0&on=false", timeout=20)
    assert answer.json() == {"was_on": True}
    process.kill()
    process.wait()
    return before


def await_text(path, text, process, deadline_s=240):
    end = time.monotonic() + deadline_s
    while not re.search(text, seen := path.read_text()):
        assert process.poll() is None and time.monotonic() < end, seen
        time.sleep(0.05)
