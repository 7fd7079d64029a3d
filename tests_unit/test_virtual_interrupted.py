"""Burns that something comes between, on the virtual bench with the real mstflint."""

import contextlib
import json
import re
import signal
import subprocess
import time

import psutil
import pytest
from firmware_bench import ETH, FirmwareBench, change, lines, run

import rig.report
from rig.bench.plugs import plug_in
from rig.plugin.twin_process import TwinProcess
from rig.twin.connectx3 import image, reader

pytestmark = pytest.mark.timeout(300)
NEWER = (2, 42, 5010)


@pytest.fixture
def bench(tmp_path):
    return FirmwareBench(tmp_path)


def until_burned(percent, process, log, deadline_s=120):
    """So much is told of the burn, or more: not every per cent is."""
    end = time.monotonic() + deadline_s
    while max(map(int, re.findall(r"signatures (\d+) %", seen := log.read_text())), default=-1) < percent:
        assert process.poll() is None, seen
        assert time.monotonic() < end, seen
        time.sleep(0.02)


def started(bench, arguments):
    log = bench.folder / "stderr.log"
    with log.open("w") as err:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=err, text=True, stdin=subprocess.DEVNULL)
    return process, log


SLOW = {"firmware": "ib", "image": {"size": 0x20000}, "flash": {"page_s": 0.006, "erase_s": 0.3}}


def twin_of(bench):
    """The process that plays the bench, by the folder it was given."""
    return [p for p in psutil.process_iter(["cmdline"]) if str(bench.state) in (p.info["cmdline"] or [])
            and "rig.twin" in p.info["cmdline"]]  # fmt: skip


@pytest.mark.parametrize(
    "percent, power_fails, came_of_it, route",
    [(40, False, "burn had finished", "already ethernet"), (80, True, "old firmware intact", "flashed")],
)
def test_a_run_killed_in_a_burn_is_made_good_by_the_next(bench, percent, power_fails, came_of_it, route):
    bench.twin("cards: " + json.dumps({"C": SLOW}))
    arguments = bench.batch(["C"], change(bench, image.build("eth", size=0x20000, version=NEWER)))
    process, log = started(bench, arguments)
    until_burned(percent, process, log)
    process.kill()
    if power_fails:
        for twin in twin_of(bench):
            twin.kill()
    process.communicate()
    (record,) = bench.records()
    assert record["state"] == "burn in progress"
    (crashed,) = bench.out.glob("*/run.json")
    assert not crashed.with_name("stop.json").exists()
    (told,) = rig.report.runs(bench.out).to_dict("records")
    assert told["crashed"] and "a burn was in progress" in told["note"]
    result = run(arguments)
    assert result.returncode == 0, result.stderr
    rows = bench.rows("C")
    assert (rows["firmware.recovery"]["value"], rows["firmware.route"]["value"]) == (came_of_it, route)
    kept = json.loads(bench.backups("C")[0].read_text())["identity"]
    (found,) = bench.out.glob("*/firmware/*identity.json")
    identity = json.loads(found.read_text())
    assert (identity["guids"], identity["macs"]) == (kept["guids"], kept["macs"])
    assert reader.firmware(bench.flash_of("C")).psid == ETH
    assert bench.records() == []


def test_a_burn_that_outlives_its_rig_is_followed_to_its_end_and_never_cut(bench):
    """The bench goes on, as a real one does: guardian, supply, test host and mstflint are all still there."""
    bench.twin("cards: " + json.dumps({"C": {**SLOW, "flash": {"page_s": 0.03, "erase_s": 0.5}}}))
    arguments = bench.batch(["C"], change(bench, image.build("eth", size=0x20000, version=NEWER)))
    with contextlib.closing(TwinProcess(bench.folder / "twin.yaml", bench.state)) as twin:
        plug_in(bench.bench, twin.plugs, bench.folder / "plugged.yaml")
        at = arguments.index("--twin-state")
        arguments = [a.replace("bench.yaml", "plugged.yaml") for a in arguments[:at] + arguments[at + 2 :]]
        process, log = started(bench, arguments)
        until_burned(10, process, log)
        process.kill()
        process.communicate()
        first, bench.out = bench.out, bench.folder / "second"
        result = run([a.replace(str(first), str(bench.out)) for a in arguments])
    assert result.returncode == 0, result.stderr
    assert "a burn is still in progress on the test host: waiting for its end" in result.stderr
    assert "it had ended, and the flash is whole" in result.stderr
    assert bench.rows("C")["firmware.route"]["value"] == "already ethernet"
    assert reader.firmware(bench.flash_of("C")).psid == ETH
    events = [e["event"] for e in lines(first / "guard.jsonl")]
    begun = events.index("burn")
    ended = len(events) - events[::-1].index("burn") - 1
    assert begun < ended and {"alarm", "client_adopted"} <= set(events[begun:ended])
    assert not {"off_verified", "trip"} & set(events[begun:ended])
    assert bench.records() == []


def test_a_cancel_waits_until_the_burn_has_ended(bench):
    bench.twin("cards: " + json.dumps({"C": SLOW}))
    process, log = started(bench, bench.batch(["C"], change(bench, image.build("eth", size=0x20000, version=NEWER))))
    until_burned(20, process, log)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    text = log.read_text()
    assert "do not switch anything off" in text
    assert "Restoring signature 100 %" in text
    assert json.loads(out)["units"][0]["verdict"] == "NOT_RUN"
    assert bench.records() == []
    burns = [e["state"] for f in bench.out.glob("*/events.jsonl") for e in lines(f) if e["event"] == "burn"]
    assert burns == ["begun", "settled"]
