"""What is odd about each maker's supply, over a socket."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from supply_client import Client, Loop, supply


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def client(loop: Loop, request: pytest.FixtureRequest) -> Iterator[Client]:
    with supply(loop, request.param) as it:
        yield it


def of(*models: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", models, indirect=True)


@of("DP832", "HMP4040", "NGE103B", "E36312A", "E3631A")
def test_another_client_changes_the_channel_under_ones_feet(client):
    other = client.another()
    client.say("INST:NSEL 1")
    other.say("INST:NSEL 2")
    client.say("VOLT 4")
    other.close()
    assert float(client.ask("INST:NSEL 2;:VOLT?").strip()) == 4
    assert float(client.ask("INST:NSEL 1;:VOLT?").strip()) == 0


@of("E36312A")
def test_an_e36312a_answers_for_a_list_of_channels_and_has_one_ampere_for_25_v(client):
    client.say("VOLT 3.3,(@1)", "VOLT 12, (@2,3)")
    assert client.ask("VOLT? (@1:3)") == "+3.30000000E+00,+1.20000000E+01,+1.20000000E+01"
    client.say("CURR 2.1, (@2)")
    assert client.ask("SYST:ERR?") == '-222,"Data out of range"'
    assert float(client.ask("CURR? MAX, (@2)")) == pytest.approx(1.03)


@of("E36312A")
def test_clearing_the_protection_of_an_e36312a_puts_the_output_back_on(client):
    client.say("VOLT 3, (@1)", "CURR 1, (@1)", "VOLT:PROT 2, (@1)", "OUTP ON, (@1)")
    assert client.ask("OUTP? (@1)") == "0"
    client.say("VOLT 1, (@1)", "OUTP:PROT:CLE (@1)")
    assert client.ask("OUTP? (@1)") == "1"


@of("E3631A")
def test_one_command_switches_all_outputs_of_an_e3631a_and_one_is_negative(client):
    client.say("APPL P25V, 12, 1", "APPL N25V, -12, 1", "OUTP ON")
    assert float(client.ask("MEAS:VOLT? P25V")) == pytest.approx(10, abs=0.2)
    assert float(client.ask("MEAS:VOLT? N25V")) == pytest.approx(-10, abs=0.2)


@of("N5767A")
def test_the_voltage_of_an_n5700_stays_below_its_protection(client):
    client.say("VOLT 12", "VOLT:PROT 12.1")
    assert client.ask("SYST:ERR?").startswith("+304,")
    client.say("VOLT:PROT 13.2", "VOLT 13")
    assert client.ask("SYST:ERR?").startswith("+301,")
    assert float(client.ask("VOLT?")) == 12


@of("HMP4040", "NGE103B")
def test_both_gates_have_to_be_open(client):
    client.say("INST OUT2", "VOLT 3", "CURR 1", "OUTP:SEL ON")
    assert client.ask("OUTP:SEL?") == "1"
    assert client.ask("OUTP?") == "0"
    client.say("OUTP:GEN ON")
    assert client.ask("OUTP?;:OUTP:GEN?") == "1;1"
    client.say("OUTP:GEN OFF")
    assert client.ask("OUTP:SEL?;:OUTP?") == "1;0"


@of("HMP4040")
def test_a_fuse_takes_the_channels_linked_to_it_with_it(client):
    for n in (1, 2):
        client.say(f"INST:NSEL {n}", "VOLT 3", "CURR 1", "OUTP:SEL ON")
    client.say("INST:NSEL 1", "FUSE:LINK 2", "OUTP:GEN ON")
    assert client.ask("INST:NSEL 2;:OUTP?") == "1"
    client.say("INST:NSEL 1", "FUSE ON", "CURR 0.1")
    assert client.ask("FUSE:TRIP?;:INST:NSEL 2;:OUTP?") == "1;0"


def test_an_old_hmp_still_has_its_old_name(loop):
    with supply(loop, "HMP4040", old=True) as client:
        assert client.ask("*IDN?").startswith("HAMEG,HMP4040,")


@of("KA3005P")
def test_a_korad_loses_what_comes_too_soon_and_never_says_so(client):
    client.say("VSET1:05.00")
    client.pause_s = 0.03
    client.say("VSET1:09.00")
    client.pause_s = 0.1
    assert client.ask("VSET1?", 5) == "05.00"


@of("KA3005P", "KA3305P")
def test_two_commands_in_one_write_are_one_that_a_korad_does_not_know(client):
    client.say("VSET1:05.00")
    client.say("VSET1:06.00ISET1:1.000")
    assert client.ask("VSET1?", 5) == "05.00"
    client.say("VSET1:7.123")
    assert client.ask("VSET1?", 5) == "05.00"
    client.say("VSET1:7.1")
    assert client.ask("VSET1?", 5) == "07.10"


@of("KA3005P")
def test_once_its_name_was_asked_a_ka3005p_adds_a_sixth_byte_to_the_current_limit(client):
    client.say("ISET1:0.500")
    assert client.ask("ISET1?", 5) == "0.500"
    assert client.nothing()
    client.ask("*IDN?", 17)
    assert client.ask("ISET1?", 6) == "0.500K"


@of("KA3305P")
def test_both_outputs_of_a_ka3305p_have_one_switch_and_its_status_has_bits_of_its_own(client):
    client.say("VSET1:03.30", "ISET1:1.000", "VSET2:03.30", "ISET2:0.100", "OUT1")
    assert float(client.ask("VOUT2?", 5)) == pytest.approx(1, abs=0.2)
    assert ord(client.ask("STATUS?", 1)) == 0xC1
    client.say("OVP1", "OUT0")
    assert ord(client.ask("STATUS?", 1)) == 0x13


@of("KA3305P")
def test_a_trip_of_one_output_of_a_korad_opens_the_switch_of_both(client):
    client.say("VSET1:03.30", "ISET1:1.000", "VSET2:03.30", "ISET2:1.000", "OCP1", "OUT1", "ISET2:0.100")
    assert not ord(client.ask("STATUS?", 1)) & 0xC0
    assert client.ask("IOUT1?", 5) == "0.000"


@of("KA3005P")
def test_recalling_a_memory_of_a_korad_switches_off(client):
    client.say("VSET1:03.30", "ISET1:1.000", "SAV2", "VSET1:05.00", "OUT1", "RCL2")
    assert client.ask("VSET1?", 5) == "03.30"
    assert not ord(client.ask("STATUS?", 1)) & 0x40


@of("SPE3103", "P4305")
def test_an_owon_answers_a_bad_setting_and_the_answer_waits_for_the_next_question(client):
    client.say("VOLT 99")
    assert client.ask("VOLT?") == "ERR"
    assert client.read() == "0.000"


@of("SPE3103")
def test_the_two_series_of_owon_write_their_state_differently(client, loop):
    client.say("VOLT 3", "OUTP ON")
    assert re.fullmatch(r"[\d.]+,[\d.]+,[\d.]+,OFF,OFF,OFF,1", client.ask("MEAS:ALL:INFO?"))
    with supply(loop, "P4305") as other:
        other.say("VOLT 3")
        assert re.fullmatch(r"[\d.]+ [\d.]+ [\d.]+ 0 0 0 0", other.ask("MEAS:ALL:INFO?"))
        assert other.ask("OUTP?") == "0"


@of("GPP-4323")
def test_the_third_channel_of_a_gpp_has_four_voltages_and_no_protection_to_set(client):
    client.say("VSET3:3.3", "VSET3:3.0", ":OUTPut3:OVP 4")
    assert client.ask("VSET3?") == "3.300"
    assert client.ask(":SYSTem:ERRor?").startswith("-222,")
    assert client.ask(":SYSTem:ERRor?").startswith("-224,")
    client.say("ALLOUTON")
    assert [client.ask(f":OUTPut{n}:STATe?") for n in (1, 2, 3, 4)] == ["ON"] * 4


@of("GPP-4323")
def test_both_questions_for_current_limit_that_drivers_ask_a_gpp_are_answered(client):
    client.say("VSET1:3", "ISET1:0.1", ":OUTPut1:STATe ON")
    assert client.ask(":SOUR1:CURR:STAT?") == client.ask(":SOURce1:CURRent:LIMit:STATe?") == "1"


@of("MX100TP")
def test_the_limit_register_of_a_tti_holds_what_was_since_it_was_read(client):
    client.say("V1 3", "I1 0.1", "OP1 1")
    assert int(client.ask("LSR1?")) & 2
    client.say("I1 1")
    assert int(client.ask("LSR1?")) == 3
    assert int(client.ask("LSR1?")) == 1


@of("MX100TP")
def test_a_tti_writes_units_and_numbers_its_errors(client):
    client.say("V1 3", "OVP1 OFF", "V9 1", "FOO 1")
    assert client.ask("V1?") == "V1 3.000\r"
    assert client.ask("OVP1?") == "VP1 OFF\r"
    assert client.ask("OCP1?") == "CP1 4.000\r"
    assert re.fullmatch(r"\d\.\d{3}V\r", client.ask("V1O?"))
    assert client.ask("EER?") == "103\r"
    assert client.ask("EER?") == "0\r"
    assert int(client.ask("*ESR?")) == 0x30


@of("SPD1305X")
def test_the_status_word_of_a_one_channel_siglent_has_no_tracking(client):
    client.say("CH1:VOLT 3", "CH1:CURR 1", "OUTP CH1,ON")
    assert client.ask("SYST:STAT?") == "0x10"
    client.say("CH2:VOLT 3", "OUTP CH3,ON")
    assert client.ask("SYST:ERR?") == "113  Undefined Header"
    assert client.ask("SYST:ERR?") == "224  Illegal Parameter Value"


@of("DP831")
def test_the_third_channel_of_a_dp831_is_negative(client):
    client.say(":APPL CH3,-5,1", ":APPL CH3,5,1", ":OUTP CH3,ON")
    assert client.ask(":APPL? CH3") == "CH3:-30V/2A,-5.000,1.000"
    assert client.ask(":SYST:ERR?").startswith("-222,")
    assert float(client.ask(":MEAS:VOLT? CH3")) == pytest.approx(-5, abs=0.05)


@of("DP712")
def test_a_one_channel_rigol_knows_one_channel(client):
    client.say(":SOUR2:VOLT 3")
    assert client.ask(":SYST:ERR?").startswith("-224,")
