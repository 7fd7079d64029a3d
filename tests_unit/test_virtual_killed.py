"""Jobs on a bench file of this machine, whose twin stands by itself, each killed in another way.

One story, told once for all tests of this file: A is killed and B comes while A's bench is brought down; B is killed
with its watch and its guardian, and `rig places free` comes, as at the runner's start.
"""

import contextlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from killed_jobs import Job, Plugs, events, named, of_lease, until

from rig.bench.place.folder import DOWN, Trace, made
from rig.bench.plugs import plug_in
from rig.plugin.twin_process import TwinProcess

pytestmark = pytest.mark.timeout(240)
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """What was seen at each turn."""
    folder, seen = tmp_path_factory.mktemp("killed"), SimpleNamespace()
    leases = folder / "leases"
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("RIG_LEASES", str(leases))
        twin = stack.enter_context(contextlib.closing(TwinProcess(ROOT / "configs/twins/good.yaml", folder / "twin")))
        seen.bench = file = plug_in(ROOT / "configs/benches/virtual.yaml", twin.plugs, folder / "bench.yaml")
        plugs = Plugs(file)
        first = Job(file, folder / "a")
        stack.callback(first.end)
        first.hears("powered")
        seen.on_first = plugs.on()
        first.kill()
        until(lambda: not list(leases.iterdir()))
        seen.on_killed, seen.after_kill = plugs.on(), events(first.folder)
        keeper = made()
        keeper.write(Trace("process 1", None, 1, None, bench=str(file), stage=DOWN))
        second = Job(file, folder / "b")
        stack.callback(second.end)
        seen.waiting = second.hears("waiting")
        seen.on_waiting = plugs.on()
        keeper.remove()
        second.hears("powered")
        (trace,) = leases.iterdir()
        second.kill(*of_lease(trace.name))
        seen.on_left, seen.left = plugs.on(), [p.name for p in leases.iterdir()] == [trace.name]
        seen.freed = subprocess.run(
            [sys.executable, "-m", "rig", "places", "free"], capture_output=True, text=True, timeout=120, check=False
        )
        seen.on_end, seen.after_free = plugs.on(), events(second.folder)
        seen.leases = list(leases.iterdir())
        yield seen


def test_a_killed_job_leaves_its_outputs_and_its_host_off(story):
    assert (story.on_first, story.on_killed) == ((True, True), (False, False))
    gone, down = (named(story.after_kill, event)[0] for event in ("job_gone", "brought_down"))
    assert (down["off"], down["bench"]) == (True, str(story.bench)) and "verified" in down["text"]
    assert gone["time_s"] <= down["time_s"]


def test_the_next_job_waits_while_the_bench_is_brought_down(story):
    assert "waiting until its bench is brought down" in story.waiting
    assert story.on_waiting == (False, False)


def test_what_nobody_was_left_to_switch_off_is_freed_at_the_runners_start(story):
    assert (story.on_left, story.left) == ((True, True), True)
    assert (story.freed.returncode, story.freed.stderr) == (0, "")
    assert f"{story.bench} (of process " in story.freed.stdout
    assert "off: yes, released: yes; mains and outputs are off, verified" in story.freed.stdout
    assert (story.on_end, story.leases) == ((False, False), [])
    assert named(story.after_free, "brought_down")[0]["off"] is True
