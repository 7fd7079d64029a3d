"""The rails: charge-up, draw per state, shorts, trips, and what 12 V breaks. Ref: domain notes on power."""

from __future__ import annotations

import numpy as np
import pytest
from twin_bench import DESIGNS, LIBRARY, X8_GEN3, Bench, bench_with, joint, running

from rig.model import AdapterUnit, CardUnit
from rig.twin.errors import Refused
from rig.twin.power import Activity, CardPower, busy_w, idle_w, state_w


def bridge(a: str, b: str, ohm: float | None = None) -> dict[str, object]:
    return joint(a, b, state="bridge", ohm=ohm)


def test_without_12_v_there_is_no_link():
    bench = bench_with()
    bench.boot()
    assert (bench.link["width"], "12 V" in str(bench.link["why"])) == (0, True)


def test_three_of_four_supply_joints_open_still_power_the_card():
    assert running(joints=[joint("A2"), joint("A3"), joint("B2")]).link["width"] == 8


def test_all_four_supply_joints_open_leave_the_card_dark():
    bench = running(joints=[joint("A2"), joint("A3"), joint("B2"), joint("B3")])
    assert bench.world.output(1).current_a == pytest.approx(0, abs=1e-3)
    assert bench.link["width"] == 0


def test_an_open_aux_joint_does_not_stop_a_card():
    assert running(joints=[joint("B10")]).link["width"] == 8


@pytest.mark.parametrize(
    ("design", "pins"),
    [("TobleMiner-revA", ("A1", "A2")), ("TobleMiner-revA", ("A3", "A4")), ("TobleMiner-revA", ("B3", "B4")),
     ("TobleMiner-revC", ("A1", "A2")), ("KCORES-v1.1", ("B3", "B4"))],
)  # fmt: skip
def test_12_v_in_a_pin_that_cannot_take_it_breaks_the_card(design, pins):
    bench = bench_with(design, joints=[bridge(*pins)])
    bench.rails()
    assert bench.world.state()["card_damaged_at"]
    assert bench.world.output(1).current_a > 1.5
    bench.boot()
    assert bench.link["width"] == 0


def test_a_broken_card_stays_broken_on_a_good_board():
    bench = bench_with(joints=[bridge("A3", "A4")])
    bench.rails()
    for channel in (1, 3):
        bench.world.drive(channel, on=False)
    bench.wait(2)
    bench.world.insert(AdapterUnit("TobleMiner-revA", "A-good"), CardUnit(X8_GEN3, "C-1"), bare=False)
    bench.rails()
    bench.boot()
    assert "damaged" in str(bench.link["why"])


def test_a_poor_supply_joint_costs_voltage_and_in_the_end_the_card():
    others = [joint("A2"), joint("A3"), joint("B2")]
    assert running(joints=[*others, joint("B3", state="resistive", ohm=1.0)]).link["width"] == 8
    assert "12 V" in str(running(joints=[*others, joint("B3", state="resistive", ohm=20.0)]).link["why"])


def test_a_short_check_voltage_breaks_nothing():
    bench = bench_with(joints=[bridge("A1", "A2")])
    bench.world.drive(1, voltage_v=1.0, limit_a=0.05, on=True)
    bench.wait(2)
    assert bench.world.state()["card_damaged_at"] == []


def test_a_shorted_12_v_rail_holds_the_supply_in_current_limit():
    bench = bench_with("TobleMiner-revC", joints=[bridge("A3", "A4")])
    bench.world.drive(1, voltage_v=12.0, limit_a=0.5, on=True)
    bench.wait(1)
    seen = bench.world.output(1)
    assert (seen.mode, seen.current_a) == ("CC", pytest.approx(0.5))
    assert seen.voltage_v < 0.2


def test_12_v_bridged_onto_the_3v3_rail_trips_the_other_channel():
    bench = bench_with("TobleMiner-revC", joints=[bridge("A1", "A2")])
    bench.world.drive(3, voltage_v=3.3, limit_a=0.375, on=True, ovp_v=3.6)
    bench.world.drive(1, voltage_v=12.0, limit_a=2.5, on=True)
    bench.wait(0.5)
    assert bench.world.output(3).tripped == "OVP"
    assert not bench.world.output(3).on


# --- charge-up and draw -----------------------------------------------------------------------------------------


def total_w(bench: Bench) -> float:
    """Mean of a second, past the noise."""
    watts = []
    for _ in range(50):
        bench.wait(0.02)
        watts.append(sum(bench.world.output(c).voltage_v * bench.world.output(c).current_a for c in (1, 3)))
    return float(np.mean(watts))


def test_the_card_charges_at_the_limit_and_then_draws_its_idle_current():
    bench = bench_with()
    bench.world.drive(1, voltage_v=12.0, limit_a=0.1, on=True)
    charge_c = 0.0
    modes = []
    for _ in range(200):
        bench.wait(0.002)
        seen = bench.world.output(1)
        modes.append(seen.mode)
        charge_c += 0.002 * seen.current_a
    assert modes[0] == "CC"
    assert charge_c > 470e-6 * 6
    bench.world.drive(1, limit_a=2.0)
    bench.wait(1)
    assert bench.world.output(1).mode == "CV"
    assert 0.02 < bench.world.output(1).current_a < 1


@pytest.mark.parametrize("limit_a", [0.02, 0.1, 0.5])
def test_a_capacitor_takes_the_same_charge_at_any_limit(limit_a):
    """0.5 V into 470 uF is 0.235 mC: 12 ms at 20 mA. Below their start voltage the converters draw nothing."""
    bench = bench_with()
    bench.world.drive(1, voltage_v=0.5, limit_a=limit_a, on=True)
    charge_c, steps = 0.0, 400
    for _ in range(steps):
        bench.wait(1e-4)
        charge_c += 1e-4 * bench.world.output(1).current_a
    assert charge_c == pytest.approx(470e-6 * 0.5, rel=0.25)


def test_a_limit_below_the_draw_keeps_the_supply_in_current_limit():
    bench = bench_with(model="561FLR-T")
    bench.world.drive(1, voltage_v=12.0, limit_a=0.2, on=True)
    bench.wait(5)
    assert bench.world.output(1).mode == "CC"
    assert not bench.world.state()["card_powered"]


def test_switched_off_the_rail_discharges_to_nothing():
    bench = running()
    bench.world.drive(1, on=False)
    bench.wait(3)
    assert bench.world.output(1).voltage_v < 0.1
    assert bench.world.output(1).current_a == 0


@pytest.mark.parametrize("design", DESIGNS)
def test_3v3_carries_milliamperes_only(design):
    bench = running(design)
    assert 0.005 < bench.world.output(3).current_a < 0.06


def test_the_states_of_a_card_draw_in_order():
    bench = bench_with("TobleMiner-revC", "561FLR-T")
    bench.rails()
    bench.wait(120)
    dark = total_w(bench)
    bench.boot()
    driver = total_w(bench)
    bench.world.set_admin("ens1f0", True)
    one = total_w(bench)
    bench.world.set_admin("ens1f1", True)
    both = total_w(bench)
    bench.world.traffic("ens1f0", True, True)
    receive = total_w(bench)
    bench.world.traffic("ens1f0", False, True)
    duplex = total_w(bench)
    assert dark < driver < one < both < receive < duplex < 17.4
    assert both == pytest.approx(13, rel=0.03)


def test_held_in_reset_a_card_draws_about_half():
    bench = running(joints=[joint("A1")])
    idle = idle_w(LIBRARY.card(X8_GEN3), None)
    bench.wait(120)
    assert total_w(bench) == pytest.approx(0.5 * idle, rel=0.05)


def idle_of(model: str, **card: object) -> float:
    bench = running("TobleMiner-revC", model, card=card)
    bench.ports_up()
    bench.wait(200)
    return total_w(bench)


def test_a_533flr_t_draws_less_than_a_561flr_t_as_their_figures_say():
    assert idle_of("533FLR-T") < idle_of("561FLR-T") - 3


def test_the_twin_file_may_say_what_a_card_draws():
    assert idle_of("533FLR-T", power_w=4.2) == pytest.approx(4.2, rel=0.03)


@pytest.mark.parametrize("card", [c for c in LIBRARY.cards() if c.pcie_card], ids=lambda c: c.model)
def test_no_card_passes_its_own_maximum_or_the_slot(card):
    idle, busy = idle_w(card, None), busy_w(card, None)
    assert 0 < idle <= busy <= 25
    if card.max_w is not None:
        assert busy <= card.max_w


def test_each_state_lies_above_the_one_before_it():
    states = [
        Activity(),
        Activity(clock=True),
        Activity(clock=True, running=True, ports=2),
        Activity(clock=True, running=True, driver=True, ports=2, linked=1),
        Activity(clock=True, running=True, driver=True, ports=2, linked=2),
        Activity(clock=True, running=True, driver=True, ports=2, linked=2, receiving=2),
        Activity(clock=True, running=True, driver=True, ports=2, linked=2, transmitting=2, receiving=2),
    ]
    watts = [state_w(10, 12, activity) for activity in states]
    assert watts == sorted(watts)
    assert (watts[4], watts[6]) == (10, pytest.approx(12))


def test_a_card_warms_up_and_starts_cold_again_after_a_power_cycle():
    power = CardPower(LIBRARY.card("561FLR-T"), None, np.random.default_rng(1))
    busy = Activity(clock=True, running=True, driver=True, ports=1, linked=1)
    cold, warm = power.total_w(0, busy, True), power.total_w(60, busy, True)
    assert 1.01 < warm / cold < 1.05
    power.total_w(61, busy, False)
    assert power.total_w(62, busy, True) == pytest.approx(cold, rel=1e-3)


def test_readings_scatter_by_a_fraction_of_a_per_cent():
    bench = running(model="561FLR-T")
    bench.wait(300)
    seen = []
    for _ in range(200):
        bench.wait(0.1)
        seen.append(bench.world.output(1).current_a)
    assert 0.001 < np.std(seen) / np.mean(seen) < 0.01


def test_over_current_trips_once_and_stays_tripped():
    bench = running(model="561FLR-T")
    bench.world.drive(1, ocp_a=0.2)
    bench.wait(0.1)
    assert (bench.world.output(1).tripped, bench.world.output(1).on) == ("OCP", False)
    bench.wait(10)
    assert bench.world.output(1).tripped == "OCP"


# --- hands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hot", ["supply channel 1", "supply channel 2", "supply channel 3", "mains"])
def test_nobody_touches_the_bench_while_power_is_on(hot):
    bench = bench_with(bare=True)
    if hot == "mains":
        bench.world.set_mains(True)
    else:
        bench.world.drive(int(hot[-1]), voltage_v=1.0, on=True)
    with pytest.raises(Refused, match=hot):
        bench.world.insert(AdapterUnit("TobleMiner-revA", "A-2"), CardUnit(X8_GEN3, "C-2"), bare=False)
    with pytest.raises(Refused, match=hot):
        bench.world.remove()
    assert bench.world.state()["adapter"] == {"design": "TobleMiner-revA", "serial": "A-1"}


def test_the_leads_need_a_bare_adapter():
    bench = bench_with()
    with pytest.raises(Refused, match="bare"):
        bench.world.connect("12V", "GND")


def test_a_refused_unit_leaves_the_one_before_it_in():
    bench = bench_with()
    with pytest.raises(Exception, match="no adapter design"):
        bench.world.insert(AdapterUnit("TobleMiner-revZ", "Z-1"), CardUnit(X8_GEN3, "C-1"), bare=False)
    assert bench.world.state()["adapter"] == {"design": "TobleMiner-revA", "serial": "A-1"}


def test_a_removed_unit_leaves_an_empty_slot():
    bench = bench_with()
    bench.world.remove()
    bench.rails()
    bench.boot()
    assert bench.world.output(1).current_a == pytest.approx(0, abs=1e-6)
    assert bench.world.view().functions == ()


def test_a_serial_the_twin_file_does_not_name_is_a_good_board_as_its_owner_says():
    bench = Bench()
    bench.world.insert(AdapterUnit("TobleMiner-revA", "nobody knows"), CardUnit("560FLR-SFP+", "C"), bare=False)
    bench.rails()
    bench.boot()
    assert bench.link["width"] == 0
    for channel in (1, 3):
        bench.world.drive(channel, on=False)
    bench.world.set_mains(False)
    unit = AdapterUnit("TobleMiner-revA", "nobody knows", {"JP3": "2-3"})
    bench.world.insert(unit, CardUnit("560FLR-SFP+", "C"), bare=False)
    bench.rails()
    bench.boot()
    assert bench.link["width"] == 8
