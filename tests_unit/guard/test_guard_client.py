"""The guardian as a process: whatever happens to its client, the outputs go off."""

import json
import os
import signal
import threading
import time

import pytest
from guard_child import config, events, gone
from guard_fake import FakeServer, FakeSupply

from rig import errors
from rig.errors import BenchError, ConfigError, DeadlineError, LinkDownError, ReplyError, TripError, UsageError
from rig.guard import wire
from rig.guard.client import GuardClient, GuardConfig, RailConfig
from rig.model import Accuracy, RailAccuracy


@pytest.fixture
def guard(supply, tmp_path):
    with GuardClient.start(config(supply), tmp_path) as client:
        yield client


def test_a_run_through_all_that_a_step_asks(supply, guard, tmp_path, until):
    assert guard.identity().serial == "DP8C000000001"
    assert guard.identities() == {"main": guard.identity()}
    assert guard.read() == {}
    guard.record(tmp_path / "power.jsonl")
    guard.apply("12v", 12.0, 2.1)
    guard.apply("3v3", 3.3, 2.0, ocp_a=2.2)
    assert (supply.channels[1].ovp, supply.channels[1].ocp_on) == (13.2, False)
    assert (supply.channels[3].ovp, supply.channels[3].ocp) == (3.63, 2.2)
    assert guard.read()["12v"].current_a == 0.25
    since_s = guard.mark("idle")
    until(lambda: len(guard.samples(since_s)) >= 5)
    samples = guard.samples()
    assert [s.time_s for s in samples] == sorted({s.time_s for s in samples})
    assert samples[-1].rails["3v3"].voltage_v == 3.3
    assert abs(time.time() - samples[-1].time_s) < 60
    guard.off("3v3")
    assert supply.is_on(1) and not supply.is_on(3)
    guard.record(None)
    guard.off()
    assert supply.all_off()
    assert guard.tripped() is None
    assert guard.accuracy()["12v"] == RailAccuracy(Accuracy(0.05, 0.01), Accuracy(0.15, 0.005))
    assert '"mark": "idle"' in (tmp_path / "power.jsonl").read_text()


def test_asking_for_samples_ends_although_new_ones_keep_coming(supply, tmp_path):
    supply.fault("MEAS", "=12.0,0.1,1.2")
    with GuardClient.start(config(supply, sample_s=1e-4), tmp_path) as client:
        client.apply("12v", 12.0, 2.1)
        for _ in range(5):
            client.samples()
        assert len(client.samples()) < 500


def test_closing_puts_everything_off_and_ends_the_process(supply, tmp_path):
    client = GuardClient.start(config(supply), tmp_path)
    client.apply("12v", 12.0, 2.1)
    client.close()
    client.close()
    assert supply.all_off()
    assert gone(client.pid)


def test_errors_come_back_as_what_they_were(supply, guard):
    with pytest.raises(UsageError, match="ceilings"):
        guard.apply("12v", 13.0, 1.0)
    supply.fault(r"SOUR1:VOLT\?", "=0.5")
    with pytest.raises(ReplyError, match="was not taken") as caught:
        guard.apply("12v", 12.0, 1.0)
    assert caught.value.asked == ":SOUR1:VOLT?"


def test_another_supply_than_named_is_refused_before_anything_is_switched(supply, tmp_path):
    supply.idn = "RIGOL TECHNOLOGIES,DP711,X,1"
    with pytest.raises(BenchError, match="is a DP711, the bench file says DP832"):
        GuardClient.start(config(supply), tmp_path)
    assert not [c for c in supply.heard if "OUTP" in c]


def test_a_supply_that_is_not_there_is_a_link_that_is_down(tmp_path):
    nowhere = FakeSupply()
    FakeServer(nowhere).close()
    with pytest.raises(LinkDownError, match="refused"):
        GuardClient.start(config(nowhere), tmp_path)
    assert events(tmp_path) == ["not_started"]


def test_a_log_folder_that_cannot_be_made_is_a_usage_error(supply, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write its log"):
        GuardClient.start(config(supply), tmp_path / "file")


def test_over_current_cuts_and_stays_cut(supply, guard, tmp_path, until):
    guard.apply("12v", 12.0, 2.1)
    guard.apply("3v3", 3.3, 2.0)
    supply.channels[1].load_a = 2.9
    until(supply.all_off)
    until(lambda: guard.tripped() is not None)
    with pytest.raises(TripError, match=r"12v drew 2.900 A"):
        guard.apply("12v", 12.0, 2.1)
    with pytest.raises(TripError):
        guard.read()
    assert guard.samples()[-1].rails["12v"].current_a == 2.9
    until(lambda: "off_verified" in events(tmp_path)[-1:])


def test_a_guardian_that_is_told_to_end_switches_off_and_says_so(supply, tmp_path, until):
    client = GuardClient.start(config(supply), tmp_path)
    client.apply("12v", 12.0, 2.1)
    os.kill(client.pid, signal.SIGINT)
    client.read()
    os.kill(client.pid, signal.SIGTERM)
    until(supply.all_off)
    until(lambda: gone(client.pid))
    with pytest.raises(TripError, match=r"SIGTERM.*verified off"):
        client.read()
    client.close()


def test_a_guardian_that_was_killed_is_told_at_the_next_call(supply, tmp_path, until):
    client = GuardClient.start(config(supply), tmp_path)
    os.kill(client.pid, signal.SIGKILL)
    until(lambda: gone(client.pid))
    with pytest.raises(LinkDownError, match=r"guardian is gone.*make sure the outputs are off"):
        client.read()
    with pytest.raises(LinkDownError):
        client.close()


def test_a_guardian_that_hangs_does_not_hang_its_client(supply, tmp_path, until):
    client = GuardClient.start(config(supply, timeout_s=0.1, off_retry_s=0.1), tmp_path)
    client.apply("12v", 12.0, 2.1)
    os.kill(client.pid, signal.SIGSTOP)
    with pytest.raises(DeadlineError, match="answer to 'read'"):
        client.read()
    os.kill(client.pid, signal.SIGCONT)
    until(lambda: client.tripped() is None)
    client.close()
    assert supply.all_off()


def test_a_guardian_that_fails_switches_off_first(supply, tmp_path, until):
    client = GuardClient.start(config(supply), tmp_path)
    client.apply("12v", 12.0, 2.1)
    client._talk.tell("apply")
    until(supply.all_off)
    with pytest.raises(TripError, match=r"the guardian failed; outputs verified off"):
        client.read()
    with pytest.raises(TripError):
        client.close()
    assert "KeyError" in (tmp_path / "guard.log").read_text()


def test_an_answer_that_comes_too_late_is_not_taken_for_another(supply, guard):
    guard.apply("12v", 12.0, 2.1)
    with pytest.raises(DeadlineError):
        guard._talk.answer(999, "nothing that was asked", 0.05)
    assert guard.tripped() is None
    assert guard.read()["12v"].voltage_v == 12.0


def test_a_caller_that_is_wedged_loses_its_outputs(supply, tmp_path, until):
    client = GuardClient.start(config(supply, heartbeat_s=1.0), tmp_path, max_quiet_s=1.0)
    client.apply("12v", 12.0, 2.1)
    until(supply.all_off)
    with pytest.raises(TripError, match=r"heartbeat lost.*verified off"):
        client.mark("too late")
    client.close()


def test_a_busy_caller_that_asks_nothing_keeps_its_outputs(supply, tmp_path):
    with GuardClient.start(config(supply, heartbeat_s=2.0), tmp_path) as client:
        client.apply("12v", 12.0, 2.1)
        threading.Event().wait(2.5)
        assert supply.is_on(1)


def test_off_is_tried_with_new_sessions_when_the_supply_was_away(tmp_path, until):
    fake = FakeSupply()
    server = FakeServer(fake)
    client = GuardClient.start(config(fake, timeout_s=0.5, blind_s=0.2, off_retry_s=20), tmp_path)
    client.apply("12v", 12.0, 2.1)
    server.close()
    until(lambda: "trip" in events(tmp_path))
    assert fake.is_on(1)
    server = FakeServer(fake, fake.port)
    until(fake.all_off)
    client.close()
    server.close()


# --- what happens to a client that is a process of its own ----------------------------------------------------


def test_a_client_killed_with_9_leaves_the_outputs_off(supply, child, tmp_path, until):
    one = child()
    assert supply.is_on(1, 3)
    one.process.kill()
    until(supply.all_off)
    until(lambda: gone(one.guardian))
    assert events(tmp_path)[-1] == "off_verified"


def test_a_client_that_fell_over_leaves_the_outputs_off(supply, child, until):
    one = child("raise")
    until(supply.all_off)
    until(lambda: gone(one.guardian))


def test_a_client_that_is_stopped_leaves_the_outputs_off(supply, child, tmp_path, until):
    one = child(heartbeat_s=1.0)
    assert supply.is_on(1, 3)
    one.process.send_signal(signal.SIGSTOP)
    until(supply.all_off)
    until(lambda: gone(one.guardian))
    assert "heartbeat lost" in (tmp_path / "guard.jsonl").read_text()


def test_a_client_killed_while_it_burned_firmware_alarms_and_keeps_the_power_until_the_time_is_up(
    supply, child, tmp_path, until
):
    one = child("burn", burn_max_s=1.0)
    one.process.kill()
    until(lambda: "alarm" in events(tmp_path))
    assert supply.is_on(1, 3)
    until(supply.all_off)
    until(lambda: gone(one.guardian))
    assert events(tmp_path)[-1] == "off_verified"


def test_over_current_after_a_client_was_killed_in_a_burn_still_cuts(supply, child, tmp_path, until):
    one = child("burn", burn_max_s=60.0)
    one.process.kill()
    until(lambda: "alarm" in events(tmp_path))
    assert supply.is_on(1, 3)
    supply.channels[3].load_a = 3.15
    until(supply.all_off)
    until(lambda: gone(one.guardian))
    assert "trip" in events(tmp_path)


def test_a_stopped_client_that_burns_and_comes_back_goes_on(supply, child, tmp_path, until):
    one = child("burn", heartbeat_s=1.0)
    one.process.send_signal(signal.SIGSTOP)
    until(lambda: "alarm" in events(tmp_path))
    one.process.send_signal(signal.SIGCONT)
    until(lambda: "client_back" in events(tmp_path))
    assert supply.is_on(1, 3)
    os.kill(one.guardian, signal.SIGTERM)
    supply.channels[3].load_a = 3.15


def test_closing_while_firmware_is_burned_is_refused_and_the_guard_stays(supply, tmp_path, until):
    client = GuardClient.start(config(supply, burn_max_s=1.0), tmp_path)
    client.apply("12v", 12.0, 2.1)
    client.burn(True)
    with pytest.raises(BenchError, match="stays on guard"):
        client.close()
    until(lambda: "alarm" in events(tmp_path))
    until(supply.all_off)
    until(lambda: gone(client.pid))


# --- what goes over the socket --------------------------------------------------------------------------------


def test_a_config_survives_the_way_to_the_process(supply):
    told = config(supply, dialect="DP832A", backend="@py", sample_s=0.2)
    assert GuardConfig.from_json(told.to_json()) == told


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"rails": 3}', '{"address": 1, "rails": {"a": {"x": 1}}}'])
def test_a_config_that_is_none_is_a_usage_error(text):
    with pytest.raises(UsageError):
        GuardConfig.from_json(text)


@pytest.mark.parametrize("more", [{"rails": {}}, {"heartbeat_s": 0}, {"over_samples": 0}, {"timeout_s": float("nan")}])
def test_a_config_that_guards_nothing_is_refused(supply, more):
    with pytest.raises(UsageError):
        config(supply, **more)


@pytest.mark.parametrize(("volts", "amperes"), [(0, 1), (1, 0), (float("nan"), 1), (1, float("inf"))])
def test_a_rail_without_ceilings_is_refused(volts, amperes):
    with pytest.raises(UsageError, match="ceilings must be above 0"):
        RailConfig(1, volts, amperes)


@pytest.mark.parametrize(
    "error",
    [
        errors.RigError("a"),
        UsageError("a"),
        ConfigError("f.yaml", None, "no"),
        ReplyError("psu", "V?", b"\xff", "look"),
        DeadlineError("psu", "x", 1.5, None),
        LinkDownError("psu", "x", "gone"),
        TripError("over"),
    ],
)
def test_every_error_keeps_class_and_text_on_the_way(error):
    again = wire.error_from(json.loads(json.dumps(wire.error_row(error))))
    assert (type(again), str(again)) == (type(error), str(error))


def test_an_error_class_nobody_knows_is_a_bench_error():
    again = wire.error_from({"class": "Path", "text": "x", "fields": {}})
    assert type(again) is BenchError
