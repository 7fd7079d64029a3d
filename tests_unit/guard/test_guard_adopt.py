"""A guardian that lost its client in a burn: the next run takes it over, and the power never went off."""

import json
import os
import re
import signal
import socket
import stat
import threading
from pathlib import Path

import pytest
from guard_child import RAILS, config, events, gone
from guard_fake import RIGOL_IDN

from rig.errors import BenchError, LinkDownError, TripError, UsageError
from rig.guard import wire
from rig.guard.client import GuardClient, GuardConfig, RailConfig
from rig.model import Accuracy

ANOTHER = "another run is using this guardian"


@pytest.fixture
def sock(tmp_path):
    return tmp_path / "s"


@pytest.fixture
def second(tmp_path):
    return tmp_path / "second"


@pytest.fixture
def orphan(supply, child, sock, tmp_path, until):
    """A guardian whose client was killed with -9 in a burn; both rails are on."""
    one = child("burn", sock, burn_max_s=60.0)
    one.process.kill()
    until(lambda: "alarm" in events(tmp_path))
    assert supply.is_on(1, 3)
    return one


def switched_off(supply, since: int = 0) -> list[str]:
    """What the supply itself heard of off."""
    return [c for c in supply.heard[since:] if c.endswith("OFF") and c.startswith(":OUTP CH")]


def adopted(supply, sock: Path, folder: Path, **more: object) -> GuardClient:
    client = GuardClient.adopt(sock, config(supply, **more), folder)
    assert client is not None
    return client


def call(sock: Path, data: bytes) -> bytes:
    """What a stranger with these bytes is answered, until the guardian hangs up on it."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(sock))
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            return s.recv(1 << 16)
        except OSError:
            return b""


def test_a_burn_whose_client_was_killed_is_taken_over_by_another_process_and_the_power_never_went_off(
    supply, child, sock, second, tmp_path, until
):
    one = child("burn", sock)
    before = len(supply.heard)
    one.process.kill()
    until(lambda: "alarm" in events(tmp_path))
    client = adopted(supply, sock, second)
    assert client.pid == one.guardian
    with pytest.raises(BenchError, match=r"burn\(False\)"):
        client.off()
    assert switched_off(supply, before) == []
    assert supply.heard[before:].count("*IDN?") == 0 and supply.sessions == 1
    client.burn(False)
    assert supply.is_on(1, 3)
    client.off("3v3")
    assert supply.is_on(1) and not supply.is_on(3)
    client.close()
    assert supply.all_off()
    until(lambda: gone(one.guardian))
    assert not sock.exists()
    assert events(tmp_path)[-5:-1] == ["burn", "off_verified", "off_verified", "ending"]
    assert events(second) == events(tmp_path)[events(tmp_path).index("client_adopted") :]


def test_an_adopted_guardian_answers_all_that_a_step_asks(supply, orphan, sock, second, tmp_path, until):
    with adopted(supply, sock, second) as client:
        assert client.identity().raw == RIGOL_IDN
        assert client.read()["12v"].current_a == 0.25
        assert client.samples()[-1].rails["3v3"].voltage_v == 3.3
        client.record(second / "power.jsonl")
        since_s = client.mark("recovery check")
        until(lambda: len(client.samples(since_s)) >= 2)
        assert client.tripped() is None
        assert client.accuracy()["12v"].current == Accuracy(0.15, 0.005)
        client.burn(False)
        client.record(None)
        client.off()
        client.apply("12v", 11.5, 2.1)
        assert supply.channels[1].voltage_v == 11.5
    rows = [json.loads(line) for line in (second / "power.jsonl").read_text().splitlines()]
    assert rows[0]["mark"] == "recovery check" and rows[-1]["rails"]["12v"]["voltage_v"] == 12.0
    assert supply.all_off()


def test_the_adopter_keeps_the_guardian_alive_at_the_guardians_own_pace(supply, child, sock, second, tmp_path, until):
    one = child("burn", sock, heartbeat_s=1.0)
    one.process.kill()
    until(lambda: "alarm" in events(tmp_path))
    with adopted(supply, sock, second, heartbeat_s=60.0) as client:
        client.burn(False)
        threading.Event().wait(1.5)
        assert supply.is_on(1, 3)


@pytest.mark.parametrize("what", ["nothing", "a dead socket", "a file", "no folder"])
def test_where_nobody_is_nobody_is_adopted(supply, tmp_path, what):
    path = tmp_path / "s" / "s" if what == "no folder" else tmp_path / "s"
    if what == "a file":
        path.write_text("")
    if what == "a dead socket":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    assert GuardClient.adopt(path, config(supply), tmp_path) is None
    assert supply.heard == []


def test_while_the_first_client_lives_a_second_is_refused(supply, sock, second, tmp_path):
    first = GuardClient.start(config(supply), tmp_path)
    first.apply("12v", 12.0, 2.1)
    assert not sock.exists()
    first.burn(True, sock)
    for _ in range(3):
        with pytest.raises(BenchError, match=ANOTHER):
            GuardClient.adopt(sock, config(supply), second)
    assert first.read()["12v"].voltage_v == 12.0
    first.burn(False)
    assert not sock.exists()
    assert GuardClient.adopt(sock, config(supply), second) is None
    first.close()
    assert "client_adopted" not in events(tmp_path)


def test_a_first_client_that_was_only_stopped_does_not_get_its_guardian_back(
    supply, child, sock, second, tmp_path, until
):
    one = child("burn", sock, heartbeat_s=1.0)
    one.process.send_signal(signal.SIGSTOP)
    until(lambda: "alarm" in events(tmp_path))
    with adopted(supply, sock, second) as client:
        one.process.send_signal(signal.SIGCONT)
        assert client.read().keys() == {"12v", "3v3"}
        with pytest.raises(BenchError, match=ANOTHER):
            GuardClient.adopt(sock, config(supply), second)
        assert "client_back" not in events(tmp_path)
        client.burn(False)
    assert supply.all_off()


def test_a_second_kill_is_survived_as_the_first(supply, orphan, child, sock, second, tmp_path, until):
    before = len(supply.heard)
    two = child("adopt", sock, second)
    assert two.guardian == orphan.guardian
    two.process.kill()
    until(lambda: events(second).count("alarm") == 1)
    assert switched_off(supply, before) == []
    with adopted(supply, sock, tmp_path / "third") as client:
        client.burn(False)
        client.off()
    assert events(tmp_path).count("client_adopted") == 2
    assert supply.all_off() and not sock.exists()


def test_closing_an_adopted_guardian_that_burns_is_refused_and_it_can_be_adopted_again(
    supply, orphan, sock, second, until
):
    client = adopted(supply, sock, second)
    with pytest.raises(BenchError, match="stays on guard"):
        client.close()
    until(lambda: "alarm" in events(second))
    assert supply.is_on(1, 3)
    with adopted(supply, sock, second) as client:
        client.burn(False)
    assert supply.all_off()


DEEP = b"[" * 60_000
HUGE = b"x" * 100_000
RAIL = {"channel": 1, "max_voltage_v": 12.6, "max_current_a": 2.5}


def asked(args: object, do: object = "adopt") -> bytes:
    return json.dumps({"id": 1, "do": do, "args": args}).encode() + b"\n"


HOSTILE = [
    (b"", b""),
    (b"\n", b""),
    (b"\xff\xfe\x00\x1b[2J\n", b""),
    (b'{"do": "adopt", "args"', b""),
    (b"[1, 2]\n", b""),
    (DEEP + b"\n", b""),
    (HUGE, b""),
    (HUGE + b"\n", b""),
    (b"9" * 5000 + b"\n", b""),
    (b'{"id": NaN}\n', b"UsageError"),
    (b"{}\n" * 1000, b"UsageError"),
    (asked({}, "off"), b"UsageError"),
    (asked({}, "close"), b"UsageError"),
    (asked({"on": False}, "burn"), b"UsageError"),
    (asked("x"), b"UsageError"),
    (asked({"config": 3, "log_dir": "/"}), b"UsageError"),
    (asked({"config": "{}", "log_dir": "/"}), b"UsageError"),
    (asked({"config": '{"rails":' + "[" * 20_000, "log_dir": "/"}), b"UsageError"),
]


def test_an_orphan_is_impressed_by_no_bytes_and_still_adopted(supply, orphan, sock, second, tmp_path):
    for data, answer in HOSTILE:
        got = call(sock, data)
        assert answer in got if answer else got == b"", data[:40]
    for log_dir in (3, None, "\0", "/x" * 3000, str(tmp_path / "none"), "/dev/null", "\ud800", "x" * 300):
        assert b"UsageError" in call(sock, asked({"config": config(supply).to_json(), "log_dir": log_dir})), log_dir
    assert "client_adopted" not in events(tmp_path)
    quiet = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    for s in quiet:
        s.connect(str(sock))
    with adopted(supply, sock, second) as client:
        assert client.read().keys() == {"12v", "3v3"}
        client.burn(False)
    for s in quiet:
        s.close()


def test_bytes_of_strangers_do_not_disturb_a_client_that_lives(supply, sock, tmp_path):
    with GuardClient.start(config(supply), tmp_path) as client:
        client.apply("12v", 12.0, 2.1)
        client.burn(True, sock)
        for data, _ in HOSTILE:
            call(sock, data)
        assert client.read()["12v"].voltage_v == 12.0
        client.burn(False)


NONSENSE = [b"\x00\xff{{{\n", b"[]\n", b"{}\n", asked(None, "samples"), asked({"label": 1, "x": 2}, "mark"),
            asked({"path": "\0"}, "record"), b'{"do": "off"}\n']  # fmt: skip


def test_nonsense_from_an_adopter_is_a_lost_client_and_not_the_end_of_the_burn(supply, orphan, sock, tmp_path, until):
    before = len(supply.heard)
    for data in NONSENSE:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(sock))
            s.sendall(asked({"config": config(supply).to_json(), "log_dir": str(tmp_path)}))
            assert b'"ok"' in s.recv(1 << 16)
            s.sendall(data)
            while s.recv(1 << 16):
                pass
    assert events(tmp_path).count("client_adopted") == len(NONSENSE)
    assert switched_off(supply, before) == []
    assert supply.is_on(1, 3)


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"model": "DP831"}, r"model: DP832 here, DP831 there$"),
        ({"address": "TCPIP0::10.0.0.9::5555::SOCKET"}, r"address: .*10\.0\.0\.9"),
        ({"rails": {"12v": RAILS["12v"]}}, r"rail 3v3: channel 3 up to 3.6 V and 3.0 A here, none there$"),
        ({"rails": {**RAILS, "probe": RailConfig(2, 1.0, 0.1)}}, r"rail probe: none here, channel 2"),
        ({"rails": {**RAILS, "12v": RailConfig(1, 12.6, 2.4)}}, r"12v: .* 2.5 A here, .* 2.4 A there$"),
        ({"rails": {**RAILS, "12v": RailConfig(2, 12.6, 2.5)}}, r"12v: channel 1 .*, channel 2 "),
    ],
)
def test_another_bench_is_refused_by_what_differs(supply, more, names):
    told = config(supply)
    assert told.differences(config(supply, heartbeat_s=3.0, burn_max_s=9.0)) == []
    wrong = GuardConfig(**{"address": told.address, "model": told.model, "rails": told.rails, **more})
    assert re.search(names, "; ".join(told.differences(wrong)))


def test_a_run_of_another_bench_is_refused_and_the_orphan_goes_on(supply, orphan, sock, second, tmp_path):
    wrong = config(supply, rails={"12v": RailConfig(1, 12.6, 2.4)})
    with pytest.raises(UsageError, match=r"another bench: rail 12v: .* 2.5 A here.* 2.4 A there; rail 3v3"):
        GuardClient.adopt(sock, wrong, second)
    assert supply.is_on(1, 3)
    assert "client_adopted" not in events(tmp_path)
    with adopted(supply, sock, second) as client:
        client.burn(False)


def test_an_orphan_that_nobody_takes_switches_off_when_its_time_is_up_and_is_found_no_more(
    supply, child, sock, tmp_path, until
):
    one = child("burn", sock, burn_max_s=1.0)
    one.process.kill()
    until(lambda: "alarm" in events(tmp_path))
    assert supply.is_on(1, 3) and sock.exists()
    until(supply.all_off)
    until(lambda: gone(one.guardian))
    assert events(tmp_path)[-1] == "off_verified"
    assert not sock.exists()
    alarms = [x for x in (tmp_path / "guard.log").read_text().splitlines() if x.startswith("ALARM: ")]
    assert len(alarms) == 1 and "outputs stay on" in alarms[0]


def test_over_current_cuts_an_adopted_burn_at_once_and_the_adopter_is_told(supply, orphan, sock, second, until):
    client = adopted(supply, sock, second)
    supply.channels[3].load_a = 3.15
    until(supply.all_off)
    until(lambda: client.tripped() is not None)
    assert "3v3 drew 3.150 A" in client.tripped()
    with pytest.raises(TripError):
        client.read()
    assert "trip" in events(second)
    client.close()
    until(lambda: gone(orphan.guardian))
    assert not sock.exists()


def test_an_orphan_that_tripped_waits_switched_off_to_tell_its_adopter(supply, orphan, sock, second, tmp_path, until):
    supply.channels[3].load_a = 3.15
    until(lambda: "trip" in events(tmp_path))
    until(supply.all_off)
    client = adopted(supply, sock, second)
    assert "3v3 drew 3.150 A" in client.tripped()
    with pytest.raises(TripError):
        client.apply("12v", 12.0, 2.1)
    client.close()
    until(lambda: gone(orphan.guardian))


def test_an_orphan_that_tripped_leaves_alone_what_another_run_has_switched_on_since(
    supply, child, sock, tmp_path, until
):
    one = child("burn", sock, burn_max_s=2.0)
    supply.channels[3].load_a = 3.15
    until(lambda: "trip" in events(tmp_path))
    until(lambda: events(tmp_path)[-1] == "off_verified")
    one.process.kill()
    supply.channels[1].on = True
    until(lambda: gone(one.guardian))
    assert supply.is_on(1)
    assert events(tmp_path)[-2:] == ["alarm", "ending"]


def test_an_orphan_that_tripped_ends_at_once_when_it_is_told_to(supply, orphan, sock, tmp_path, until):
    supply.channels[3].load_a = 3.15
    until(lambda: "trip" in events(tmp_path))
    os.kill(orphan.guardian, signal.SIGTERM)
    until(lambda: gone(orphan.guardian))
    assert supply.all_off() and not sock.exists()


def test_an_adopted_guardian_that_is_gone_is_told_at_the_next_call(supply, orphan, sock, second, until):
    client = adopted(supply, sock, second)
    os.kill(orphan.guardian, signal.SIGKILL)
    until(lambda: gone(orphan.guardian))
    with pytest.raises(LinkDownError, match="guardian is gone"):
        client.read()
    with pytest.raises(LinkDownError):
        client.close()
    assert GuardClient.adopt(sock, config(supply), second) is None


def test_an_adopted_guardian_that_was_told_to_end_after_the_burn_is_well_ended(supply, orphan, sock, second, until):
    client = adopted(supply, sock, second)
    client.burn(False)
    os.kill(orphan.guardian, signal.SIGTERM)
    until(supply.all_off)
    with pytest.raises(TripError, match=r"SIGTERM.*verified off"):
        client.read()
    client.close()


def test_the_socket_is_for_its_user_alone(supply, sock, tmp_path):
    with GuardClient.start(config(supply), tmp_path) as client:
        client.burn(True, sock)
        assert stat.S_IMODE(sock.stat().st_mode) == 0o600
        client.burn(True, sock)
        assert sock.exists()
        client.burn(False)


def test_a_burn_that_could_not_be_found_again_does_not_begin(supply, tmp_path):
    with GuardClient.start(config(supply), tmp_path) as client:
        client.apply("12v", 12.0, 2.1)
        with pytest.raises(BenchError, match="could not be found there after a kill"):
            client.burn(True, tmp_path / "none" / "s")
        client.off()
        assert supply.all_off()


def test_rows_that_are_none_end_a_conversation():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for data in (b"nonsense\n", b"3\n", b"\xff\n", b"null\n"):
            theirs.sendall(data)
            assert wire.Lines(ours).receive() is None
        lines = wire.Lines(ours, 10)
        theirs.sendall(b'{"a": 1}\n{"a"')
        assert lines.receive() == [{"a": 1}]
        theirs.sendall(b" " * 10)
        assert lines.receive() is None
