"""Every model of supply over a socket: one suite for all."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator

import pytest
from supply_client import OHM, Loop, ResistorBench, supply
from supply_words import WORDS, Words

from rig.config.twin import PsuModel
from rig.twin.supply.instrument import Instrument
from rig.twin.supply.models import MODELS, usual

IDENTITY = {
    "DP832": r"RIGOL TECHNOLOGIES,DP832,DP8C\d{9},.+", "DP831": r"RIGOL TECHNOLOGIES,DP831,.+",
    "DP821": r"RIGOL TECHNOLOGIES,DP821,.+", "DP811": r"RIGOL TECHNOLOGIES,DP811,.+",
    "DP712": r"RIGOL TECHNOLOGIES,DP712,.+", "SPD3303X-E": r"Siglent Technologies,SPD3303X-E,SPD3.+",
    "SPD3303X": r"Siglent Technologies,SPD3303X,SPD3.+", "SPD1305X": r"Siglent Technologies,SPD1305X,.+",
    "E36312A": r"Keysight Technologies,E36312A,MY\d{8},.+", "E36313A": r"Keysight Technologies,E36313A,MY\d{8},.+",
    "E3631A": r"HEWLETT-PACKARD,E3631A,0,\d\.\d-\d\.\d-\d\.\d", "N5744A": r"Agilent Technologies,N5744A,.+",
    "N5767A": r"Agilent Technologies,N5767A,US\d{8},.+",
    "HMP4040": r"ROHDE&SCHWARZ,HMP4040,\d{9},HW\d+/SW\d\.\d\d", "HMP2030": r"ROHDE&SCHWARZ,HMP2030,.+",
    "NGE103B": r"Rohde&Schwarz,NGE103B,5601\.3800k03/\d{6},.+", "KA3005P": r"KORADKA3005PV2\.0\x01",
    "KA3305P": r"KORAD KA3305P V7\.2 SN:\d{8}", "SPE3103": r"OWON,SPE3103,\d{8},FV:V.+",
    "P4305": r"OWON,P4305,\d{8},FV:V.+", "GPP-4323": r"GW INSTEK,GPP-4323,SN:GEW\d{6},V\d\.\d\d",
    "MX100TP": r"THURLBY THANDAR, MX100TP, \d{6}, .+", "PL303QMD-P": r"THURLBY THANDAR, PL303QMD-P, .+",
}  # fmt: skip
REFUSES = {"Rigol": "-222,", "Siglent": "222 ", "E36300": "-222,", "E3631A": "-222,", "N5700": "+301,", "Hmp": "-222,",
           "Nge": "-222,", "Korad": "", "Owon": "ERR", "Gpp": "-222,", "Tti": "100"}  # fmt: skip
"""How each answers the question for an error once it was asked for 100 V."""
NO_OVP = ("Siglent", "E3631A", "Korad", "N5700")
"""Without an over-voltage level that one can set below the voltage."""
NO_OCP = ("Siglent", "E3631A")


def wordy(*without: str) -> list[str]:
    return [model for model, words in WORDS.items() if words.__name__ not in without]


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def words(loop: Loop, request: pytest.FixtureRequest) -> Iterator[Words]:
    with supply(loop, request.param) as client:
        yield WORDS[request.param](client)


everyone = pytest.mark.parametrize("words", wordy(), indirect=True)


# --- all of them --------------------------------------------------------------------------------------------------


def test_every_model_of_the_table_is_in_the_twin_file_and_in_this_suite():
    assert set(typing.get_args(PsuModel)) == set(MODELS) == set(WORDS) == set(IDENTITY)


@everyone
def test_it_says_who_it_is(words):
    assert re.fullmatch(IDENTITY[words.c.model], words.identity())


@everyone
def test_a_setting_is_kept_to_the_step_of_the_model(words):
    model = MODELS[words.c.model]
    volt = round(123 * model.step_v, 4)
    words.set(str(volt), "0.21")
    assert words.settings() == pytest.approx((volt, 0.21), abs=1e-9)


@everyone
def test_an_output_is_off_until_it_is_switched_on_and_feeds_its_load(words):
    model = MODELS[words.c.model]
    words.set("3.30", "1.00")
    assert not words.on()
    assert words.reading()[1] == 0
    words.switch(True)
    assert words.on()
    volt, ampere = words.reading()
    assert volt == pytest.approx(3.3, abs=2 * (3.3 * model.voltage_part + model.voltage_offset_v) + model.step_v)
    assert ampere == pytest.approx(3.3 / OHM, abs=2 * (model.current_part + model.current_offset_a) + model.step_a)
    words.switch(False)
    assert not words.on()


@everyone
def test_it_tells_constant_voltage_from_constant_current(words):
    words.set("3.30", "1.00")
    words.switch(True)
    assert words.mode() == "CV"
    words.set("3.30", "0.15")
    assert words.mode() == "CC"
    assert words.reading()[0] == pytest.approx(0.15 * OHM, abs=0.6)


@everyone
def test_what_it_cannot_do_is_refused_in_its_own_way_and_changes_nothing(words):
    words.set("2.00", "0.50")
    settings = {
        "Rigol": f":APPL CH{words.n},100,0.5", "Siglent": "CH1:VOLT 100", "E36300": "VOLT 100, (@1)",
        "E3631A": "APPL P6V, 100", "N5700": "VOLT 100", "Hmp": "VOLT 100", "Nge": "VOLT 100", "Korad": "VSET1:99.99",
        "Owon": "VOLT 100", "Gpp": "VSET1:100", "Tti": "V1 100",
    }  # fmt: skip
    kind = type(words).__name__
    words.c.say(settings[kind])
    assert words.error().startswith(REFUSES[kind])
    assert words.settings() == (2.0, 0.5)


@everyone
def test_junk_leaves_it_as_it_was(words):
    words.set("2.00", "0.50")
    words.c.say("\x00\xff;;;:!?x", "(@1,2", "APPL ,,,", "OUTP")
    if type(words).__name__ == "Owon":
        # it answers junk, which is the trap: whoever reads next gets it
        while not words.c.nothing():
            continue
    assert words.settings() == (2.0, 0.5)
    assert not words.on()


@pytest.mark.parametrize("words", wordy(*NO_OVP), indirect=True)
def test_over_voltage_switches_off_and_stays_off_until_it_is_cleared(words):
    words.ovp("2.00")
    words.set("3.00", "1.00")
    words.switch(True)
    assert not words.on()
    assert words.tripped() == "OVP"
    words.set("1.00", "1.00")
    words.clear()
    words.switch(True)
    assert words.on()
    assert words.tripped() == ""


@pytest.mark.parametrize("words", wordy(*NO_OCP), indirect=True)
def test_over_current_switches_off_and_stays_off_until_it_is_cleared(words):
    words.set("3.00", "1.00")
    words.ocp("0.15")
    words.switch(True)
    assert not words.on()
    assert words.tripped() == "OCP"
    words.set("1.00", "1.00")
    words.clear()
    words.switch(True)
    assert words.on()
    assert words.tripped() == ""


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(3))
def test_it_errs_within_its_specification(model, seed):
    bench = ResistorBench(seed)
    it = Instrument(MODELS[model], bench)
    it.apply(1, 3.3, 1.0)
    it.switch(1, True)
    (volt, ampere, _), truth = it.measure(1), bench.output(1)
    m = it.model
    assert abs(volt - truth.voltage_v) <= m.voltage_part * volt + m.voltage_offset_v + m.step_v
    assert abs(ampere - truth.current_a) <= m.current_part * ampere + m.current_offset_a + m.step_a


@pytest.mark.parametrize("model", MODELS)
def test_every_rail_of_the_usual_wiring_has_a_channel_that_carries_it(model):
    m = MODELS[model]
    assert {rail for rails in usual(m).values() for rail in rails} >= {"12v", "probe"}
    for rail, channel in m.wiring.items():
        limits = m.channels[channel]
        assert limits.max_v >= {"12v": 12.6, "3v3": 3.6, "probe": 12.0}[rail], rail
        assert not limits.negative
    assert ("3v3" in m.wiring) == (len(m.channels) > 1)
