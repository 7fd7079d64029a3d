"""The bench wired in other ways: two supplies, a host on 12 V, a host at the mains with its card in its own slot."""

from __future__ import annotations

import numpy as np
import pytest
from twin_bench import Bench, bench_with, joint

from rig.config.twin import TwinFile
from rig.errors import UsageError
from rig.model import AdapterUnit
from rig.twin.errors import Refused
from rig.twin.wiring import wiring

ON_12_V = {"psu": {"model": "HMP4040", "wiring": {1: "host", 2: "probe"}}}
AT_THE_WALL = {"psu": {"wiring": {2: "probe"}}, "meter": {}}
QUIET = {"noise_w": 0.0}
CARD = "533FLR-T"


def host_on(bench: Bench, limit_a: float = 6.0) -> None:
    """The host's rail on, its input charged, and booted."""
    bench.world.drive(1, voltage_v=12.0, limit_a=limit_a, on=True)
    for _ in range(3):
        bench.wait(0.3)
    bench.world.host_state("booting")
    bench.wait(0.5)
    bench.world.host_state("up")
    bench.wait(0.5)


def drawn_w(bench: Bench, channel: int = 1) -> float:
    seen = bench.world.output(channel)
    return seen.voltage_v * seen.current_a


# --- wiring -------------------------------------------------------------------------------------------------------


def test_a_second_supply_takes_the_3v3_rail_from_the_first():
    assert wiring(TwinFile.model_validate({"psu2": {"model": "KA3005P"}}))[("second", 1)] == ("3v3",)
    assert ("main", 3) not in wiring(TwinFile.model_validate({"psu2": {"model": "KA3005P"}}))


def test_a_rail_has_one_channel():
    twin = {"psu": {"wiring": {1: "12v", 2: "12v"}}}
    with pytest.raises(UsageError, match="a rail has one channel"):
        Bench(**twin)


def test_two_single_supplies_power_a_card_together():
    bench = bench_with(psu={"model": "KA3005P"}, psu2={"model": "KA3005P"})
    second = bench.world.panel("second")
    bench.world.drive(1, voltage_v=12.0, limit_a=2.0, on=True)
    second.drive(1, voltage_v=3.3, limit_a=1.0, on=True)
    bench.wait(0.5)
    bench.boot()
    assert bench.link["width"] == 8
    assert bench.world.output(1).current_a > 0.1
    assert 0.005 < second.output(1).current_a < 0.06
    assert bench.world.state()["second_outputs_on"] == [1]


def test_hands_stay_off_while_the_second_supply_is_on():
    bench = bench_with(psu2={"model": "KA3005P"})
    bench.world.panel("second").drive(1, voltage_v=3.3, on=True)
    with pytest.raises(Refused, match="second supply channel 1"):
        bench.world.remove()


def test_two_supplies_of_one_model_have_errors_of_their_own():
    world = Bench(psu2={}).world
    draws = [world.panel(name).generator("calibration").standard_normal() for name in ("main", "second")]
    assert draws[0] != draws[1]
    assert draws[0] == world.generator("calibration").standard_normal()


# --- the whole host on 12 V ---------------------------------------------------------------------------------------


def test_a_host_on_12_v_has_power_once_its_rail_holds_and_loses_it_with_the_rail():
    bench = Bench(**ON_12_V)
    assert not bench.world.host_input().on
    bench.world.drive(1, voltage_v=12.0, limit_a=3.0, on=True)
    for _ in range(3):
        bench.wait(0.3)
    assert bench.world.host_input().on
    bench.world.drive(1, on=False)
    bench.wait(1.0)
    assert (bench.world.host_input().on, bench.world.host_input().cuts) == (False, 1)


def test_mains_do_nothing_for_a_host_that_hangs_on_a_rail():
    bench = Bench(**ON_12_V)
    bench.world.set_mains(True)
    bench.wait(1.0)
    assert not bench.world.host_input().on
    assert bench.world.wall_w() == 0


def test_a_dip_kills_the_host_and_it_starts_anew():
    bench = Bench(**ON_12_V)
    host_on(bench)
    bench.world.drive(1, voltage_v=8.0)
    bench.wait(0.5)
    assert bench.world.state()["host"] == "off"
    bench.world.drive(1, voltage_v=12.0)
    for _ in range(3):
        bench.wait(0.3)
    assert (bench.world.host_input().on, bench.world.host_input().cuts) == (True, 1)


def test_a_trip_kills_the_host():
    bench = Bench(**ON_12_V)
    host_on(bench)
    bench.world.drive(1, ocp_a=0.5)
    for _ in range(4):
        bench.wait(0.3)
    assert (bench.world.output(1).tripped, bench.world.host_input().on) == ("OCP", False)


def test_a_limit_below_the_hosts_draw_never_lets_it_run():
    bench = Bench(**ON_12_V)
    host_on(bench, limit_a=0.8)
    assert bench.world.state()["host"] == "off"


def test_a_sensible_limit_starts_it():
    bench = Bench(**ON_12_V)
    bench.world.drive(1, voltage_v=12.0, limit_a=2.0, on=True)
    for _ in range(3):
        bench.wait(0.3)
    assert bench.world.host_input().on
    assert bench.world.output(1).mode == "CV"


def test_the_host_draws_its_idle_power_and_the_card_through_its_converters():
    empty, full = Bench(host=QUIET, **ON_12_V), bench_with("TobleMiner-revC", CARD, host=QUIET, **ON_12_V)
    empty.world.insert(AdapterUnit("TobleMiner-revC", "A-1"), None, bare=False)
    for bench in (empty, full):
        host_on(bench)
        bench.ports_up()
        bench.wait(200)
        bench.wait(1)
    assert drawn_w(empty) == pytest.approx(14.0, rel=0.01)
    card_w = 0.7 * 9
    assert drawn_w(full) - drawn_w(empty) == pytest.approx(card_w / 0.88, rel=0.03)


def test_the_card_in_the_slot_lives_with_the_host():
    bench = bench_with("TobleMiner-revC", CARD, **ON_12_V)
    assert not bench.world.state()["card_powered"]
    host_on(bench)
    assert (bench.world.state()["card_powered"], bench.link["width"]) == (True, 8)
    bench.world.drive(1, on=False)
    bench.wait(2.0)
    bench.wait(2.0)
    assert (bench.world.state()["card_powered"], bench.link["width"]) == (False, 0)


def test_traffic_costs_processor_time_too():
    bench = bench_with("TobleMiner-revC", CARD, host=QUIET, **ON_12_V)
    host_on(bench)
    bench.ports_up()
    bench.wait(200)
    before = drawn_w(bench)
    for name in ("ens1f0", "ens1f1"):
        for to_host in (True, False):
            bench.world.traffic(name, to_host, True)
    bench.wait(1)
    assert drawn_w(bench) - before > 4.0


def test_the_hosts_noise_has_its_size_and_a_slow_part():
    bench = Bench(host={"noise_w": 0.5}, **ON_12_V)
    host_on(bench)
    seen = []
    for _ in range(1500):
        bench.wait(1.0)
        seen.append(drawn_w(bench))
    assert 0.35 < np.std(seen) < 0.65
    assert np.std(np.array(seen).reshape(-1, 10).mean(axis=1)) > 0.25


def test_the_same_seed_draws_the_same():
    seen = []
    for _ in range(2):
        bench = Bench(seed=7, **ON_12_V)
        host_on(bench)
        seen.append(drawn_w(bench))
    assert seen[0] == seen[1]


# --- the host at the mains ----------------------------------------------------------------------------------------


def test_a_host_at_the_mains_feeds_the_card_in_its_slot():
    bench = bench_with("TobleMiner-revC", CARD, **AT_THE_WALL)
    bench.boot()
    bench.wait(1.0)
    assert (bench.world.state()["card_powered"], bench.link["width"]) == (True, 8)


def test_the_wall_sees_the_host_and_its_supplys_losses():
    bench = bench_with("TobleMiner-revC", CARD, host=QUIET, **AT_THE_WALL)
    assert bench.world.wall_w() == 0
    bench.world.set_mains(True)
    bench.wait(0.5)
    standby_w = bench.world.wall_w()
    assert 0.5 < standby_w < 3
    bench.boot()
    bench.ports_up()
    bench.wait(200)
    assert bench.world.wall_w() == pytest.approx((14.0 + 0.7 * 9 / 0.88) / 0.88, rel=0.02)


def test_with_the_host_switched_off_at_the_mains_only_aux_is_alive():
    bench = bench_with("TobleMiner-revC", CARD, **AT_THE_WALL)
    bench.boot()
    bench.world.host_state("off")
    for _ in range(3):
        bench.wait(2.0)
    assert not bench.world.state()["card_powered"]
    assert bench.world.wall_w() < 3


def test_a_short_in_the_slot_trips_the_hosts_supply_until_the_mains_were_off():
    bench = bench_with("TobleMiner-revC", CARD, [joint("A3", "A4", state="bridge")], **AT_THE_WALL)
    bench.boot()
    for _ in range(3):
        bench.wait(0.3)
    assert not bench.world.host_input().on
    assert bench.world.state()["host"] == "off"
    bench.world.set_mains(False)
    bench.world.set_mains(True)
    bench.wait(0.1)
    assert bench.world.host_input().on


def test_a_riser_leaves_the_slot_out_of_it():
    bench = bench_with("TobleMiner-revC", CARD)
    bench.world.set_mains(True)
    bench.world.host_state("booting")
    bench.wait(1.0)
    assert not bench.world.state()["card_powered"]
