"""Jobs on a place of labgrid's own coordinator and exporter, each ended in another way.

One story, told once for all tests of this file: A holds the place under power while B waits; A is killed; B gets it and
is killed with its keeper and its guardian; a batch takes it over and is cancelled.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import requests

from rig.bench.place import carried
from rig.bench.place.folder import LEASE
from rig.bench.place.tags import benches, every
from rig.plugin.places import virtual_places

pytestmark = pytest.mark.timeout(240)
ROOT = Path(__file__).parents[1]
BATCH = """\
name: place
plan: demo
units:
  - {adapter: {design: TobleMiner-revA, serial: A-01}, card: {model: 561FLR-T, serial: X540-01}}
"""
JOB = """\
import contextlib, sys
from pathlib import Path
from rig.bench.load import open_bench
from rig.bench.place.lease import Lease, Terms

bench, journal = map(Path, sys.argv[1:])
with Lease(bench, Terms(60.0), journal, lambda text: print(text, flush=True)) as lease:
    with contextlib.closing(open_bench(lease.bench_path)) as bench:
        bench.strategy.transition("rails")
        bench.strategy._to_powered()
        print("powered", flush=True)
        sys.stdin.read()
"""


def until(found, deadline_s=60.0):
    end = time.monotonic() + deadline_s
    while not (value := found()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return value


def events(folder):
    file = folder / "places.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class Job:
    """A process that takes the place, puts power on the slot, and stays."""

    def __init__(self, bench, folder):
        self.folder, self.said = folder, []
        folder.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOB, str(bench), str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def hears(self, word):
        while word not in (line := self.process.stdout.readline()):
            assert line, f"the job ended before it said {word!r}: {self.said}"
            self.said.append(line)
        self.said.append(line)
        return line

    def kill(self, *more):
        for process in [psutil.Process(self.process.pid), *more]:
            process.kill()
        self.process.communicate()


def of_lease(owner):
    """Keeper and guardian of a job."""
    token = owner.rpartition("-")[2]
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        is_keeper = "rig.bench.place.keeper" in command and token in " ".join(command)
        if is_keeper or ("rig.guard" in command and process.environ().get(LEASE) == token):
            yield process


class Plugs:
    """The bench as somebody sees it who stands before it."""

    def __init__(self, bench):
        args = {r["cls"]: r["args"] for r in carried.read(bench).exported}
        self._mains = args["NetworkPowerPort"]["host"]
        _, host, port, _ = args["VisaInstrument"]["address"].split("::")
        self._supply = host, int(port)

    def on(self):
        with socket.create_connection(self._supply, 5.0) as sock, sock.makefile("rw") as lines:
            rails = []
            for channel in (1, 2, 3):
                lines.write(f":OUTP? CH{channel}\n")
                lines.flush()
                rails.append(lines.readline().strip() not in ("OFF", "0"))
        output = requests.get(f"{self._mains}/rpc/Switch.GetStatus?id=0", timeout=5.0).json()["output"]
        return any(rails), output


def holder(coordinator):
    return every(coordinator)[0].held


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """What was seen at each turn."""
    folder, seen = tmp_path_factory.mktemp("places"), SimpleNamespace()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIG_LEASES", str(folder / "leases"))
        with virtual_places([("bench-a", ROOT / "configs/benches/virtual.yaml")], folder / "lab") as lab:
            seen.spec = benches("slot_gen=3 supply_a>=2 virtual", lab.coordinator)[0]
            file, plugs = seen.spec.bench_file(folder), Plugs(lab.places["bench-a"])
            first, second = Job(file, folder / "a"), None
            try:
                first.hears("powered")
                seen.first, seen.on_first = events(first.folder)[0]["owner"], plugs.on()
                second = Job(file, folder / "b")
                seen.waiting = second.hears("waiting")
                first.kill()
                second.hears("powered")
                seen.after_kill, seen.second = events(first.folder), events(second.folder)[-1]["owner"]
                second.kill(*of_lease(seen.second))
                seen.on_killed, seen.held_killed = plugs.on(), holder(lab.coordinator)
                _cancelled(seen, file, folder)
                seen.on_end, seen.held_end = plugs.on(), holder(lab.coordinator)
                seen.leases = [p.name for p in (folder / "leases").iterdir()]
            finally:
                for job in filter(None, (first, second)):
                    if job.process.poll() is None:
                        job.kill()
        yield seen


def _cancelled(seen, file, folder):
    """A batch takes the place over, begins, and is told to end."""
    (folder / "batch.yaml").write_text(BATCH)
    seen.out = folder / "out"
    with (folder / "stderr").open("w") as err:
        batch = subprocess.Popen(
            [sys.executable, "-m", "rig", "batch", str(folder / "batch.yaml"), "--bench", str(file), "--out",
             str(seen.out)],
            stdout=subprocess.DEVNULL, stderr=err, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    until(lambda: batch.poll() is not None or list(seen.out.glob("*/judged.jsonl")))
    batch.send_signal(signal.SIGTERM)
    seen.code = batch.wait(60)
    seen.stderr = (folder / "stderr").read_text()


def named(rows, event):
    return [row for row in rows if row["event"] == event]


def test_a_bench_is_found_by_what_it_can_do(story):
    assert (story.spec.name, story.spec.held) == ("bench-a", "free")
    assert story.on_first == (True, True)


def test_who_waits_is_told_who_has_the_place_and_since_when(story):
    assert f"bench-a held by {story.first} since " in story.waiting


def test_a_killed_job_leaves_its_bench_off_and_its_place_to_the_next(story):
    gone, down, released = (named(story.after_kill, e)[0] for e in ("job_gone", "brought_down", "place_released"))
    assert down["off"] is True and "verified" in down["text"]
    assert gone["time_s"] <= down["time_s"] <= released["time_s"]


def test_what_nobody_was_left_to_free_is_brought_down_and_taken_over_by_the_next_job_here(story):
    assert story.on_killed == (True, True)  # keeper and guardian were killed too
    assert story.held_killed.startswith(f"held by {story.second}")
    (taken,) = named(events(story.out), "place_taken_over")
    assert (taken["place"], taken["taken_from"], taken["down"]["off"]) == ("bench-a", story.second, True)
    assert "on this machine are gone" in taken["why"]


def test_a_cancelled_batch_says_so_and_leaves_all_off_and_free(story):
    assert story.code == 130, story.stderr
    assert json.loads((story.out / "batch_stop.json").read_text())["status"] == "cancelled"
    assert events(story.out)[-1]["event"] == "place_released"
    assert (story.on_end, story.held_end, story.leases) == ((False, False), "free", [])
