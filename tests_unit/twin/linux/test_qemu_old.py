"""The bench on Debian 12's own QEMU, which has no vfio-user: what it shows, and what is said of the rest."""

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import threading
import time

import pytest
from linux_guest import DEADLINE_S, PROMPT, Line

from rig.config.library import default_library, project_root
from rig.config.twin import TwinFile
from rig.errors import BenchError
from rig.model import AdapterUnit, CardUnit
from rig.twin.faults import Faults
from rig.twin.linux.cache import cache_folder, locked
from rig.twin.linux.host import LinuxHost
from rig.twin.linux.qemu import PROGRAM, QEMU, fetch, unpacked_command
from rig.twin.world import World

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
ROOT = project_root()
RELEASE = "bookworm"
NET = os.getpid() % 120 * 2  # another suite may run beside this one
SMALL = 0x8000
CABLES = (f"127.253.{NET}.2", f"127.253.{NET + 1}.2")
TWIN = {"host": {"kind": "linux"}, "adapters": {"A-2": {"joints": [{"pins": ["A35"], "state": "open"}]}}}
UNITS = [
    {"adapter": {"design": "TobleMiner-revA", "serial": f"A-{n}"}, "card": {"model": "561FLR-T", "serial": f"C-{n}"}}
    for n in (1, 2)
]


@pytest.fixture(scope="module")
def old_qemu():
    """Its command line; fetched once, beside the newest."""
    cache, root = cache_folder(), cache_folder() / "qemu" / f"own-{RELEASE}"
    try:
        with locked(cache, "qemu", print):
            if not (root / "usr/bin" / PROGRAM).exists():
                fetch(root, RELEASE, RELEASE, print)
    except BenchError as e:
        pytest.skip(f"Debian 12's QEMU cannot be had: {e}")
    return shlex.join(unpacked_command(root))


class Bench:
    """A test host in that QEMU with a card in its slot, or none, and its console."""

    def __init__(self, folder, closing, model=None):
        twin = TwinFile.model_validate({"host": {"kind": "linux"}, "cards": {"C-1": {"image": {"size": SMALL}}}})
        self.world = World(twin, default_library(), CABLES)
        if model:
            self.world.insert(AdapterUnit("TobleMiner-revA", "A-1"), CardUnit(model, "C-1"), bare=False)
            self.world.drive(1, on=True, voltage_v=12.0, limit_a=2.1)
            self.world.drive(3, on=True, voltage_v=3.3, limit_a=1.0)
        self.said = []
        where = (folder, ("127.0.0.1", 0), CABLES, Faults([], time.monotonic))
        self.host = LinuxHost(self.world, twin.host, *where, self.said.append)
        closing.callback(self.host.close)
        self.host.start()
        end = socket.create_connection(self.host.console_address)
        self._console = Line(end, [])
        closing.callback(self._console.close)

    def boot(self):
        self.world.set_mains(True)
        self.host.power(True)
        self._console.expect("duthost login: ")
        self._console.send("root\n")
        self._console.expect(PROMPT)

    def run(self, command):
        self._console.send(f"{command}\n")
        return self._console.expect(PROMPT, 3 * DEADLINE_S).partition("\n")[2].rpartition("root@")[0]

    def power_off(self):
        """By the guest itself; returns when no thread serves the card any more."""
        self._console.send("poweroff\n")
        deadline = time.monotonic() + DEADLINE_S
        while serving():
            assert time.monotonic() < deadline, serving()
            time.sleep(0.02)


def serving():
    return [t.name for t in threading.enumerate() if t.name == "pci-proxy"]


@pytest.fixture
def bench(tmp_path, monkeypatch, old_qemu):
    """Makes a bench with a card model in its slot, or with nothing."""
    monkeypatch.setenv(QEMU, old_qemu)
    with contextlib.ExitStack() as closing:
        yield lambda model=None: Bench(tmp_path, closing, model)
    assert serving() == []


def test_an_empty_slot_is_empty_and_what_cannot_be_shown_is_said(bench):
    empty = bench()
    empty.boot()
    assert [line[:7] for line in empty.run("lspci").splitlines()][:2] == ["00:00.0", "00:01.0"]
    assert "01:00" not in empty.run("lspci")
    text = "\n".join(empty.said)
    assert "QEMU 7.2" in text and "no AER registers" in text and "no interrupts" in text
    assert tuple(empty.host.driven) == ()


def test_mstflint_burns_a_card_and_a_guest_that_switches_itself_off_lets_go_of_it(bench):
    flash = bench("544FLR-QSFP-649282")
    flash.boot()
    seen = flash.run("lspci -vv -s 01:00.0")
    for part in ("ConnectX-3", "Region 0: Memory at", "Vital Product Data", "Speed 8GT/s, Width x8"):
        assert part in seen
    burn = "mstflint -d 01:00.0 ri /tmp/x && mstflint -y -d 01:00.0 -i /tmp/x burn; echo code $?"
    assert "code 0" in flash.run(burn)
    assert serving() == ["pci-proxy"]
    flash.power_off()


def test_a_batch_is_judged_by_what_that_qemu_shows_and_nothing_else(tmp_path, old_qemu):
    (tmp_path / "twin.yaml").write_text(json.dumps(TWIN))
    (tmp_path / "batch.yaml").write_text(json.dumps({"name": "t", "plan": "linux", "units": UNITS}))
    bench = ROOT / "configs" / "benches" / "virtual-linux.yaml"
    files = [tmp_path / "batch.yaml", "--bench", bench, "--twin", tmp_path / "twin.yaml", "--out", tmp_path / "out"]
    result = subprocess.run(
        [sys.executable, "-m", "rig", "batch", *map(str, files), "--json"], env={**os.environ, QEMU: old_qemu},
        capture_output=True, text=True, timeout=800, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert result.stdout, result.stderr
    good, narrow = json.loads(result.stdout)["units"]
    assert narrow["failed"] == ["pcie.link.lanes_missing"], result.stderr
    assert good["verdict"] not in ("FAIL", "ERROR", "PASS"), result.stderr
    assert "brings no interrupts" in result.stderr
    (run,) = (tmp_path / "out").glob("*-A-1-C-1-*/run.json")
    rows = {row["name"]: row for row in map(json.loads, (run.parent / "judged.jsonl").read_text().splitlines())}
    assert rows["pcie.link.width"]["value"] == 8 and rows["pcie.link.lanes_missing"]["verdict"] == "PASS"
    assert rows["pcie.aer.endpoint.correctable_per_s"]["verdict"] == "NOT_RUN"
    by_driver = {name: row for name, row in rows.items() if name.split(".")[0] in ("link", "traffic")}
    assert by_driver and {row["verdict"] for row in by_driver.values()} == {"NOT_RUN"}
    assert all("lets no driver work" in row["why"] for row in by_driver.values())
