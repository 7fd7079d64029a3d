"""The faults a twin file can give a supply, and the time its answers take."""

from __future__ import annotations

import typing
from collections.abc import Iterator

import pytest
from supply_client import Loop, ResistorBench, supply
from supply_words import WORDS

from rig.config.twin import Fault, TwinPsu
from rig.twin.check import FAULTS
from rig.twin.faults import Faults
from rig.twin.supply.instrument import Instrument
from rig.twin.supply.models import MODELS


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def test_every_fault_a_supply_can_have_is_one_a_twin_file_can_name():
    assert set(FAULTS["supply"]) <= set(typing.get_args(Fault.model_fields["kind"].annotation))
    assert {"late", "truncated", "unterminated", "zero", "off", "frozen"} <= set(FAULTS["supply"])


def test_a_late_reply_is_the_answer_to_the_next_question(loop):
    with supply(loop, "DP832", [{"kind": "late"}], delay_s=0.3) as client:
        client.say(":APPL? CH1")
        assert client.nothing()
        assert client.ask(":OUTP? CH1").startswith("CH1:30V/3A")
        assert client.read() == "OFF"


@pytest.mark.parametrize(
    ("kind", "got"), [("truncated", "ROHDE&SCHWARZ,HMP4040,00\n"), ("unterminated", "ROHDE&SCHWARZ,HMP4040,00")]
)
def test_a_reply_is_cut_with_its_end_or_without(loop, kind, got):
    with supply(loop, "HMP4040", [{"kind": kind}]) as client:
        client.say("*IDN?")
        assert client.read(len(got)) == got.rstrip()
        assert client.nothing()


def test_a_supply_reads_zero_although_its_output_is_on(loop):
    with supply(loop, "E36312A", [{"kind": "zero"}]) as client:
        client.say("VOLT 3,(@1)", "CURR 1,(@1)", "OUTP ON,(@1)")
        assert client.ask("OUTP? (@1)") == "1"
        assert client.ask("MEAS:VOLT? (@1)") == "+0.00000000E+00"


@pytest.mark.parametrize("model", ["DP832", "HMP4040", "KA3305P"])
def test_somebody_presses_the_output_key_once(loop, model):
    with supply(loop, model, [{"kind": "off", "after_s": 100}]) as client:
        words = WORDS[model](client)
        words.set("3.00", "1.00")
        words.switch(True)
        assert words.on()
        client.clock.now_s += 100
        assert not words.on()
        words.switch(True)
        assert words.on()


def test_readings_freeze_from_one_moment_on(loop):
    with supply(loop, "DP832", [{"kind": "frozen", "after_s": 100}]) as client:
        client.say(":APPL CH1,3,1", ":OUTP CH1,ON")
        client.clock.now_s += 100
        frozen = client.ask(":MEAS:ALL? CH1")
        client.say(":APPL CH1,1,1")
        assert client.ask(":MEAS:ALL? CH1") == frozen


@pytest.mark.parametrize("model", ["DP832", "E36312A"])
def test_a_supply_of_another_model_is_never_the_one_it_should_be(loop, model):
    with supply(loop, model, [{"kind": "wrong_model"}]) as client:
        assert model not in client.ask("*IDN?")


def test_a_supply_that_is_realistic_takes_the_time_of_its_model():
    def spent_s(model: str, *, realistic: bool) -> float:
        it = Instrument(MODELS[model], ResistorBench(), realistic=realistic)
        it.measure(1)
        return it.busy_s()

    assert spent_s("HMP4040", realistic=False) == 0
    assert spent_s("HMP4040", realistic=True) == pytest.approx(0.11)
    assert spent_s("KA3005P", realistic=True) == pytest.approx(0.018)


def test_the_faults_of_another_plug_are_not_its_own():
    faults = Faults([Fault(plug="second", kind="zero")], lambda: 0.0)
    for plug, read in (("supply", 3.0), ("second", 0.0)):
        it = Instrument(MODELS["DP832"], ResistorBench(), faults, plug=plug)
        it.apply(1, 3.0, 1.0)
        it.switch(1, True)
        assert it.measure(1)[0] == pytest.approx(read, abs=0.05)
    assert TwinPsu().realistic is False
