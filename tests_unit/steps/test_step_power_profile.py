import pytest
from profile_bench import T0_S, Bench, Cables

from rig.config.plan import PowerProfile
from rig.errors import BenchError, UsageError
from rig.model import Accuracy, RailAccuracy

QUIET = ["driver", "ports_up", "one_link", "idle"]


def plan(*states, **more):
    times = {"min_settle_s": 1.0, "max_settle_s": 5.0, "steady_window_s": 1.0, "window_s": 2.0}
    return PowerProfile(states=list(states), **{**times, **more})


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def totals(found):
    return {name.partition(".")[0]: m.value for name, m in found.items() if name.endswith(".total_w")}


def test_every_state_has_its_links_and_no_other(bench):
    found = bench.measure(plan(*QUIET))
    assert totals(found) == pytest.approx({"driver": 4.0, "ports_up": 4.0, "one_link": 5.0, "idle": 6.0})
    linked = {s: found[f"{s}.ports_linked"].value for s in QUIET}
    assert linked == {"driver": 0, "ports_up": 0, "one_link": 1, "idle": 2}
    assert found["idle.ports_linked"].note == (
        "port 1 (ens1f0, 192.168.87.2) 10 Gbit/s; port 2 (ens1f1, 192.168.88.2) 10 Gbit/s"
    )


def test_ports_up_has_its_ports_up_and_its_cables_back_in_afterwards(bench):
    seen = []
    bench.world.watts = lambda w: seen.append(dict(w.up)) or 4.0 + w.links
    bench.measure(plan("ports_up"))
    assert seen[-1] == {"ens1f0": True, "ens1f1": True}
    assert bench.cables.moved == [(1, False), (2, False), (1, True), (2, True)]


def test_the_partners_ends_are_named_where_the_bench_knows_them(tmp_path):
    found = Bench(tmp_path, partners={1: "enp3s0f0"}).measure(plan("one_link"))
    assert found["one_link.ports_linked"].note.endswith("10 Gbit/s with enp3s0f0")


@pytest.mark.parametrize("cables", [None, "nobody"])
def test_without_anybody_to_take_the_links_away_the_state_is_not_measured_and_says_why(tmp_path, cables):
    bench = Bench(tmp_path)
    nobody = Cables(bench.world, UsageError("operator: there is no terminal to ask at"))
    bench.cables = nobody if cables else None
    found = bench.measure(plan("ports_up", "idle"))
    assert found["ports_up.total_w"].value is None
    assert ("no terminal" if cables else "interfaces") in found["ports_up.total_w"].note
    assert found["idle.total_w"].value == pytest.approx(6.0)


def test_a_link_that_does_not_come_is_not_measured_as_if_it_had(tmp_path):
    bench = Bench(tmp_path)
    bench.world.plugged["ens1f1"] = False
    found = bench.measure(plan("one_link", "idle"))
    assert found["one_link.total_w"].value == pytest.approx(5.0)
    assert found["idle.total_w"].value is None
    assert "port 2 (ens1f1) still has no carrier after 15 s" in found["idle.total_w"].note


# --- aux ------------------------------------------------------------------------------------------------------


def test_aux_comes_last_so_that_it_costs_no_power_cycle_and_first_when_the_host_is_off(tmp_path):
    def order(folder, **given):
        folder.mkdir()
        bench = Bench(folder, **given)
        bench.measure(plan("aux", "driver"))
        return [word for word in bench.world.diary if word.startswith("to ")]

    assert order(tmp_path / "a") == ["to unit", "to aux"]
    assert order(tmp_path / "b", host_is_off=True) == ["to aux", "to unit"]


def test_aux_is_the_rails_that_are_on_and_says_what_they_are(tmp_path):
    bench = Bench(tmp_path)
    ports = bench.ports()

    def aux():
        bench.supply.rails = {"3v3": (3.3, 1.0)}
        bench.world.watts = lambda w: 0.05

    bench.given["to_aux"] = aux
    found = bench.measure(plan("driver", "aux"))
    assert found["aux.total_w"].value == pytest.approx(0.05)
    assert "aux.12v_w" not in found
    assert "3.3 V and 3.3Vaux of the slot are one channel" in found["aux.total_w"].note
    assert ports.counted == ("12v", "3v3")


def test_where_aux_cannot_be_had_it_is_a_row_with_the_reason(tmp_path):
    found = Bench(tmp_path, to_aux=None, no_aux="the host feeds the slot").measure(plan("driver", "aux"))
    assert (found["aux.total_w"].value, found["aux.total_w"].note) == (None, "not measured: the host feeds the slot")


# --- steady ---------------------------------------------------------------------------------------------------


def test_a_power_that_has_come_to_rest_is_not_waited_for_any_longer(bench):
    found = bench.measure(plan("driver", max_settle_s=60.0))
    assert found["driver.steady"].value is True
    assert 1.0 <= found["driver.settle_s"].value < 3.0


def test_a_warm_up_is_waited_out(tmp_path):
    def warming(world):
        return 5.0 + min(world.now_s - T0_S, 20.0) * 0.1

    found = Bench(tmp_path, warming).measure(plan("driver", max_settle_s=60.0))
    assert found["driver.settle_s"].value >= 20.0
    assert found["driver.total_w"].value == pytest.approx(7.0)


def test_what_never_comes_to_rest_is_measured_and_said_so(tmp_path):
    found = Bench(tmp_path, lambda w: 5.0 + (w.now_s - T0_S) * 0.1).measure(plan("driver"))
    assert found["driver.steady"].value is False
    assert found["driver.total_w"].value is not None
    assert "not steady after 5.0 s" in found["driver.total_w"].note


def test_the_marks_and_notes_of_a_state_frame_its_window(bench):
    bench.measure(plan("driver"))
    assert bench.world.diary[-2:] == ["driver", "driver end"]
    assert bench.notes == [("state", "driver"), ("state_end", "driver")]


# --- gaps and errors ------------------------------------------------------------------------------------------


def test_a_window_with_a_gap_is_taken_again_and_none_of_it_is_used(tmp_path):
    bench = Bench(tmp_path)
    bench.supply.gaps = [T0_S + 2.0]
    found = bench.measure(plan("driver"))
    assert bench.world.diary.count("driver") == 2
    assert found["driver.energy_j"].value == pytest.approx(4.0 * 2.0, rel=0.1)


def test_a_window_with_a_gap_twice_is_the_benchs_fault(tmp_path):
    bench = Bench(tmp_path)
    bench.supply.gaps = [T0_S + t for t in range(1, 200)]
    with pytest.raises(BenchError, match=r"nobody measured for .* s of state 'driver', twice"):
        bench.measure(plan("driver"))


def test_a_supply_that_gives_no_samples_says_so_in_its_own_words(tmp_path):
    bench = Bench(tmp_path)
    bench.supply.samples = lambda since_s: []
    with pytest.raises(BenchError, match="it does not answer"):
        bench.measure(plan("driver"))


def test_every_watt_carries_the_instruments_error_which_no_number_of_samples_makes_smaller(bench):
    found = bench.measure(plan("driver"))
    amps = {"12v": 3.8 / 12, "3v3": 0.2 / 3.3}
    due = {r: a * 0.01 + v * 0.005 + 0.01 * 0.005 for (r, a), v in zip(amps.items(), (12.0, 3.3), strict=True)}
    assert found["driver.12v_w"].error == pytest.approx(due["12v"])
    assert found["driver.total_w"].error == pytest.approx(sum(due.values()))
    assert found["driver.energy_j"].error == pytest.approx(sum(due.values()) * 1.9, rel=0.1)


def test_an_error_that_nobody_sourced_is_unknown_and_not_none_at_all(tmp_path):
    bench = Bench(tmp_path)
    bench.supply._error_a = None
    assert bench.measure(plan("driver"))["driver.total_w"].error is None


# --- what else a state depends on -----------------------------------------------------------------------------


def test_link_and_temperature_are_read_with_one_command_a_state(bench):
    bench.world.heat(51_500)
    found = bench.measure(plan("driver"))
    assert (found["driver.link_width"].value, found["driver.link_speed_gtps"].value) == (8, 5.0)
    assert (found["driver.temperature_c"].value, found["driver.temperature_c"].unit) == (51.5, "degC")
    assert sum("temp1_input" in command for command in bench.host.asked) == 1


def test_a_card_without_a_sensor_has_no_temperature_of_zero(bench):
    assert bench.measure(plan("driver"))["driver.temperature_c"].value == "no sensor"


# --- traffic --------------------------------------------------------------------------------------------------


def test_traffic_states_carry_their_rate_both_ways_together(bench):
    found = bench.measure(plan("tx", "rx", "both"))
    assert {s: found[f"{s}.rate_bps"].value for s in ("tx", "rx", "both")} == {"tx": 9.4e9, "rx": 9.4e9, "both": 18.4e9}
    assert found["tx.rate_bps"].note == "on port 1 (ens1f0, 192.168.87.2) alone"
    assert [way for way, _ in bench.partner.runs] == ["from_host", "to_host", "both"]


def test_a_card_that_goes_under_traffic_keeps_the_states_before_and_is_the_units_fault(tmp_path):
    bench = Bench(tmp_path)
    width = tmp_path / "sys" / "bus" / "pci" / "devices" / "0000:01:00.0" / "current_link_width"

    def gone(*asked):
        width.write_text("63\n")
        raise BenchError("iperf3: no route to host")

    bench.partner.transfer = gone
    found = bench.measure(plan("idle", "both"))
    assert found["idle.total_w"].value == pytest.approx(6.0)
    assert "both.total_w" not in found
    assert found["pcie.answers"].value == "no" and "no route to host" in found["pcie.answers"].note


def test_a_power_that_is_not_steady_within_one_run_is_measured_in_the_next(tmp_path):
    bench = Bench(tmp_path, lambda w: 9.0 + min(w.now_s - T0_S, 6.0))
    found = bench.measure(plan("tx", max_settle_s=30.0))
    assert len(bench.partner.runs) > 1
    assert found["tx.total_w"].value == pytest.approx(15.0, rel=0.01)
    assert found["tx.steady"].value is True


def test_a_run_is_long_enough_for_its_window(bench):
    bench.measure(plan("tx"))
    assert bench.partner.runs == [("from_host", 5.0)]


def test_a_bench_without_cables_measures_what_needs_none(tmp_path):
    found = Bench(tmp_path, addresses=[]).measure(plan("driver", "idle", "tx"))
    assert found["driver.total_w"].value == pytest.approx(4.0)
    assert found["tx.total_w"].value is None
    assert "needs a cabled port" in found["idle.total_w"].note


# --- whole hosts ----------------------------------------------------------------------------------------------


def host_watts(drift_w=0.0):
    def watts(world):
        return 40.0 + drift_w * (world.now_s - T0_S) / 20 + (0.0 if world.inserted == "adapter" else 8.0)

    return watts


def host_bench(folder, watts=None, **given):
    rails = {"host": (12.0, 1.0)}
    return Bench(
        folder, watts or host_watts(), rails, counted=("host",), is_direct=False, to_aux=None, no_aux="no", **given
    )


def test_a_card_in_a_whole_host_is_the_host_less_the_host_without_it(tmp_path):
    bench = host_bench(tmp_path)
    bench.supply.known_accuracy = {"host": RailAccuracy(Accuracy(0.05, 0.0), Accuracy(0.15, 0.005))}
    found = bench.measure(plan("driver", baseline=True))
    assert [w for w in bench.world.diary if w.startswith("to ")] == ["to adapter", "to unit", "to adapter"]
    assert found["driver.total_w"].value == pytest.approx(8.0)
    assert found["driver.host_w"].value == pytest.approx(48.0)
    assert (found["baseline.before_w"].value, found["baseline.after_w"].value) == pytest.approx((40.0, 40.0))
    # the offset is in both terms and goes; 0.2 % of 8 W stays
    assert found["driver.total_w"].error == pytest.approx(0.016)
    assert found["baseline.after_w"].error == pytest.approx(0.01 * 40 / 12 + 0.005 * 12, rel=0.01)


def test_a_drift_of_the_host_is_a_row_and_half_of_it_is_in_the_error(tmp_path):
    bench = host_bench(tmp_path, host_watts(drift_w=0.1))
    bench.supply.known_accuracy = {"host": RailAccuracy(Accuracy(0.0, 0.0), Accuracy(0.0, 0.005))}
    found = bench.measure(plan("driver", baseline=True))
    drift = found["baseline.drift_w"].value
    assert drift > 0.02
    assert found["driver.total_w"].error == pytest.approx(drift / 2)
    assert "half its drift" in found["driver.total_w"].note


def test_where_the_accuracy_is_not_known_part_by_part_both_bounds_count(tmp_path):
    found = host_bench(tmp_path).measure(plan("driver", baseline=True))
    whole = found["driver.host_w"].error + found["baseline.before_w"].error
    assert found["driver.total_w"].error == pytest.approx(whole, rel=0.01)


def test_a_whole_host_without_a_baseline_is_no_cards_watts(tmp_path):
    found = host_bench(tmp_path).measure(plan("driver"))
    assert found["driver.total_w"].value is None
    assert "baseline: true" in found["driver.total_w"].note
    assert found["driver.host_w"].value == pytest.approx(48.0)
    assert "baseline.before_w" not in found


def test_a_meter_at_the_wall_beside_the_rails_does_not_count_twice(tmp_path):
    bench = Bench(tmp_path, rails={"12v": (12.0, 0.5), "3v3": (3.3, 0.5), "wall": (230.0, 10.0)})
    found = bench.measure(plan("driver"))
    assert found["driver.total_w"].value == pytest.approx(4.0)
    assert found["driver.wall_w"].value == pytest.approx(40.0)


# --- the plan -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"states": ["idle", "idle"]}, "once"),
        ({"states": []}, "at least 1"),
        ({"max_settle_s": 0.5}, "below min_settle_s"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        PowerProfile(**wrong)
