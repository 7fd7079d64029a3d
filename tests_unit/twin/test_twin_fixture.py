"""What hands and relays do at the bench: adapters alone, cables, the leads of the probe channel; and the aux rail."""

from __future__ import annotations

import math

import pytest
from twin_bench import X8_GEN3, Bench, bench_with, joint

from rig.errors import UsageError
from rig.model import AdapterUnit, CardUnit
from rig.twin.errors import Refused

CARD = "533FLR-T"

# --- aux, adapters alone, cables ----------------------------------------------------------------------------------


def test_with_3v3_alone_and_the_host_off_a_card_draws_its_aux_current():
    bench = bench_with()
    bench.world.drive(3, voltage_v=3.3, limit_a=0.375, on=True)
    bench.wait(1.0)
    assert bench.world.output(3).current_a == pytest.approx(0.012, rel=0.05)
    assert bench.world.output(1).current_a == 0
    assert not bench.world.state()["card_powered"]


def test_an_adapter_alone_in_the_slot_is_copper():
    bench = Bench()
    bench.world.insert(AdapterUnit("TobleMiner-revA", "A-1"), None, bare=False)
    bench.rails()
    bench.boot()
    assert bench.world.output(1).current_a == pytest.approx(0, abs=1e-4)
    assert bench.world.view().functions == ()
    assert (bench.world.state()["card"], bench.world.state()["bare"]) == (None, False)


def test_an_adapter_alone_in_the_slot_shows_its_shorts():
    bench = Bench(adapters={"A-1": {"joints": [joint("A3", "A4", state="bridge")]}})
    bench.world.insert(AdapterUnit("TobleMiner-revC", "A-1"), None, bare=False)
    bench.world.drive(1, voltage_v=12.0, limit_a=0.5, on=True)
    bench.wait(0.5)
    assert bench.world.output(1).mode == "CC"


@pytest.mark.parametrize(("state", "ohm", "shown"), [("bridge", 0.1, 0.1), ("open", None, math.inf)])
def test_a_multimeter_shows_what_joins_two_points_of_a_bare_adapter(state, ohm, shown):
    pins = ("A1", "A2") if state == "bridge" else ("A1",)
    more = {} if ohm is None else {"ohm": ohm}
    bench = Bench(adapters={"A-1": {"joints": [joint(*pins, state=state, **more)]}})
    bench.world.insert(AdapterUnit("TobleMiner-revC", "A-1"), None, bare=True)
    assert bench.world.multimeter_ohm("12V", "3V3") == pytest.approx(shown, rel=0.1)
    bench.world.remove()
    with pytest.raises(Refused, match="no bare adapter"):
        bench.world.multimeter_ohm("12V", "3V3")


def up(bench: Bench) -> list[bool]:
    return [p.speed_bps is not None for p in bench.world.view().ports]


def test_a_cable_may_be_pulled_and_put_back_with_power_on():
    bench = bench_with("TobleMiner-revC", CARD)
    bench.rails()
    bench.boot()
    bench.ports_up()
    assert up(bench) == [True, True]
    bench.world.cable(2, plugged=False)
    assert (up(bench), bench.world.state()["cables_out"]) == ([True, False], [2])
    bench.world.cable(2, plugged=True)
    assert up(bench) == [True, True]


def test_the_next_insert_has_every_cable_in_but_those_the_twin_file_says_are_broken():
    bench = bench_with("TobleMiner-revC", CARD, card={"ports_down": [1]})
    bench.world.cable(1, plugged=True)
    bench.world.cable(2, plugged=False)
    bench.world.insert(AdapterUnit("TobleMiner-revC", "A-1"), CardUnit(CARD, "C-1"), bare=False)
    bench.rails()
    bench.boot()
    bench.ports_up()
    assert (up(bench), bench.world.state()["cables_out"]) == ([False, True], [])


@pytest.mark.parametrize("port", [0, 3, -1])
def test_a_port_the_card_has_not_is_a_mistake(port):
    with pytest.raises(UsageError, match="ports 1 to 2"):
        bench_with("TobleMiner-revC", CARD).world.cable(port, plugged=False)


def test_without_a_card_there_is_no_cable():
    with pytest.raises(Refused, match="no card"):
        bench_with(model=X8_GEN3, bare=True).world.cable(1, plugged=False)


# --- relays -------------------------------------------------------------------------------------------------------


def short_a(bench: Bench) -> float:
    bench.world.drive(2, voltage_v=1.0, limit_a=0.05, on=True)
    bench.wait(0.2)
    return bench.world.output(2).current_a


@pytest.mark.parametrize(("closed", "shorted"), [
    ([("plus", "12V"), ("minus", "GND")], True),
    ([("plus", "12V"), ("minus", "3V3")], False),
    ([("plus", "12V")], False),
    ([("plus", "3V3"), ("plus", "12V"), ("minus", "GND")], True),
    ([("plus", "3V3"), ("minus", "3V3")], True),
])  # fmt: skip
def test_what_the_relays_join_is_what_the_probe_channel_sees(closed, shorted):
    bench = bench_with("TobleMiner-revC", joints=[joint("A3", "A4", state="bridge")], bare=True)
    for lead, point in closed:
        bench.world.relay(lead, point, True)
    assert short_a(bench) == pytest.approx(0.05 if shorted else 0.0, abs=1e-3)


def test_an_open_relay_lets_go():
    bench = bench_with("TobleMiner-revC", joints=[joint("A3", "A4", state="bridge")], bare=True)
    for lead, point in (("plus", "12V"), ("minus", "GND")):
        bench.world.relay(lead, point, True)
    bench.world.relay("minus", "GND", False)
    assert short_a(bench) == pytest.approx(0, abs=1e-5)
    assert bench.world.state()["relays_closed"] == ["plus/12V"]


def test_relays_stay_as_they_are_when_the_adapter_changes():
    bench = Bench(adapters={"A-2": {"joints": [joint("A3", "A4", state="bridge")]}})
    for lead, point in (("plus", "12V"), ("minus", "GND"), ("plus", "NOWHERE")):
        bench.world.relay(lead, point, True)
    for serial, ampere in (("A-1", 0.0), ("A-2", 0.05)):
        bench.world.drive(2, on=False)
        bench.world.insert(AdapterUnit("TobleMiner-revC", serial), None, bare=True)
        assert short_a(bench) == pytest.approx(ampere, abs=1e-3)
