"""The supply: what it was told is what it says, or it is an error; two dialects, one behaviour."""

import pytest
from guard_fake import RIGOL_IDN, SIGLENT_IDN, FakeServer, FakeSupply

from rig.errors import BenchError, LinkDownError, ReplyError, UsageError
from rig.guard import dialects
from rig.guard.config import GuardConfig, RailConfig
from rig.guard.supply import SetPoint, opened
from rig.model import Accuracy

RAILS = {"12v": RailConfig(1, 12.6, 2.5)}
TWELVE = SetPoint(12.0, 2.1, ovp_v=13.2)
IDN = {"DP832": RIGOL_IDN, "SPD3303X-E": SIGLENT_IDN}


def config(fake: FakeSupply, model: str = "DP832", **more: object) -> GuardConfig:
    return GuardConfig(fake.address, model, RAILS, timeout_s=0.5, **more)


@pytest.fixture(params=sorted(IDN))
def spoken(request):
    """Every dialect: the fake, its model, and the rig's supply over it."""
    fake = FakeSupply(idn=IDN[request.param])
    server = FakeServer(fake)
    told = opened(config(fake, request.param))
    yield fake, request.param, told
    told.close()
    server.close()


@pytest.fixture
def rigol(supply):
    told = opened(config(supply))
    yield told
    told.close()


def test_a_supply_says_who_it_is(spoken):
    fake, model, told = spoken
    found = told.identify(config(fake, model))
    assert (found.model, found.raw) == (model, fake.idn)


def test_a_set_point_arrives_and_does_not_switch_the_output(spoken):
    fake, _, told = spoken
    told.set(1, SetPoint(3.3, 0.5))
    assert (fake.channels[1].voltage_v, fake.channels[1].limit_a) == (3.3, 0.5)
    assert fake.all_off()


def test_on_and_off_are_asked_back(spoken):
    fake, _, told = spoken
    told.set(2, SetPoint(3.3, 0.5))
    told.on(2)
    assert fake.is_on(2) and told.is_on(2) and not told.is_on(1)
    told.off(2)
    assert fake.all_off() and not told.is_on(2)


def test_readings_carry_time_volts_amperes_and_current_limit(spoken):
    fake, _, told = spoken
    for n, volts in ((1, 12.0), (2, 3.3)):
        told.set(n, SetPoint(volts, 0.5))
        told.on(n)
    fake.channels[2].load_a = 0.5
    read = told.read([1, 2])
    assert (read[1].voltage_v, read[1].current_a, read[1].limiting) == (12.0, 0.25, False)
    assert (read[2].voltage_v, read[2].current_a, read[2].limiting) == (3.3, 0.5, True)
    assert read[1].time_s < read[2].time_s


def test_two_channels_cost_no_more_queries_than_the_dialect_needs(spoken):
    fake, model, told = spoken
    fake.heard.clear()
    told.read([1, 2])
    assert len(fake.heard) == {"DP832": 4, "SPD3303X-E": 5}[model]


@pytest.mark.parametrize(
    "point", [SetPoint(32.01, 1), SetPoint(-1, 1), SetPoint(1, 3.21), SetPoint(1, 0), SetPoint(float("nan"), 1)]
)
def test_a_set_point_beyond_the_channel_is_refused_and_nothing_is_sent(spoken, point):
    fake, _, told = spoken
    fake.heard.clear()
    with pytest.raises(UsageError, match="channel 1 gives 0 to 32 V"):
        told.set(1, point)
    assert fake.heard == []


def test_the_ends_of_the_range_are_allowed(spoken):
    fake, _, told = spoken
    told.set(1, SetPoint(32.0, 3.2))
    assert fake.channels[1].voltage_v == 32.0


def test_another_model_than_the_bench_file_says_is_refused_by_both_names(supply, rigol):
    supply.idn = "RIGOL TECHNOLOGIES,DP711,X,1"
    with pytest.raises(ReplyError, match=r"is a DP711, the bench file says DP832"):
        rigol.identify(config(supply))


def test_an_empty_or_senseless_identity_is_refused(supply, rigol):
    for idn in ("", "hello"):
        supply.idn = idn
        supply.fault("IDN", f"={idn}")
        with pytest.raises(ReplyError, match="says nothing of itself"):
            rigol.identify(config(supply))


def test_a_model_that_extends_the_named_one_is_taken_with_its_own_resolution(supply, rigol):
    supply.idn = RIGOL_IDN.replace("DP832", "DP832A")
    rigol.identify(config(supply))
    assert rigol.channel(1).step_v == 0.001


def test_a_dialect_named_in_the_bench_file_is_kept(supply):
    supply.idn = SIGLENT_IDN.replace("SPD3303X-E", "RSPD3303X-E").replace("Siglent", "RS PRO Siglent")
    named = config(supply, "RSPD3303X-E", dialect="SPD3303X-E")
    told = opened(named)
    assert told.identify(named).model == "RSPD3303X-E"
    assert told.channel(1).step_v == 0.01
    told.close()


def test_a_model_nobody_knows_is_a_usage_error_with_the_known_ones(supply):
    with pytest.raises(UsageError, match=r"'XYZ1'.*DP832.*dialect"):
        opened(config(supply, "XYZ1"))


def test_old_errors_of_the_supply_are_not_blamed_on_us(supply, rigol):
    supply.errors += ['-222,"Data out of range"'] * 3
    rigol.identify(config(supply))
    rigol.set(1, TWELVE)
    assert supply.errors == []


def test_a_setting_the_supply_refuses_is_an_error_with_its_own_words(supply, rigol):
    supply.fault("SYST:ERR", '=-222,"Data out of range"')
    with pytest.raises(ReplyError):
        rigol.set(1, TWELVE)
    supply.fault("SYST:ERR", None)
    supply.errors.append('-221,"Settings conflict"')
    with pytest.raises(ReplyError, match="-221 Settings conflict"):
        rigol.set(1, TWELVE)


@pytest.mark.parametrize(
    ("question", "answer"),
    [(r"SOUR1:VOLT\?", "=11.5"), (r"SOUR1:CURR\?", "=3.0"), (r"OVP:VAL\?", "=33.0"), (r"OVP\? CH1", "=OFF")],
)
def test_a_setting_that_reads_back_otherwise_is_refused(supply, rigol, question, answer):
    supply.fault(question, answer)
    with pytest.raises(ReplyError, match="was not taken"):
        rigol.set(1, TWELVE)
    assert supply.all_off()


def test_a_setting_rounded_to_the_resolution_of_the_supply_is_accepted(supply, rigol):
    supply.fault(r"SOUR1:VOLT\?", "=12.01")
    rigol.set(1, SetPoint(12.004, 2.1))
    assert supply.channels[1].voltage_v == 12.004


def test_protection_is_set_before_the_voltage(supply, rigol):
    rigol.set(1, SetPoint(12.0, 2.1, ovp_v=13.2, ocp_a=2.3))
    tells = [c for c in supply.heard if "?" not in c]
    assert tells.index(":OUTP:OVP CH1,ON") < tells.index(":SOUR1:VOLT 12.0000")
    channel = supply.channels[1]
    assert (channel.ovp, channel.ovp_on, channel.ocp, channel.ocp_on) == (13.2, True, 2.3, True)


def test_over_current_protection_not_asked_for_is_switched_off(supply, rigol):
    supply.channels[1].ocp_on = True
    rigol.set(1, TWELVE)
    assert not supply.channels[1].ocp_on


def test_a_live_channel_is_not_lowered_into_its_own_over_voltage_protection(supply, rigol):
    rigol.set(1, TWELVE)
    rigol.on(1)
    with pytest.raises(UsageError, match="switch it off first"):
        rigol.set(1, SetPoint(1.0, 0.1, ovp_v=1.3))
    assert supply.channels[1].ovp == 13.2


def test_protection_that_would_trip_at_once_is_refused(rigol):
    with pytest.raises(UsageError, match="OVP at 11 would trip"):
        rigol.set(1, SetPoint(12.0, 1.0, ovp_v=11.0))


def test_an_output_that_stays_on_is_an_error_that_says_what_to_do(supply, rigol):
    rigol.set(1, TWELVE)
    rigol.on(1)
    supply.fault("OUTP CH1,OFF", "silent")
    with pytest.raises(ReplyError, match="stays ON: switch the supply off by hand"):
        rigol.off(1)


def test_an_output_that_does_not_go_on_is_an_error(supply, rigol):
    supply.fault("OUTP CH1,ON", "silent")
    with pytest.raises(ReplyError, match="stays off"):
        rigol.on(1)


@pytest.mark.parametrize("reply", ["=9.91E37,9.91E37,9.91E37", "=nonsense", "=", "=12.0"])
def test_a_reading_that_is_not_one_is_an_error_and_never_a_number(supply, rigol, reply):
    supply.fault("MEAS", reply)
    with pytest.raises(ReplyError, match="expected volts and amperes"):
        rigol.read([1])


def test_a_status_word_that_is_none_is_an_error():
    fake = FakeSupply(idn=SIGLENT_IDN)
    server = FakeServer(fake)
    told = opened(config(fake, "SPD3303X-E"))
    fake.fault("STAT", "=busy")
    with pytest.raises(ReplyError, match="hexadecimal"):
        told.is_on(1)
    told.close()
    server.close()


def test_a_channel_without_readback_cannot_be_used():
    told = opened(GuardConfig("TCPIP0::127.0.0.1::9::SOCKET", "SPD3303X-E", RAILS))
    with pytest.raises(UsageError, match="neither a remote set point nor a readback"):
        told.channel(3)
    with pytest.raises(UsageError, match="there is no channel 4"):
        told.channel(4)


def test_a_supply_that_is_gone_is_a_link_that_is_down(supply, rigol):
    supply.fault(".", "reset")
    with pytest.raises(LinkDownError):
        rigol.read([1])
    with pytest.raises(BenchError):
        rigol.on(1)


@pytest.mark.parametrize("row", dialects.SUPPLIES.values(), ids=lambda row: row.name)
def test_every_row_of_the_table_can_be_guarded(row):
    say, numbers = row.dialect, set(row.channels)
    assert say.gates
    assert say.status is not None or all(gate.ask for gate in say.gates)
    assert say.status is None or numbers <= set(say.status.on_bit) & set(say.status.limiting_bit)
    assert len(numbers) == 1 or say.select or all("{n}" in t for t in (say.set_voltage, say.set_current, *say.measure))
    for channel in row.channels.values():
        assert min(channel.max_voltage_v, channel.max_current_a, channel.step_v, channel.step_a) > 0


def test_accuracy_is_percent_and_offset():
    assert Accuracy(0.15, 0.005).bound(-2.0) == pytest.approx(0.008)
