"""Several instruments under one guardian: one that fails or hangs does not hold up the others."""

import json
import threading
from dataclasses import dataclass, field

import pytest
from guard_fake import RIGOL_IDN, FakeServer, FakeSupply

from rig.errors import BenchError, ReplyError, TripError, UsageError
from rig.guard import bank
from rig.guard.config import GuardConfig, InstrumentConfig, MeterConfig, RailConfig
from rig.guard.guardian import Guardian
from rig.guard.journal import Journal
from rig.guard.process import wall_clock
from rig.model import Accuracy

OTHER_IDN = RIGOL_IDN.replace("0001,", "0002,")
RAILS = {"12v": RailConfig(1, 12.6, 2.5), "3v3": RailConfig(1, 3.6, 3.0, "second")}


@dataclass
class FakeMeter:
    """A WT310E at a wall socket."""

    values: str = "230.01E+00,0.2E+00,41.5E+00"
    idn: str = "YOKOGAWA,WT310E,C3VB00001E,F1.04"
    heard: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    sessions: int = 0
    port: int = 0

    @property
    def address(self) -> str:
        return f"TCPIP0::127.0.0.1::{self.port}::SOCKET"

    def answer(self, command: str) -> str | None:
        self.heard.append(command)
        ranges = {":INP:VOLT:RANG?": "300.0E+00", ":INP:CURR:RANG?": "1.0E+00"}
        return {"*IDN?": self.idn, ":NUM:NORM:VAL?": self.values, "POW?": "17.5", **ranges}.get(command)


class Bench:
    """A guardian over two one-channel supplies and a meter."""

    def __init__(self, folder, meter=None, **more):
        self.now_s, self.folder = 0.0, folder
        self.main, self.second, self.wall = FakeSupply(), FakeSupply(idn=OTHER_IDN), FakeMeter()
        self.servers = [FakeServer(fake) for fake in (self.main, self.second, self.wall)]
        second = InstrumentConfig(self.second.address, "DP832")
        told = MeterConfig(self.wall.address, "WT310E", {"wall": 1}) if meter is None else meter(self.wall.address)
        config = GuardConfig(
            self.main.address, "DP832", **{"rails": RAILS, "second": second, "meter": told, "timeout_s": 0.5, **more}
        )
        now = wall_clock()
        self.journal = Journal(folder, now)
        self.bank = bank.opened(config, now)
        self.guardian = Guardian(config, self.bank, self.journal, lambda: self.now_s, self.sleep)

    def sleep(self, seconds):
        self.now_s += seconds

    def both_on(self):
        self.guardian.start()
        self.guardian.apply("12v", 12.0, 2.1)
        self.guardian.apply("3v3", 3.3, 2.0)

    def ticks(self, count):
        for _ in range(count):
            self.now_s += 1.0
            self.guardian.tick()

    def events(self, name):
        rows = [json.loads(line) for line in (self.folder / "guard.jsonl").read_text().splitlines()]
        return [row for row in rows if row["event"] == name]


@pytest.fixture
def made(tmp_path):
    benches = []

    def make(**more):
        benches.append(Bench(tmp_path, **more))
        return benches[-1]

    yield make
    for one in benches:
        one.journal.close()
        one.bank.close()
        for server in one.servers:
            server.close()


@pytest.fixture
def bench(made):
    return made()


def test_two_one_channel_supplies_and_a_meter_are_one_sample(bench):
    bench.both_on()
    assert bench.main.is_on(1) and bench.second.is_on(1)
    bench.ticks(2)
    sample = bench.guardian.samples(0.0)[-1]
    assert [round(sample.rails[r].voltage_v, 1) for r in ("12v", "3v3", "wall")] == [12.0, 3.3, 230.0]
    assert sample.rails["wall"].watts == 41.5
    # 0.1 % of the reading and 0.05 % of 300 V times 1 A
    assert sample.rails["wall"].watts_error == pytest.approx(0.0415 + 0.15)
    assert bench.guardian.identities["second"].serial.endswith("0002")
    bench.guardian.off(None)
    assert bench.main.all_off() and bench.second.all_off()


def test_the_meter_is_sampled_without_an_output_only_while_samples_are_recorded(bench, tmp_path):
    bench.guardian.start()
    assert bench.guardian.wait_s() is None
    bench.guardian.record(tmp_path / "power.jsonl")
    bench.ticks(2)
    bench.guardian.record(None)
    bench.ticks(2)
    rows = [json.loads(line) for line in (tmp_path / "power.jsonl").read_text().splitlines()]
    assert [row["rails"]["wall"]["power_w"] for row in rows] == [41.5, 41.5]
    assert set(bench.guardian.read().rails) == {"wall"}


def test_off_reaches_the_other_supply_although_one_hangs(made):
    bench = made(timeout_s=0.2, off_retry_s=0.1)
    bench.both_on()
    bench.main.fault(".", "silent")
    with pytest.raises(BenchError, match=r"hand: 12v: .*waited 0.2 s") as caught:
        bench.guardian.off(None)
    assert bench.second.all_off() and bench.main.is_on(1)
    assert bench.main.address in str(caught.value) and "3v3" not in str(caught.value)


def test_a_supply_that_hangs_is_left_out_of_the_samples_and_then_both_are_cut(bench):
    bench.both_on()
    bench.ticks(2)
    bench.second.fault("MEAS", "silent")
    bench.ticks(2)
    assert set(bench.guardian.samples(0.0)[-1].rails) == {"12v", "wall"}
    assert [row["instrument"] for row in bench.events("no_reading")] == ["second"]
    assert bench.guardian.tripped is None
    bench.ticks(5)
    assert bench.second.address in bench.guardian.tripped
    assert bench.main.all_off() and bench.second.all_off()


def test_over_current_on_one_is_seen_while_the_other_hangs(bench):
    bench.both_on()
    bench.ticks(1)
    bench.second.fault("MEAS", "silent")
    bench.main.channels[1].load_a = 2.9
    bench.ticks(3)
    assert "12v drew 2.900 A" in bench.guardian.tripped
    assert bench.main.all_off() and bench.second.all_off()


def test_a_meter_that_fails_cuts_nothing_and_its_gap_is_marked(bench, tmp_path):
    bench.both_on()
    bench.guardian.record(tmp_path / "power.jsonl")
    bench.ticks(1)
    bench.wall.faults["VAL"] = "garbage"
    bench.ticks(20)
    assert bench.guardian.tripped is None
    bench.wall.faults.clear()
    bench.ticks(2)
    rows = [json.loads(line) for line in (tmp_path / "power.jsonl").read_text().splitlines()]
    assert [("gap_s" in row, "wall" in row["rails"]) for row in rows[-3:]] == [
        (False, False), (True, True), (False, True),
    ]  # fmt: skip
    (gap,) = bench.events("gap")
    assert gap["instrument"] == "meter" and gap["gap_s"] == rows[-2]["gap_s"] > 0


def test_a_session_that_was_lost_leaves_a_gap_as_long_as_nobody_measured(bench):
    bench.both_on()
    bench.ticks(2)
    before = bench.guardian.samples(0.0)[-1]
    bench.main.fault("MEAS", "close")
    bench.ticks(2)
    bench.main.fault("MEAS", None)
    bench.ticks(2)
    samples = bench.guardian.samples(0.0)
    (after,) = [s for s in samples if s.gap_s]
    assert after.gap_s == pytest.approx(after.time_s - before.time_s, abs=1e-5)
    assert all("12v" not in s.rails for s in samples if before.time_s < s.time_s < after.time_s)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("silent", "the reply to ':MEAS:ALL? CH1'"),
        ("garbage", "':MEAS:ALL? CH1', got"),
        ("=SPD3303X-E,OK", "':MEAS:ALL? CH1', got 'SPD3303X-E,OK'"),
        ("=0.000,0.000,0.000", "'0.000 V twice'"),
        ("close", "closed the connection"),
    ],
)
def test_readings_that_are_none_end_with_outputs_off_and_name_instrument_and_command(made, fault, said):
    bench = made(timeout_s=0.2, blind_s=3.0)
    bench.both_on()
    bench.ticks(1)
    bench.main.fault("MEAS", fault)
    done = threading.Event()
    for _ in range(40):
        bench.ticks(1)
        if bench.guardian.tripped is not None:
            break
        done.wait(0.02)
    assert bench.main.all_off() and bench.second.all_off()
    assert said in bench.guardian.tripped and bench.main.address in bench.guardian.tripped
    with pytest.raises(TripError):
        bench.guardian.read()


def test_another_instrument_at_the_address_is_not_read_and_the_others_are_cut(made):
    bench = made(blind_s=3.0)
    bench.both_on()
    bench.ticks(1)
    bench.main.fault("MEAS", "close")
    bench.main.idn = RIGOL_IDN.replace("0001,", "0666,")
    bench.ticks(1)
    bench.main.fault("MEAS", None)
    bench.ticks(4)
    assert "another instrument: DP832 with serial DP8C000000001 answered before" in bench.guardian.tripped
    assert bench.second.all_off()


def test_a_supply_that_was_switched_off_in_between_is_told_by_its_name(bench):
    bench.both_on()
    bench.ticks(1)
    with bench.second.lock:
        bench.second.channels[1].on = False
    bench.ticks(1)
    assert bench.second.address in bench.guardian.tripped
    assert "switched 3v3 off by itself" in bench.guardian.tripped
    assert bench.main.all_off()


def test_a_meter_with_questions_of_its_own_and_an_accuracy(made):
    def asked(address):
        return MeterConfig(address, "WT310E", {"wall": 1}, power_query="POW?", accuracy=Accuracy(1.0, 0.5))

    bench = made(meter=asked)
    bench.guardian.start()
    wall = bench.guardian.read().rails["wall"]
    assert (wall.watts, wall.watts_error, wall.voltage_v) == (17.5, pytest.approx(0.675), 0.0)


def test_a_meter_that_shows_no_watts_is_refused(made):
    with pytest.raises(UsageError, match=r"WT310.*`power_query`; a multimeter .* cannot tell watts"):
        made(meter=lambda address: MeterConfig(address, "34461A", {"wall": 1}))


def test_a_meter_over_its_range_is_an_error_and_no_reading(bench):
    bench.guardian.start()
    bench.wall.values = "230.01E+00,INF,NAN"
    with pytest.raises(ReplyError, match=r"WT310E at .*NAN.*over its range"):
        bench.guardian.read()


def test_what_cannot_be_one_bench_is_refused():
    second = InstrumentConfig("B", "DP832")
    for more, said in (
        ({"rails": RAILS}, "no second supply"),
        ({"rails": {"12v": RAILS["12v"]}, "second": second}, "second supply has no rails"),
        ({"rails": {"3v3": RAILS["3v3"]}, "second": second}, "main supply has no rails"),
        ({"rails": RAILS, "second": InstrumentConfig("A", "DP832")}, "two instruments"),
        ({"rails": {"12v": RAILS["12v"]}, "meter": MeterConfig("C", "WT310E", {"12v": 1})}, "of the meter"),
    ):
        with pytest.raises(UsageError, match=said):
            GuardConfig("A", "DP832", **more)


def test_a_bench_of_several_instruments_survives_the_way_to_the_process():
    meter = MeterConfig("C", "X", {"wall": 1}, power_query="P?", accuracy=Accuracy(0.1, 0.2))
    told = GuardConfig("A", "DP832", RAILS, second=InstrumentConfig("B", "DP832"), meter=meter)
    again = GuardConfig.from_json(told.to_json())
    assert again == told
    assert again.differences(GuardConfig("A", "DP832", RAILS, second=InstrumentConfig("D", "DP832"))) == [
        "second supply: B here, D there", "meter: C here, none there",
    ]  # fmt: skip
