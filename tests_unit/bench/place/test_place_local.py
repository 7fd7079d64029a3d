"""A bench file of this machine: what a job leaves beside it and on disk, and who goes first where two come."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from rig.bench.hold import BurnHold
from rig.bench.place import folder, local, off
from rig.bench.place.folder import DOWN, GONE, JOB, Trace
from rig.bench.place.ownfile import OwnFile
from rig.config.bench import load_bench_file
from rig.errors import BenchError, DeadlineError
from rig.guard import door

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "configs" / "benches" / "example-rigol-shelly.yaml"


@pytest.fixture(autouse=True)
def leases(monkeypatch, tmp_path):
    monkeypatch.setenv(folder.STATE, str(tmp_path / "leases"))
    monkeypatch.delenv(folder.LEASE, raising=False)
    return tmp_path / "leases"


@pytest.fixture
def bench(tmp_path):
    file = tmp_path / "bench.yaml"
    file.write_text(EXAMPLE.read_text())
    return file


def left(bench, stage=JOB, journal=None):
    """The trace of a job, locked by this process as its keeper."""
    made = folder.made()
    made.write(Trace("process 1", None, 1, journal, bench=str(bench), stage=stage))
    return made


def own(made, bench):
    return OwnFile(made, made.read(), bench)


def watched(bench, wait_s=5.0, said=None):
    return local.watched(bench, wait_s, None, [].append if said is None else said.append)


def test_a_job_has_a_trace_and_a_watch_and_leaves_neither(bench, leases):
    with watched(bench):
        (trace,) = leases.iterdir()
        (watch,) = [p for p in psutil.Process().children() if "rig.guard.watch" in p.cmdline()]
        assert os.environ[folder.LEASE] == trace.name
        (copy, _), (own_file, _) = load_bench_file(trace / "bench.yaml"), load_bench_file(bench)
        assert copy.targets.main.drivers == own_file.targets.main.drivers
        assert folder.taken(trace) is None
    assert list(leases.iterdir()) == []
    assert not watch.is_running() and folder.LEASE not in os.environ


def test_a_job_that_fails_leaves_neither_too(bench, leases):
    with pytest.raises(BenchError, match="no answer"), watched(bench):
        raise BenchError("no answer")
    assert list(leases.iterdir()) == []


def test_a_bench_of_which_nobody_is_left_is_claimed_and_a_job_goes_before(bench):
    dead = left(bench)
    file = own(dead, bench)
    assert not file.is_anothers() and file.claimed()
    assert dead.read().stage == DOWN
    job = left(bench)
    assert file.is_anothers() and not file.claimed()
    assert dead.read().stage == GONE
    job.remove()
    elsewhere, keeper = left(bench.with_name("other.yaml")), left(bench, GONE)
    assert file.claimed()  # what brings the same bench down keeps apart by the file's lock
    for made in (dead, elsewhere, keeper):
        made.remove()


def test_a_job_waits_for_a_bench_that_is_brought_down_and_for_no_other(bench):
    keeper, said = left(bench, DOWN), []
    with pytest.raises(DeadlineError, match="still being brought down"), watched(bench, 0.0, said):
        pytest.fail("it was not waited for")
    keeper.write(replace(keeper.read(), stage=GONE))
    with watched(bench, 0.0, said):
        assert said == []
    keeper.remove()


def test_a_job_waits_for_a_dead_jobs_guardian_unless_that_guards_a_burn(bench, monkeypatch):
    job = subprocess.Popen([sys.executable, "-c", ""])
    dead, lives = left(bench), left(bench)
    dead.write(replace(dead.read(), pid=job.pid))
    job.wait()
    looks, said = [], []

    def guardians(token):
        looks.append(token)
        return iter([token] if len(looks) < 3 else [])

    monkeypatch.setattr(off, "guardians", guardians)
    with watched(bench, 5.0, said):
        assert looks == [dead.token] * 3
    assert said == ["the job before was killed: waiting until its bench is brought down"]
    (dead.path / "burn").write_text("9")
    with watched(bench):
        assert len(looks) == 3
    dead.remove(), lives.remove()


def test_what_a_dead_job_left_of_a_bench_that_is_off_is_forgotten(bench, leases):
    lives, dead, other = left(bench), left(bench), left(bench.with_name("other.yaml"))
    dead.close(), other.close()
    folder.forget_dead(bench)
    assert {p.name for p in leases.iterdir()} == {lives.token, other.token}
    lives.remove()


def test_the_lock_of_the_file_is_had_once_its_owner_lets_go_and_a_file_that_is_gone_has_none(bench):
    dead = left(bench)
    file = own(dead, bench)
    with file.locked(0.0), pytest.raises(BenchError, match="another process is using it"), file.locked(0.0):
        pytest.fail("it was had twice")
    bench.unlink()
    with file.locked(0.0):
        assert not bench.exists()
    dead.remove()


def test_a_bench_that_another_job_has_is_left_to_it(bench, monkeypatch):
    monkeypatch.setattr(off, "_OTHERS_S", 0.0)
    dead, job = left(bench), left(bench)
    dead.bench.write_text(bench.read_text())
    assert off.told(dead) == {"off": True, "text": "another job has the bench by now"}
    assert dead.read().stage == GONE
    job.remove(), dead.remove()


BURNING = SimpleNamespace(
    supply_driver=SimpleNamespace(instrument=SimpleNamespace(address="TCPIP0::burning::5025::SOCKET"), burn_max_s=60.0)
)


@pytest.fixture
def burn(monkeypatch, tmp_path):
    """A guardian of another token that guards a burn; it may have been taken over from the job before."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened = door.Door()
    opened.open(door.path_for(BURNING.supply_driver.instrument.address))
    yield opened
    opened.close()


def test_while_firmware_is_burned_the_bench_is_nobodys_to_bring_down(burn, bench, monkeypatch):
    dead, looks = left(bench), []

    def look(pause_s):
        assert dead.read().stage == GONE
        looks.append(pause_s)
        if len(looks) == 3:
            burn.close()

    monkeypatch.setattr(off, "time", SimpleNamespace(sleep=look, monotonic=time.monotonic))
    assert off._is_our_turn(dead, BURNING, own(dead, bench))
    assert (len(looks), dead.read().stage) == (3, DOWN)
    dead.remove()


def test_a_burn_whose_guardian_a_reboot_took_is_waited_for_as_long_as_it_may_take(bench, monkeypatch):
    dead, looks = left(bench), []
    monkeypatch.setenv(folder.LEASE, dead.token)
    monkeypatch.setattr(folder, "time", SimpleNamespace(time=lambda: 1000.0))
    folder.note_burn(60.0)

    def look(pause_s):
        assert dead.read().stage == GONE
        looks.append(pause_s)
        monkeypatch.setattr(folder, "time", SimpleNamespace(time=lambda: 1000.0 + 30.0 * len(looks)))

    monkeypatch.setattr(off, "time", SimpleNamespace(sleep=look, monotonic=time.monotonic))
    assert off._is_our_turn(dead, BURNING, own(dead, bench))
    assert (len(looks), dead.read().stage) == (2, DOWN)
    dead.remove()


def test_a_burn_is_noted_while_it_lasts_and_never_for_longer_than_it_may(bench, monkeypatch):
    folder.note_burn(60.0)  # no lease: nothing to note
    job = left(bench)
    monkeypatch.setenv(folder.LEASE, job.token)
    assert job.burn_left_s(60.0) == 0.0
    folder.note_burn(60.0)
    assert 50.0 < job.burn_left_s(60.0) <= 60.0
    monkeypatch.setattr(folder, "time", SimpleNamespace(time=lambda: 0.0))  # the clock lost its battery
    assert job.burn_left_s(60.0) == 60.0
    folder.note_burn(None)
    assert job.burn_left_s(60.0) == 0.0
    (job.path / "burn").write_text("torn")
    assert job.burn_left_s(60.0) == 0.0
    job.remove()


def test_a_burn_does_not_begin_where_it_cannot_be_noted(bench, monkeypatch):
    job = left(bench)
    (job.path / "burn.new").mkdir()
    monkeypatch.setenv(folder.LEASE, job.token)
    began = []
    supply = SimpleNamespace(burn_max_s=60.0, burn=began.append)
    with pytest.raises(BenchError, match="cannot be noted"):
        BurnHold(SimpleNamespace(holding=False), supply).burn(True)
    assert began == []
    job.remove()


def test_a_burn_that_does_not_end_is_not_cut(burn, bench, monkeypatch):
    dead = left(bench)
    monkeypatch.setattr(off, "_GUARDIAN_S", -60.0)
    with pytest.raises(BenchError, match="does not end"):
        off._is_our_turn(dead, BURNING, own(dead, bench))
    dead.remove()


def test_the_trace_of_a_bench_that_is_not_proven_off_stays(bench, leases, tmp_path):
    dead = left(bench, journal=str(tmp_path))
    assert not local.ended(dead, dead.read(), {"off": False, "text": "no answer"})
    (again,) = folder.dead()
    assert local.ended(again, again.read(), {"off": True, "text": "verified"})
    assert list(leases.iterdir()) == []
    assert [row.split(", ")[-1] for row in (tmp_path / "places.jsonl").read_text().splitlines()] == [
        '"text": "no answer"}', '"text": "verified"}',
    ]  # fmt: skip
