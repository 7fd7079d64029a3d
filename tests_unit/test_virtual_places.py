"""Jobs on a place of labgrid's own coordinator and exporter, each ended in another way.

One story, told once for all tests of this file: A holds the place under power while B waits; A is killed; B gets it and
is killed with its keeper and its guardian; a batch takes it over and is cancelled.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from killed_jobs import Job, Plugs, events, named, of_lease, until

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
                second.kill(*of_lease(seen.second.rpartition("-")[2]))
                seen.on_killed, seen.held_killed = plugs.on(), holder(lab.coordinator)
                _cancelled(seen, file, folder)
                seen.on_end, seen.held_end = plugs.on(), holder(lab.coordinator)
                seen.leases = [p.name for p in (folder / "leases").iterdir()]
            finally:
                for job in filter(None, (first, second)):
                    job.end()
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
