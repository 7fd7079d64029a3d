"""The power meter: what it reads, how often, and the two makers' commands."""

from __future__ import annotations

import numpy as np
import pytest
from twin_bench import Clock

from rig.twin.meter import METERS, Wattmeter
from rig.twin.meter_scpi import FRONT_ENDS, MeterFrontEnd


class Wall:
    """Watts at the mains that a test sets."""

    watt = 60.0

    def __call__(self) -> float:
        return self.watt


def meter(model: str = "WT310E", seed: int = 1) -> tuple[MeterFrontEnd, Wall, Clock]:
    wall, clock = Wall(), Clock()
    return FRONT_ENDS[model](Wattmeter(METERS[model], wall, np.random.default_rng(seed), clock), "C2"), wall, clock


def watt(front: MeterFrontEnd) -> float:
    return float(front.line(":NUM:NORM:VAL? 3"))


def test_it_says_who_it_is():
    assert meter()[0].line("*IDN?") == "YOKOGAWA,WT310E,C2,F1.03"
    assert meter("HMC8015")[0].line("*IDN?") == "Rohde&Schwarz,HMC8015,C2,1.403"


def test_its_readings_are_volt_ampere_watt_with_five_digits():
    volt, ampere, power = meter()[0].line(":NUMERIC:NORMAL:VALUE?").split(",")
    assert (volt[-4:], len(volt), float(volt)) == ("E+00", 10, pytest.approx(230.1, rel=0.002))
    assert float(ampere) == pytest.approx(60 / 230.1 / 0.93, rel=0.003)
    assert float(power) == pytest.approx(60, rel=0.004)


@pytest.mark.parametrize("model", METERS)
def test_every_instrument_is_within_its_specification_and_has_errors_of_its_own(model):
    spec = METERS[model]
    readings = []
    for seed in range(20):
        it = Wattmeter(spec, Wall(), np.random.default_rng(seed), Clock())
        readings.append(it.read()["P"])
    errors = np.array(readings) - 60
    assert np.abs(errors).max() < 60 * spec.reading_part + 150 * spec.range_part + 0.01
    assert errors.std() > 0.005


def test_it_shows_one_value_an_interval():
    front, wall, clock = meter()
    first = watt(front)
    wall.watt = 90.0
    clock.now_s += 0.2
    assert watt(front) == first
    clock.now_s += 0.1
    assert watt(front) == pytest.approx(90, rel=0.004)


def test_the_interval_can_be_set():
    front, wall, clock = meter()
    assert front.line(":RATE 2S;:RATE?") == ":RATE 2.0000E+00"
    watt(front)
    wall.watt = 90.0
    clock.now_s += 1
    assert watt(front) == pytest.approx(60, rel=0.004)
    assert front.line(":RATE 3S") is None
    assert front.line("STAT:ERR?") == '113,"Undefined header"'


def test_no_power_reads_nothing():
    front, wall, _ = meter()
    wall.watt = 0.0
    assert [float(v) for v in front.line(":NUM:NORM:VAL? 2;VAL? 3").split(";")] == [pytest.approx(0, abs=1e-3)] * 2


def test_items_are_chosen_and_what_nobody_chose_is_not_a_number():
    front = meter()[0]
    front.line(":NUM:NORM:ITEM1 P,1;ITEM2 LAMBDA,1;NUM 2")
    power, factor = map(float, front.line(":NUM:NORM:VAL?").split(","))
    assert (power, factor) == (pytest.approx(60, rel=0.004), pytest.approx(0.93, rel=0.01))
    assert front.line(":NUM:NORM:VAL? 9") == "NAN"


def test_headers_are_on_until_they_are_switched_off():
    front = meter()[0]
    assert front.line(":NUM:NORM:NUM?") == ":NUMERIC:NORMAL:NUMBER 3"
    front.line(":COMM:HEAD OFF")
    assert front.line(":NUM:NORM:NUM?") == "3"
    assert [float(front.line(f":INP:{q}:RANG?")) for q in ("VOLT", "CURR")] == [300.0, 0.5]
    front.line("*RST")
    assert front.line(":NUM:FORM?") == ":NUMERIC:FORMAT ASCII"


def test_a_hameg_reads_its_ten_functions_or_those_that_were_chosen():
    front = meter("HMC8015")[0]
    assert len(front.line("CHAN1:MEAS:DATA?").split(",")) == 10
    front.line("CHAN1:MEAS:FUNC URMS,IRMS,P")
    values = [float(v) for v in front.line("CHANNEL1:MEASUREMENT:DATA?").split(",")]
    assert values[2] == pytest.approx(60, rel=0.002)
    assert len(values) == 3
    assert float(front.line("CHAN1:MEAS:DATA? 3")) == values[2]


@pytest.mark.parametrize("model", METERS)
@pytest.mark.parametrize(
    "line", ["", ";", ":", "*", "VOLT?", ":NUM:NORM:ITEM0 U,1", "CHAN1:MEAS", "\x00", "é", ":RATE x"]
)
def test_what_it_does_not_know_it_does_not_answer(model, line):
    assert meter(model)[0].line(line) is None
