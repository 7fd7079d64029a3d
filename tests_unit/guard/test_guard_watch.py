import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rig.guard.outlive import environment

WORD = "import sys; sys.stdout.write(sys.argv[1])"


@pytest.fixture
def watch(tmp_path):
    (tmp_path / "word.py").write_text(WORD)
    process = subprocess.Popen(
        [sys.executable, "-m", "rig.guard.watch", "word", "done"],
        cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


def test_it_acts_when_the_job_is_gone_and_heeds_no_cancel(watch):
    watch.stdin.write(b"whatever the job may write\n")
    watch.stdin.flush()
    while not ignores(watch.pid, signal.SIGTERM):
        assert watch.poll() is None
        time.sleep(0.01)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        os.killpg(watch.pid, number)
    assert watch.poll() is None
    out, _ = watch.communicate()
    assert (out, watch.returncode) == (b"done", 0)


def ignores(pid, number):
    (mask,) = [line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigIgn" in line]
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_a_runner_does_not_find_what_outlives_its_job(monkeypatch):
    monkeypatch.setenv("RUNNER_TRACKING_ID", "github_1")
    monkeypatch.setenv("RIG_X", "kept")
    assert environment()["RUNNER_TRACKING_ID"] == "" and environment()["RIG_X"] == "kept"
