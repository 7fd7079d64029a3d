"""One suite for every dialect of the table: the same acts, the same facts, the same refusals."""

from __future__ import annotations

import itertools

import pytest
from guard_dialect_fakes import CASES, Case, FakeLink

from rig.errors import BenchError, DeadlineError, ReplyError, UsageError
from rig.guard import dialects
from rig.guard.config import GuardConfig, RailConfig
from rig.guard.supply import SetPoint, Supply

POINT = SetPoint(5.0, 0.5, ovp_v=5.6)


class Spoken:
    """A box, and the rig's supply over it."""

    def __init__(self, case: Case) -> None:
        self.case, self.box = case, case.box()
        self.link = FakeLink(self.box)
        clock = itertools.count(100.0, 0.5)
        self.supply = Supply(self.link, dialects.find(case.model), lambda: next(clock))
        self.config = GuardConfig("in memory", case.model, {"12v": RailConfig(1, 5.5, 0.6)})

    def start(self, number: int = 1, point: SetPoint = POINT) -> None:
        self.supply.set(number, point)
        self.supply.on(number)

    @property
    def others(self) -> list[int]:
        return [n for n in self.supply._asking.model.channels if n != 1]


@pytest.fixture(params=CASES, ids=lambda case: case.model)
def spoken(request) -> Spoken:
    return Spoken(request.param)


def test_it_says_who_it_is_and_gets_its_own_row(spoken):
    spoken.box.errors += ["100"] if "EER" in str(spoken.supply._say.error) else ['-222,"Data out of range"']
    found = spoken.supply.identify(spoken.config)
    assert found.model == spoken.case.model
    if spoken.supply._say.error is not None:
        assert spoken.box.errors == []


def test_a_set_point_arrives_is_read_back_and_switches_nothing(spoken):
    spoken.supply.set(1, POINT)
    channel = spoken.box.channels[1]
    assert (channel.volts, channel.limit) == (5.0, 0.5)
    assert not any(spoken.box.live(n) for n in spoken.box.channels)
    if spoken.supply._say.protection.ovp is not None:
        assert channel.ovp == 5.6
    assert channel.ocp_on is False


def test_on_and_off_are_asked_back(spoken):
    assert spoken.supply.is_on(1) is False
    spoken.start()
    assert spoken.box.live(1) and spoken.supply.is_on(1)
    spoken.supply.off(1)
    assert not spoken.box.live(1) and not spoken.supply.is_on(1)


def test_no_other_channel_comes_on_with_one_and_none_that_is_on_is_disturbed(spoken):
    for n in spoken.others:
        spoken.box.channels[n].volts = 4.0
        if not spoken.case.one_switch and not spoken.box.general:
            spoken.box.channels[n].own = True
    spoken.start()
    assert all(spoken.box.volts(n) == 0.0 for n in spoken.others)
    if not spoken.case.one_switch and spoken.others:
        spoken.start(spoken.others[0])
        spoken.supply.off(1)
        assert spoken.box.live(spoken.others[0]) and not spoken.box.live(1)


def test_off_works_from_any_state(spoken):
    spoken.supply.off(1)
    spoken.start()
    spoken.box.channels[1].load = 0.5
    spoken.supply.off(1)
    spoken.supply.off(1)
    assert not spoken.box.live(1)


def test_all_channels_are_read_with_time_volts_amperes_and_the_errors_of_the_table(spoken):
    numbers = [1, *([] if spoken.case.one_switch else spoken.others[:1])]
    for n in numbers:
        spoken.start(n)
    read = spoken.supply.read(numbers)
    assert sorted(read) == numbers
    for n in numbers:
        channel = spoken.supply.channel(n)
        assert (read[n].voltage_v, read[n].current_a) == (5.0, 0.25)
        assert read[n].time_s > 100
        assert (read[n].error_v is None) == (channel.accuracy_v is None)


def test_current_limit_is_told_or_deduced(spoken):
    spoken.start()
    assert spoken.supply.read([1])[1].limiting is False
    spoken.box.channels[1].load = 0.5
    spoken.box.sag = 0.5
    for _ in range(2):
        assert spoken.supply.read([1])[1].limiting is True
    spoken.box.channels[1].load, spoken.box.sag = 0.25, 1.0
    assert spoken.supply.read([1])[1].limiting is False


def test_another_instrument_is_refused_by_name_command_and_reply(spoken):
    spoken.box.faults[r"\*IDN"] = "=ACME,X1,1,1"
    with pytest.raises(ReplyError, match=rf"\*IDN\?.*ACME,X1.*is a X1, the bench file says {spoken.case.model}"):
        spoken.supply.identify(spoken.config)
    assert spoken.link.dropped


@pytest.mark.parametrize("reply", ["=", "=garb#ge", "=1;2;3;4;5;6;7", "=9.9E37,9.9E37,9.9E37"])
def test_a_reading_that_is_none_is_an_error_that_drops_the_session(spoken, reply):
    spoken.start()
    spoken.box.faults[spoken.case.measure] = reply
    with pytest.raises(ReplyError):
        spoken.supply.read([1])
    assert spoken.link.dropped or spoken.supply._say.number_chars


def test_silence_is_a_deadline(spoken):
    spoken.start()
    spoken.box.faults[r"\?"] = "lost"
    with pytest.raises(DeadlineError):
        spoken.supply.read([1])


def test_a_lost_setting_is_noticed(spoken):
    spoken.box.faults[r"(V|VOLT|VSET)\d?[ :](0?5\.)"] = "lost"
    spoken.box.channels[1].volts = 1.0
    with pytest.raises(ReplyError, match="was not taken"):
        spoken.supply.set(1, POINT)


def test_a_lost_off_is_an_error_that_says_what_to_do(spoken):
    spoken.start()
    spoken.box.faults[spoken.case.off] = "lost"
    with pytest.raises(ReplyError, match="stays ON: switch the supply off by hand"):
        spoken.supply.off(1)


def test_a_lost_on_is_an_error(spoken):
    spoken.supply.set(1, POINT)
    spoken.box.faults[r"^[^?]*(OUTP\S* (ON|1|CH1,ON)\b|^OUT1$|OP1 1|STAT ON|P:SEL 1)"] = "lost"
    with pytest.raises(ReplyError, match="stays off"):
        spoken.supply.on(1)
    assert not spoken.box.live(1)


def test_what_is_out_of_range_is_refused_before_anything_is_sent(spoken):
    heard = len(spoken.box.heard)
    channel = spoken.supply.channel(1)
    for point in (SetPoint(channel.max_voltage_v + 0.1, 0.5), SetPoint(5.0, channel.max_current_a + 0.1)):
        with pytest.raises(UsageError, match="channel 1 gives 0 to"):
            spoken.supply.set(1, point)
    assert len(spoken.box.heard) == heard


def test_a_zero_that_should_not_be_is_asked_again_and_then_refused(spoken):
    spoken.start()
    spoken.box.channels[1].load = 0.0
    spoken.box.volts = lambda number: 0.0
    with pytest.raises(ReplyError, match="a lost reply until proven otherwise"):
        spoken.supply.read([1])


def test_a_zero_of_an_output_that_is_off_is_a_reading(spoken):
    spoken.start()
    for channel in spoken.box.channels.values():
        channel.own = False
    assert spoken.supply.read([1])[1].voltage_v == 0.0
    assert not spoken.supply.is_on(1)


def test_a_reading_far_beyond_the_channel_is_damage(spoken):
    spoken.start()
    top = spoken.supply.channel(1).max_voltage_v
    spoken.box.volts = lambda number: round(top * 1.2, 2)
    with pytest.raises(ReplyError, match=r"damaged|lost"):
        spoken.supply.read([1])


def test_a_channel_that_tripped_is_cleared_and_stays_off(spoken):
    spoken.start()
    spoken.supply.clear_trip(1)
    assert not spoken.box.live(1) or not spoken.supply._say.protection.clear


def test_a_supply_that_went_away_is_a_bench_error_everywhere(spoken):
    spoken.start()
    spoken.box.faults["."] = "gone"
    for act in (lambda s: s.read([1]), lambda s: s.off(1), lambda s: s.is_on(1), lambda s: s.set(1, POINT)):
        with pytest.raises(BenchError):
            act(spoken.supply)


def test_repeats_are_counted_and_not_refused(spoken):
    spoken.start()
    for _ in range(4):
        spoken.supply.read([1])
    assert spoken.supply.repeats(1) == 3
    spoken.box.channels[1].load = 0.3
    spoken.supply.read([1])
    assert spoken.supply.repeats(1) == 0
