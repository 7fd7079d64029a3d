"""`rig supply`: by hand, under the guardian; nothing stays on."""

import os
import signal
import subprocess
import sys
import time

import pytest
from bench_fakes import Dp832
from click.testing import CliRunner

from rig.cli import rig
from rig.config.library import project_root

VIRTUAL = project_root() / "configs" / "benches" / "virtual.yaml"


@pytest.fixture
def instrument():
    with Dp832() as one:
        yield one


@pytest.fixture
def bench(instrument, tmp_path):
    """The virtual bench with a supply that is there, and no twin."""
    text = VIRTUAL.read_text().replace("TCPIP0::127.0.0.1::18403::SOCKET", instrument.address)
    path = tmp_path / "bench.yaml"
    path.write_text(text.replace("twin: ../twins/good.yaml", "virtual: true"))
    return path


def call(*arguments):
    result = CliRunner().invoke(rig, ["supply", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_show_tells_who_it_is_and_what_is_on_and_switches_nothing(bench, instrument):
    instrument.on["CH1"] = True
    code, out, err = call("show", "--bench", bench)
    assert (code, err) == (0, "")
    first, on, off, _ = out.splitlines()
    assert first == f"main: RIGOL TECHNOLOGIES DP832, serial DP8A0001, firmware 00.01.14, at {instrument.address}"
    assert "12v: main, channel 1, 0 to 32 V, up to 3.2 A (ceilings 12.6 V, 2.5 A)" in on
    assert "readback 0.05 % + 0.01 V" in on and ": 12.000 V, 0.5000 A, 6.000 W (error up to" in on
    assert off.endswith(": off")
    assert instrument.on["CH1"]


def test_set_holds_for_as_long_as_asked_and_then_all_is_off(bench, instrument):
    code, out, err = call("set", "12v", 12, 1, "--for", 0.2, "--bench", bench)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("12v: 12.000 V, 0.5000 A")
    assert out.splitlines()[-1] == "all outputs off, verified"
    assert instrument.on["CH1"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("12v", 13, 1), "its ceilings are 12.6 V, 2.5 A"),
        (("5v", 5, 1), "no rail '5v' (it has: 12v, 3v3, probe)"),
        (("12v", 12, 1, "--for", 0), "--for 0: expected seconds above 0"),
    ],
)
def test_what_cannot_be_set_is_one_sentence_and_exit_2(bench, instrument, arguments, said):
    code, _, err = call("set", *arguments, "--bench", bench)
    assert code == 2 and err.startswith("rig: ") and said in err
    assert not any(instrument.on.values())


def test_ctrl_c_while_it_holds_is_off_and_exit_130(bench, instrument):
    argv = [sys.executable, "-m", "rig", "supply", "set", "12v", "12", "1", "--bench", str(bench)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("12v: 12.000 V")
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "rig: cancelled\n")
    assert "all outputs off, verified" in out
    assert instrument.on["CH1"] is False


def test_a_death_while_it_holds_is_off_too(bench, instrument):
    argv = [sys.executable, "-m", "rig", "supply", "set", "12v", "12", "1", "--bench", str(bench)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert instrument.on["CH1"] is True
        process.kill()
    deadline_s = time.monotonic() + 20
    while instrument.on["CH1"] and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert instrument.on["CH1"] is False


def test_off_switches_off_whatever_was_on(bench, instrument):
    instrument.on["CH2"] = True
    assert call("off", "--bench", bench) == (0, "all outputs off, verified\n", "")
    assert instrument.on["CH2"] is False


def test_scan_tells_who_answers_and_which_row_fits(bench, instrument):
    code, out, _ = call("scan", "--bench", bench)
    assert code == 0
    assert out == (f"{instrument.address}: RIGOL TECHNOLOGIES DP832, serial DP8A0001, firmware 00.01.14; row DP832\n")


def test_scan_of_somebody_nobody_knows_and_of_nobody():
    with Dp832(model="XP9000") as stranger:
        code, out, _ = call("scan", stranger.address)
    assert code == 0 and "XP9000" in out and "no row fits: name one that speaks alike" in out
    code, out, err = call("scan", stranger.address)
    assert (code, err) == (3, "") and "refused" in out
