"""The supply over its socket, with pyvisa as the client, in both dialects."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import pyvisa
from pyvisa.constants import VI_ERROR_TMO
from supply_client import ResistorBench
from twin_bench import Bench, bench_with, joint

from rig.twin.faults import Faults
from rig.twin.supply.dp800 import Dp800
from rig.twin.supply.instrument import Instrument
from rig.twin.supply.models import DP832, SPD3303X_E
from rig.twin.supply.scpi import Dialect, number, parse
from rig.twin.supply.server import SupplyServer
from rig.twin.supply.spd3303x import Spd3303x

PAUSE_S = SPD3303X_E.pause_s


@contextlib.contextmanager
def serving(dialect: Dialect, faults: Faults) -> Iterator[int]:
    """The server on a loop of its own; yields its port."""
    loop = asyncio.new_event_loop()
    server = SupplyServer(dialect, faults)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(listener), loop).result(5)
        yield listener.getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@contextlib.contextmanager
def session(port: int) -> Iterator[pyvisa.resources.MessageBasedResource]:
    manager = pyvisa.ResourceManager("@py")
    opened = manager.open_resource(
        f"TCPIP0::127.0.0.1::{port}::SOCKET", read_termination="\n", write_termination="\n", timeout=700
    )
    # the library's socket waits for ACKs before it sends a second small write
    wire = manager.visalib.sessions[opened.session].interface
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield opened
    finally:
        opened.close()


def no_faults(bench: Bench, *faults: dict[str, object]) -> Faults:
    from rig.config.twin import Fault

    return Faults([Fault.model_validate({"plug": "supply", **f}) for f in faults], bench.clock)


@pytest.fixture
def dp832(request: pytest.FixtureRequest) -> Iterator[tuple[Bench, pyvisa.resources.MessageBasedResource]]:
    bench = bench_with("TobleMiner-revC")
    with serving(Dp800(Instrument(DP832, bench.world), "DP8C1"), no_faults(bench)) as port, session(port) as visa:
        yield bench, visa


@pytest.fixture
def front() -> tuple[Bench, Dp800]:
    """The DP832's front end without a socket."""
    bench = bench_with("TobleMiner-revC")
    return bench, Dp800(Instrument(DP832, bench.world), "DP8C1")


@pytest.fixture
def plain() -> Dp800:
    """The same with resistors at its channels: enough for what only sets and asks."""
    return Dp800(Instrument(DP832, ResistorBench()), "DP8C1")


def error_of(front: Dialect) -> str:
    return front.line(":SYST:ERR?") or ""


def test_pyvisa_sets_and_measures_a_dp832(dp832):
    bench, visa = dp832
    assert visa.query("*IDN?") == "RIGOL TECHNOLOGIES,DP832,DP8C1,00.01.16"
    visa.write(":APPL CH1,12.000,2.100;:OUTP CH1,ON")
    assert visa.query(":OUTP? CH1") == "ON"
    bench.wait(1)
    volt, ampere, watt = map(float, visa.query(":MEAS:ALL? CH1").split(","))
    assert volt == pytest.approx(12.0, abs=0.02)
    assert 0.05 < ampere < 1
    assert watt == pytest.approx(volt * ampere, abs=0.01)
    assert visa.query(":SYST:ERR?") == '0,"No error"'


def test_several_clients_see_one_instrument(dp832):
    _, first = dp832
    port = int(first.resource_name.split("::")[2])
    with session(port) as second:
        first.write(":INST:NSEL 3")
        assert second.query(":INST:NSEL?") == "3"


def test_bytes_in_pieces_and_several_lines_at_once_are_answered_in_order(dp832):
    _, visa = dp832
    port = int(visa.resource_name.split("::")[2])
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        for piece in (b"*ID", b"N?\r\n:OUTP? CH1\n*O", b"PC?\n"):
            raw.sendall(piece)
            time.sleep(0.01)
        raw.settimeout(5)
        got = b""
        while got.count(b"\n") < 3:
            got += raw.recv(4096)
    assert got == b"RIGOL TECHNOLOGIES,DP832,DP8C1,00.01.16\nOFF\n1\n"


@pytest.mark.parametrize(
    "junk", [b"\xff\xfe\x00garbage\n", b"\n\n\n", b";;;:;\n", b":" * 3000 + b"\n", b"*IDN? " * 50 + b"\n"]
)
def test_junk_on_the_wire_breaks_nothing(dp832, junk):
    _, visa = dp832
    port = int(visa.resource_name.split("::")[2])
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(junk)
    assert visa.query("*IDN?").startswith("RIGOL")


def test_a_line_without_an_end_is_hung_up_on(dp832):
    _, visa = dp832
    port = int(visa.resource_name.split("::")[2])
    with socket.create_connection(("127.0.0.1", port), 5) as raw, contextlib.suppress(OSError):
        raw.settimeout(5)
        raw.sendall(b"x" * 100_000)
        assert raw.recv(10) == b""
    assert visa.query("*IDN?").startswith("RIGOL")


# --- DP832, command by command ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "query", "answer"),
    [
        ([":APPL CH1,5,0.1"], ":APPL? CH1", "CH1:30V/3A,5.000,0.100"),
        ([":APPL CH3,3.3,0.375"], ":APPL? CH3", "CH3:5V/3A,3.300,0.375"),
        ([":SOUR1:VOLT 12"], ":SOUR1:VOLT?", "12.000"),
        ([":SOURCE2:CURRENT:LEVEL:IMMEDIATE:AMPLITUDE 0.05"], ":SOUR2:CURR?", "0.050"),
        ([":INST:NSEL 2", ":VOLT 1.5", ":CURR 0.02"], ":APPL? CH2", "CH2:30V/3A,1.500,0.020"),
        ([":INST CH3"], ":INST:NSEL?", "3"),
        ([":INST:SEL CH2"], ":INST?", "CH2:30V/3A"),
        ([":INST:NSEL 2;:VOLT 7"], ":SOUR2:VOLT?", "7.000"),
        ([], ":SOUR3:VOLT? MAX", "5.000"),
        ([":OUTP:OVP:VAL CH1,13.2"], ":OUTP:OVP:VAL? CH1", "13.200"),
        ([":OUTP:OVP CH1,ON"], ":OUTP:OVP? CH1", "ON"),
        ([":OUTPUT:OVP:STATE CH1,ON"], ":OUTP:OVP:STAT? CH1", "ON"),
        ([":OUTP:OCP:VAL CH1,2.5", ":OUTP:OCP:STAT CH1,1"], ":OUTP:OCP? CH1", "ON"),
        ([":OUTP:OCP:VAL CH3,0.5"], ":OUTP:OCP:VAL? CH3", "0.5000"),
        ([":SOUR1:VOLT:PROT 20", ":SOUR1:VOLT:PROT:STAT ON"], ":OUTP:OVP:VAL? CH1;:OUTP:OVP? CH1", "20.000;ON"),
        ([], ":OUTP:OVP:QUES? CH1", "NO"),
        ([":OUTP CH1,ON", ":OUTP CH1,OFF"], ":OUTP? CH1", "OFF"),
        ([], ":OUTP:MODE? CH1", "UR"),
        ([], "*OPC?", "1"),
        ([":APPL CH1,5,1", "*RST"], ":APPL? CH1", "CH1:30V/3A,0.000,1.000"),
        ([], ":MEAS:VOLT? CH1;:MEAS:CURR? CH1", None),
    ],
)
def test_a_dp832_command_does_what_the_guide_says(plain, lines, query, answer):
    for line in lines:
        assert plain.line(line) is None
    got = plain.line(query)
    assert got == answer if answer else got.count(";") == 1
    assert error_of(plain) == '0,"No error"'


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (":APPL CH1,31,1", -222),
        (":APPL CH3,5.1,1", -222),
        (":SOUR1:CURR 3.5", -222),
        (":VOLT -1", -222),
        (":OUTP:OVP:VAL CH1,33.5", -222),
        (":OUTP:OCP:VAL CH1,0", -222),
        (":SOUR1:VOLT nan", -224),
        (":SOUR1:VOLT inf", -224),
        (":SOUR1:VOLT 1e999", -222),
        (":APPL CH4,1,1", -224),
        (":OUTP CH1,MAYBE", -224),
        (":OUTP", -109),
        (":VOLT", -109),
        (":FOO:BAR 1", -113),
    ],
)
def test_a_wrong_setting_is_an_entry_in_the_queue_and_changes_nothing(plain, line, code):
    before = [plain.line(f":APPL? CH{n}") for n in (1, 2, 3)]
    assert plain.line(line) is None
    assert error_of(plain).startswith(f"{code},")
    assert error_of(plain) == '0,"No error"'
    assert [plain.line(f":APPL? CH{n}") for n in (1, 2, 3)] == before


def test_ovp_trips_latches_and_needs_to_be_cleared(front):
    bench, dialect = front
    dialect.line(":OUTP:OVP:VAL CH1,5;:OUTP:OVP CH1,ON;:APPL CH1,6,2;:OUTP CH1,ON")
    bench.wait(0.5)
    assert dialect.line(":OUTP? CH1;:OUTP:OVP:QUES? CH1;:OUTP:OCP:QUES? CH1") == "OFF;YES;NO"
    dialect.line(":OUTP CH1,ON")
    assert error_of(dialect).startswith("-221")
    dialect.line(":OUTP:OVP:CLEAR CH1;:APPL CH1,4,2;:OUTP CH1,ON")
    assert dialect.line(":OUTP? CH1;:OUTP:OVP:QUES? CH1") == "ON;NO"


def test_ocp_trips_on_a_short(front):
    bench = bench_with("TobleMiner-revC", joints=[joint("A3", "A4", state="bridge")])
    dialect = Dp800(Instrument(DP832, bench.world), "DP8C1")
    dialect.line(":OUTP:OCP:VAL CH1,0.3;:OUTP:OCP CH1,ON;:APPL CH1,12,0.5;:OUTP CH1,ON")
    bench.wait(0.1)
    assert dialect.line(":OUTP? CH1;:OUTP:OCP:QUES? CH1") == "OFF;YES"


def test_the_mode_tells_constant_current(front):
    bench, dialect = front
    dialect.line(":APPL CH1,12,0.02;:OUTP CH1,ON")
    bench.wait(0.01)
    assert dialect.line(":OUTP:MODE? CH1") == "CC"
    dialect.line(":APPL CH1,12,2")
    bench.wait(1)
    assert dialect.line(":OUTP:CVCC? CH1") == "CV"


@pytest.mark.parametrize("seed", range(20))
def test_readback_errs_within_its_specification(seed):
    bench = bench_with("TobleMiner-revC", bare=True, joints=[joint("A3", "A4", state="bridge", ohm=12)], seed=seed)
    it = Instrument(DP832, bench.world)
    bench.world.connect("12V", "GND")
    it.apply(2, 12.0, 3.0)
    it.switch(2, True)
    bench.wait(1)
    truth = bench.world.output(2)
    volt, ampere, _ = it.measure(2)
    assert abs(volt - truth.voltage_v) <= 5e-4 * volt + 0.010
    assert abs(ampere - truth.current_a) <= 1.5e-3 * ampere + 0.005
    assert volt == round(volt, 3)


def test_an_instrument_keeps_its_error_and_another_has_its_own():
    def reading(seed: int) -> float:
        bench = bench_with("TobleMiner-revC", bare=True, seed=seed)
        it = Instrument(DP832, bench.world)
        it.apply(1, 30.0, 1.0)
        it.switch(1, True)
        bench.wait(0.1)
        return it.measure(1)[0]

    assert reading(1) == reading(1)
    assert len({reading(seed) for seed in range(5)}) > 1


# --- SPD3303X-E ---------------------------------------------------------------------------------------------------


@pytest.fixture
def spd() -> tuple[Bench, Spd3303x]:
    bench = Bench(psu={"model": "SPD3303X-E"})
    return bench, Spd3303x(Instrument(SPD3303X_E, bench.world), "SPD3X1", bench.clock)


def say(bench: Bench, dialect: Dialect, line: str) -> str | None:
    bench.wait(2 * PAUSE_S)
    return dialect.line(line)


def test_pyvisa_talks_to_an_spd3303x_that_gets_its_pauses():
    bench = Bench(psu={"model": "SPD3303X-E"})
    dialect = Spd3303x(Instrument(SPD3303X_E, bench.world), "SPD3X1", time.monotonic)
    with serving(dialect, no_faults(bench)) as port, session(port) as visa:
        time.sleep(2 * PAUSE_S)
        assert visa.query("*IDN?").startswith("Siglent Technologies,SPD3303X-E,SPD3X1,")
        for line in ("CH1:VOLT 12", "CH1:CURR 0.5", "OUTP CH1,ON"):
            time.sleep(2 * PAUSE_S)
            visa.write(line)
        time.sleep(2 * PAUSE_S)
        bench.wait(0.1)
        time.sleep(2 * PAUSE_S)
        assert float(visa.query("MEAS:VOLT? CH1")) == pytest.approx(12, abs=0.1)


def test_a_command_within_the_pause_is_lost(spd):
    bench, dialect = spd
    say(bench, dialect, "CH1:VOLT 5")
    dialect.line("CH1:VOLT 9")
    assert say(bench, dialect, "CH1:VOLT?") == "5.00"


def test_the_status_word_tells_mode_and_outputs(spd):
    bench, dialect = spd
    assert say(bench, dialect, "SYST:STAT?") == "0x4"
    for line in ("CH1:VOLT 12", "CH1:CURR 1", "OUTP CH1,ON", "OUTP CH2,ON"):
        say(bench, dialect, line)
    assert say(bench, dialect, "SYST:STAT?") == "0x34"
    say(bench, dialect, "OUTP CH1,OFF")
    assert say(bench, dialect, "SYST:STAT?") == "0x24"


def test_the_status_word_tells_current_limit():
    bench = Bench(psu={"model": "SPD3303X-E"}, adapters={"A-1": {"joints": [joint("A3", "A4", state="bridge")]}})
    from rig.model import AdapterUnit

    bench.world.insert(AdapterUnit("TobleMiner-revC", "A-1"), None, bare=True)
    bench.world.connect("12V", "GND")
    dialect = Spd3303x(Instrument(SPD3303X_E, bench.world), "S", bench.clock)
    for line in ("CH1:VOLT 1", "CH1:CURR 0.05", "OUTP CH1,ON"):
        say(bench, dialect, line)
    assert say(bench, dialect, "SYST:STAT?") == "0x15"
    assert float(say(bench, dialect, "MEAS:CURR? CH1") or "nan") == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    "line", ["CH1:VOLT 33", "CH1:CURR 3.3", "CH3:VOLT 3.3", "OUTP CH1", "FOO", "MEAS:VOLT? CH3", "CH1:VOLT x"]
)
def test_an_spd3303x_refuses_into_its_queue(spd, line):
    bench, dialect = spd
    assert say(bench, dialect, line) is None
    assert not (say(bench, dialect, "SYST:ERR?") or "").startswith("0 ")
    assert say(bench, dialect, "SYST:ERR?") == "0  No Error"


def test_channel_3_can_be_switched_and_not_read(spd):
    bench, dialect = spd
    assert say(bench, dialect, "OUTP CH3,ON") is None
    assert say(bench, dialect, "SYST:ERR?") == "0  No Error"


def test_the_channel_of_the_instrument_is_stateful(spd):
    bench, dialect = spd
    say(bench, dialect, "INST CH2")
    assert say(bench, dialect, "INST?") == "CH2"
    assert say(bench, dialect, "MEAS:VOLT?") is not None


# --- faults of the bench ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def faulty(**fault: object) -> Iterator[tuple[Bench, pyvisa.resources.MessageBasedResource]]:
    bench = bench_with("TobleMiner-revC")
    dialect = Dp800(Instrument(DP832, bench.world), "DP8C1")
    with serving(dialect, no_faults(bench, fault)) as port, session(port) as visa:
        yield bench, visa


def test_a_silent_supply_times_out():
    with faulty(kind="silent") as (_, visa), pytest.raises(pyvisa.VisaIOError) as told:
        visa.query("*IDN?")
    assert told.value.error_code == VI_ERROR_TMO


def test_a_supply_that_talks_garbage_does_not_decode():
    with faulty(kind="garbage") as (_, visa), pytest.raises(UnicodeDecodeError):
        visa.query("*IDN?")


def test_a_supply_of_another_model_says_so():
    with faulty(kind="wrong_model") as (_, visa):
        assert "E36312A" in visa.query("*IDN?")


def test_a_stuck_supply_answers_and_changes_nothing():
    with faulty(kind="stuck") as (_, visa):
        visa.write(":APPL CH1,12,1")
        assert visa.query(":APPL? CH1") == "CH1:30V/3A,0.000,1.000"


def test_a_dead_supply_hangs_up():
    bench = bench_with("TobleMiner-revC")
    dialect = Dp800(Instrument(DP832, bench.world), "DP8C1")
    faults = no_faults(bench, {"kind": "dead", "after_s": 5})
    with serving(dialect, faults) as port, socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.settimeout(5)
        raw.sendall(b"*IDN?\n")
        assert raw.recv(100).startswith(b"RIGOL")
        bench.clock.now_s += 6
        raw.sendall(b"*IDN?\n")
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(100) == b""


# --- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "header", "query", "args"),
    [
        (":MEASure:VOLTage? CH1", "MEAS:VOLT", True, ("CH1",)),
        ("outp ch1, on", "OUTP", False, ("ch1", "on")),
        ("*IDN?", "*IDN", True, ()),
        (":INSTrument:NSELect 2", "INST:NSEL", False, ("2",)),
    ],
)
def test_long_and_short_keywords_are_the_same_command(text, header, query, args):
    command = parse(text)
    assert command is not None
    assert (command.header, command.query, command.args) == (header, query, args)


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("+1.5", 1.5), ("1.2E-1", 0.12), ("12V", 12), ("0.5 A", 0.5), (".5", 0.5)]
)
def test_numbers_come_as_people_write_them(text, value):
    assert number(text) == pytest.approx(value)
