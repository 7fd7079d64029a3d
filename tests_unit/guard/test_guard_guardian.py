"""The guardian's rules, without a process: ceilings, trips that stay, off that is verified."""

import json

import pytest
from guard_fake import SIGLENT_IDN, FakeServer, FakeSupply

from rig.errors import BenchError, ReplyError, TripError, UsageError
from rig.guard import bank, wire
from rig.guard.config import GuardConfig, RailConfig
from rig.guard.guardian import Guardian
from rig.guard.journal import Journal
from rig.guard.process import wall_clock
from rig.model import Accuracy, RailAccuracy, Sample

RAILS = {"12v": RailConfig(1, 12.6, 2.5), "3v3": RailConfig(3, 3.6, 3.0), "probe": RailConfig(2, 12.6, 0.1)}


class Elapsed:
    """Seconds that pass only when told to, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.wakes = lambda: None

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.wakes()


class Bench:
    """A guardian over a fake supply, and what it wrote."""

    def __init__(self, fake: FakeSupply, folder, **config: object) -> None:
        model = "SPD3303X-E" if "Siglent" in fake.idn else "DP832"
        told = GuardConfig(fake.address, model, **{"rails": RAILS, "timeout_s": 0.5, **config})
        self.fake, self.folder, self.time = fake, folder, Elapsed()
        now = wall_clock()
        self.journal = Journal(folder, now)
        self.supply = bank.opened(told, now)
        self.guardian = Guardian(told, self.supply, self.journal, self.time, self.time.sleep)

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.time.now_s += 1.0
            self.guardian.tick()

    def events(self) -> list[str]:
        lines = (self.folder / "guard.jsonl").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]


@pytest.fixture
def bench(supply, tmp_path):
    bench = Bench(supply, tmp_path)
    yield bench
    bench.journal.close()
    bench.supply.close()


def test_everything_that_was_left_on_goes_off_at_the_start(supply, bench):
    for channel in supply.channels.values():
        channel.on = True
    assert bench.guardian.start().model == "DP832"
    assert supply.all_off()
    assert bench.events() == ["started", "off_verified"]


def test_a_channel_that_had_tripped_by_itself_can_be_used_after_a_new_start(supply, bench):
    supply.channels[1].tripped = True
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    assert supply.is_on(1)


def test_a_rail_that_the_channel_cannot_carry_is_refused_at_the_start(supply, tmp_path):
    bench = Bench(supply, tmp_path, rails={"12v": RailConfig(3, 12.6, 2.5)})
    with pytest.raises(UsageError, match=r"12v: ceilings of 12.6 V.*channel 3"):
        bench.guardian.start()
    bench.supply.close()


@pytest.mark.parametrize(
    ("voltage_v", "limit_a"), [(12.61, 1.0), (12.0, 2.51), (float("nan"), 1.0), (12.0, float("inf"))]
)
def test_a_set_point_beyond_the_ceiling_is_refused_and_never_clipped(supply, bench, voltage_v, limit_a):
    bench.guardian.start()
    with pytest.raises(UsageError, match="ceilings"):
        bench.guardian.apply("12v", voltage_v, limit_a)
    assert supply.all_off() and supply.channels[1].voltage_v == 0


def test_a_rail_nobody_named_is_refused_with_those_there_are(bench):
    bench.guardian.start()
    with pytest.raises(UsageError, match=r"no rail '5v' \(it has: 12v, 3v3, probe\)"):
        bench.guardian.apply("5v", 5.0, 1.0)


def test_a_reading_has_the_rails_that_are_on_and_no_others(bench):
    bench.guardian.start()
    assert bench.guardian.read().rails == {}
    bench.guardian.apply("12v", 12.0, 2.1, 13.2)
    assert set(bench.guardian.read().rails) == {"12v"}


def test_samples_are_kept_and_rise_in_time(bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    bench.guardian.apply("3v3", 3.3, 2.0)
    bench.ticks(10)
    times = [s.time_s for s in bench.guardian.samples(0.0)]
    assert len(times) == 10
    assert times == sorted(set(times))
    assert [s.time_s for s in bench.guardian.samples(times[6])] == times[7:]


def test_more_samples_than_fit_one_answer_come_page_by_page(bench):
    many = [Sample(float(n), {}) for n in range(wire.PAGE + 5)]
    bench.guardian._sampler._ring.extend(many)
    first = bench.guardian.samples(-1.0)
    assert first == many[: wire.PAGE]
    assert bench.guardian.samples(first[-1].time_s) == many[wire.PAGE :]


def test_current_beyond_the_ceiling_for_some_samples_is_a_trip_of_all_rails(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    bench.guardian.apply("3v3", 3.3, 2.0)
    supply.channels[1].load_a = 2.6
    bench.ticks(2)
    assert supply.is_on(1, 3)
    bench.ticks(1)
    assert supply.all_off()
    assert "12v drew 2.600 A" in bench.guardian.tripped


def test_one_sample_beyond_the_ceiling_is_not_a_trip(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    for load_a in (2.6, 2.6, 0.3, 2.6, 2.6, 0.3):
        supply.channels[1].load_a = load_a
        bench.ticks(1)
    assert bench.guardian.tripped is None and supply.is_on(1)


def test_current_at_the_ceiling_within_the_error_of_the_readback_is_not_a_trip(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.5)
    supply.channels[1].load_a = 2.505
    bench.ticks(10)
    assert bench.guardian.tripped is None


def test_voltage_beyond_the_ceiling_is_a_trip(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    supply.channels[1].voltage_v = 13.0
    bench.ticks(3)
    assert supply.all_off() and "13.000 V" in bench.guardian.tripped


def test_after_a_trip_nothing_goes_on_again(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    supply.channels[1].load_a = 3.0
    bench.ticks(3)
    supply.channels[1].load_a = 0.1
    for ask in (lambda: bench.guardian.apply("3v3", 3.3, 1.0), bench.guardian.read, lambda: bench.guardian.burn(True)):
        with pytest.raises(TripError, match=r"12v drew 3.000 A.*opened anew"):
            ask()
    bench.guardian.off(None)
    assert supply.all_off()
    assert len(bench.guardian.samples(0.0)) == 3


def test_a_rail_that_the_supply_itself_cut_is_a_trip(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    bench.guardian.apply("3v3", 3.3, 2.0)
    supply.channels[1].on = False
    bench.ticks(1)
    assert "switched 12v off by itself" in bench.guardian.tripped
    assert supply.all_off()


def test_in_a_burn_a_rail_that_is_gone_is_an_alarm_and_the_others_stay(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    bench.guardian.apply("3v3", 3.3, 2.0)
    bench.guardian.burn(True)
    supply.channels[3].on = False
    bench.ticks(5)
    assert bench.guardian.tripped is None
    assert supply.channels[1].on
    supply.channels[1].load_a = 3.1
    bench.ticks(5)
    assert "12v drew" in bench.guardian.tripped
    assert supply.all_off()


def test_a_rail_that_charges_in_current_limit_is_not_taken_for_dead(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 0.5)
    supply.channels[1].load_a = 0.5
    supply.channels[1].voltage_v = 1.0
    bench.ticks(5)
    assert bench.guardian.tripped is None
    assert bench.guardian.samples(0.0)[-1].rails["12v"].limiting is True


def test_off_is_tried_on_every_channel_although_one_fails(supply, bench):
    bench.guardian.start()
    for rail, volts in (("12v", 12.0), ("3v3", 3.3), ("probe", 1.0)):
        bench.guardian.apply(rail, volts, 0.1)
    supply.fault("OUTP CH1,OFF", "silent")
    with pytest.raises(BenchError, match="may still be ON, switch the supply off by hand: 12v"):
        bench.guardian.off(None)
    assert supply.is_on(1) and not supply.is_on(2) and not supply.is_on(3)
    assert bench.events()[-1] == "off_not_verified"


def test_off_is_tried_again_until_it_is_verified(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 0.1)
    supply.fault(r"OUTP\? CH1", "garbage")
    bench.time.wakes = lambda: supply.fault(r"OUTP\? CH1", "garbage" if bench.time.now_s < 3 else None)
    bench.guardian.off(None)
    assert supply.all_off() and bench.time.now_s >= 3


def test_a_trip_whose_off_failed_is_tried_again_at_every_tick(supply, tmp_path):
    bench = Bench(supply, tmp_path, off_retry_s=0.2)
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    supply.channels[1].load_a = 3.0
    supply.fault("OUTP CH1,OFF", "silent")
    bench.ticks(3)
    assert supply.is_on(1) and bench.guardian.tripped
    supply.fault("OUTP CH1,OFF", None)
    bench.ticks(2)
    assert supply.all_off()
    bench.supply.close()


def test_a_setting_that_was_not_taken_leaves_the_rail_off(supply, bench):
    bench.guardian.start()
    supply.fault(r"SOUR1:VOLT\?", "=0.5")
    with pytest.raises(ReplyError, match="was not taken"):
        bench.guardian.apply("12v", 12.0, 2.1)
    assert supply.all_off()
    assert "on" not in bench.events()


def test_a_live_rail_whose_new_setting_was_not_taken_goes_off(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 0.5)
    supply.fault(r"SOUR1:CURR\?", "=0.5")
    with pytest.raises(ReplyError):
        bench.guardian.apply("12v", 12.0, 2.1)
    assert supply.all_off() and bench.guardian.read().rails == {}


def test_two_rails_on_one_channel_are_never_on_together(supply, tmp_path):
    bench = Bench(supply, tmp_path, rails={"12v": RailConfig(1, 12.6, 2.5), "probe": RailConfig(1, 12.6, 0.1)})
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    with pytest.raises(UsageError, match="is on as 12v"):
        bench.guardian.apply("probe", 0.3, 0.02)
    bench.guardian.off("12v")
    bench.guardian.apply("probe", 0.3, 0.02)
    assert set(bench.guardian.read().rails) == {"probe"}
    bench.supply.close()


def test_a_supply_that_gives_no_readings_is_cut_after_a_while(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    bench.ticks(1)
    supply.fault("MEAS", "garbage")
    bench.ticks(5)
    assert supply.is_on(1)
    bench.ticks(1)
    assert supply.all_off() and "no reading" in bench.guardian.tripped
    assert bench.events().count("no_reading") == 1


def test_readings_that_come_back_are_told_and_nothing_is_cut(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    supply.fault("MEAS", "garbage")
    bench.ticks(3)
    supply.fault("MEAS", None)
    bench.ticks(3)
    assert bench.guardian.tripped is None
    assert bench.events()[-3:] == ["no_reading", "gap", "readings_back"]


def test_while_firmware_is_burned_off_and_apply_are_refused_and_blindness_does_not_cut(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    bench.guardian.burn(True)
    for ask in (lambda: bench.guardian.off(None), lambda: bench.guardian.apply("12v", 12.0, 1.0)):
        with pytest.raises(BenchError, match=r"burn\(False\)"):
            ask()
    supply.fault("MEAS", "garbage")
    bench.ticks(60)
    assert supply.is_on(1)
    supply.fault("MEAS", None)
    bench.guardian.burn(False)
    bench.guardian.off(None)
    assert supply.all_off()


def test_a_burn_without_readings_is_one_alarm_until_they_are_back(supply, bench, capsys):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    bench.guardian.burn(True)
    for count in (1, 2):
        supply.fault("MEAS", "garbage")
        bench.ticks(5)
        assert bench.events().count("alarm") == count - 1
        bench.ticks(20)
        supply.fault("MEAS", None)
        bench.ticks(1)
        assert bench.events().count("alarm") == count
    assert supply.is_on(1)
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(" for ")[0] for line in told] == ["ALARM: no reading"] * 2


def test_over_current_cuts_even_while_firmware_is_burned(supply, bench):
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1)
    bench.guardian.burn(True)
    supply.channels[1].load_a = 3.1
    bench.ticks(3)
    assert supply.all_off() and not bench.guardian.burning


def test_a_supply_without_hardware_trip_is_tripped_by_its_samples(tmp_path):
    fake = FakeSupply(idn=SIGLENT_IDN)
    server = FakeServer(fake)
    bench = Bench(fake, tmp_path, rails={"12v": RailConfig(1, 12.6, 2.5)})
    bench.guardian.start()
    bench.guardian.apply("12v", 12.0, 2.1, 13.2, 1.0)
    fake.channels[1].load_a = 1.2
    bench.ticks(3)
    assert fake.all_off() and "12v drew 1.200 A" in bench.guardian.tripped
    bench.supply.close()
    server.close()


def test_accuracy_is_that_of_the_channel(bench):
    bench.guardian.start()
    assert bench.guardian.accuracy()["12v"] == RailAccuracy(Accuracy(0.05, 0.01), Accuracy(0.15, 0.005))


def test_samples_and_marks_are_on_disk_as_they_happen(bench, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    bench.guardian.start()
    bench.guardian.record(run / "power.jsonl")
    bench.guardian.apply("12v", 12.0, 2.1)
    marked_s = bench.guardian.mark("idle <b>\n")
    bench.ticks(2)
    rows = [json.loads(line) for line in (run / "power.jsonl").read_text().splitlines()]
    assert rows[0] == {"time_s": marked_s, "rails": {}, "mark": "idle <b>\n"}
    error = {"error_v": pytest.approx(0.016), "error_a": pytest.approx(0.005375)}
    assert rows[2]["rails"] == {"12v": {"voltage_v": 12.0, "current_a": 0.25, "limiting": False, **error}}
    assert (run / "guard.jsonl").read_text().count("\n") == 1
    bench.guardian.record(None)
    bench.ticks(2)
    assert len((run / "power.jsonl").read_text().splitlines()) == 3


def test_a_file_that_cannot_be_written_is_told_and_does_not_stop_the_guarding(supply, bench, tmp_path):
    bench.guardian.start()
    with pytest.raises(BenchError, match="cannot be written"):
        bench.guardian.record(tmp_path / "no" / "such" / "power.jsonl")
    full = tmp_path / "power.jsonl"
    full.symlink_to("/dev/full")
    bench.guardian.record(full)
    bench.guardian.apply("12v", 12.0, 2.1)
    supply.channels[1].load_a = 3.1
    bench.ticks(1)
    with pytest.raises(BenchError, match="No space left"):
        bench.guardian.mark("x")
    bench.ticks(2)
    assert supply.all_off()
    with pytest.raises(BenchError, match="No space left"):
        bench.guardian.record(None)
