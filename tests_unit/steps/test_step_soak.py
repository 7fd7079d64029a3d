import json

import pytest
from soak_bench import CARD, ROOT, Bench, fails

from rig.errors import BenchError, ReplyError


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def trials(found):
    return [json.loads(line) for line in found.evidence["trials.jsonl"].splitlines()]


def at(number, then, otherwise):
    return lambda n: then() if n == number else otherwise()


def test_a_good_joint_holds_every_time(bench):
    rows, found = bench.soak(retrains=4, power_cycles=2, traffic_s=25)
    values = {name: rows[name].value for name in rows}
    assert {n: v for n, v in values.items() if n.endswith((".trials", ".failures"))} == {
        "traffic.trials": 3, "traffic.failures": 0, "retrain.trials": 4, "retrain.failures": 0,
        "power_cycle.trials": 2, "power_cycle.failures": 0,
    }  # fmt: skip
    assert (values["narrowest_width"], values["slowest_gtps"]) == (8, 8.0)
    assert {
        values[f"aer.{end}.{kind}"] for end in ("endpoint", "root") for kind in ("correctable", "uncorrectable")
    } == {0}
    assert values["lane_errors.endpoint"] == values["lane_errors.root"] == "none"
    assert [t["what"] for t in trials(found)] == ["traffic"] * 3 + ["retrain"] * 4 + ["power_cycle"] * 2
    assert bench.partner.runs == [("10.0.0.2", "both", 10.0)] * 3
    assert bench.kept == []


def test_only_what_the_plan_wants_is_done(bench):
    rows, _ = bench.soak(retrains=2)
    assert {n.partition(".")[0] for n in rows if n.endswith("trials")} == {"retrain"}
    assert (bench.cycles, bench.partner.runs, bench.host.retrains) == (0, [], 2)


def test_a_retrain_sets_one_bit_of_the_port_above_and_touches_nothing_else(bench):
    bench.soak(retrains=1)
    writes = [c for c in bench.host.asked if "=" in c and c.startswith("setpci")]
    assert [c for c in writes if "ECAP19" not in c] == [f"setpci -s {ROOT} CAP_EXP+10.w=0020:0020"]
    assert {c for c in writes if "ECAP19" in c} == {f"setpci -s {a} ECAP19+8.l=000000ff" for a in (ROOT, CARD)}


# --- failures of the unit


def test_a_narrow_retrain_is_a_failure_with_its_number_and_its_lanes(bench):
    def part():
        bench.host.link(4)
        bench.host.lanes[CARD] = 1 << 5

    bench.host.retrained = at(3, part, lambda: bench.host.link(8))
    rows, found = bench.soak(retrains=5)
    assert (rows["retrain.trials"].value, rows["retrain.failures"].value) == (5, 1)
    assert rows["retrain.failures"].note == "1 of 5 failed, first number 3; x4 in place of x8 (1)"
    assert (rows["narrowest_width"].value, rows["lane_errors.endpoint"].value) == (4, "5")
    assert bench.host.lanes[CARD] == 0
    assert [t["number"] for t in trials(found) if t["faults"]] == [3]


def test_lanes_named_in_good_trials_are_not_told(bench):
    bench.host.retrained = lambda n: bench.host.lanes.update({ROOT: 2})
    rows, found = bench.soak(retrains=1)
    assert rows["lane_errors.root"].value == "none"
    assert trials(found)[0]["lanes"] == {"root": [1]}


def test_a_slower_link_is_a_failure(bench):
    bench.host.retrained = lambda n: bench.host.link(8, 1)
    rows, _ = bench.soak(retrains=1)
    assert "2.5 in place of 8 GT/s" in rows["retrain.failures"].note
    assert rows["slowest_gtps"].value == 2.5


def test_a_link_that_does_not_come_back_ends_its_trial_at_the_deadline(bench):
    def lose(n):
        bench.host.status, _ = "0001", bench.host.link(0, 0)

    bench.host.retrained = lose
    rows, found = bench.soak(retrains=1, retrain_deadline_s=2.0)
    assert rows["retrain.failures"].value == 1
    assert trials(found)[0]["faults"] == ["no link within 2 s", "the card no longer answers"]
    assert 2.0 <= trials(found)[0]["took_s"] < 2.2
    assert rows["narrowest_width"].value == 0


@pytest.mark.parametrize(("count", "failed"), [(10, 0), (11, 1)])
def test_more_correctable_errors_than_the_plan_allows_are_a_failure(bench, count, failed):
    bench.host.retrained = lambda n: bench.host.count("root", count)
    rows, _ = bench.soak(retrains=1, correctable_per_trial=10)
    assert rows["retrain.failures"].value == failed
    assert rows["aer.root.correctable"].value == count


def test_one_uncorrectable_error_is_a_failure(bench):
    bench.host.retrained = lambda n: bench.host.count("endpoint", 0, fatal=1)
    rows, _ = bench.soak(retrains=1)
    assert "uncorrectable errors at the endpoint" in rows["retrain.failures"].note
    assert rows["aer.endpoint.uncorrectable"].value == 1


def test_counters_that_the_kernel_does_not_have_are_not_zero(bench):
    bench.host.no_aer()
    rows, _ = bench.soak(retrains=1)
    assert rows["retrain.failures"].value == 0
    assert rows["aer.root.uncorrectable"].value is None
    assert "not zero" in rows["aer.root.uncorrectable"].note


@pytest.mark.parametrize(
    ("booted", "fault"),
    [
        (lambda host: host.empty(), "not in lspci"),
        (lambda host: host.card(4), "x4 in place of x8"),
        (lambda host: host.card(8, 2), "5 in place of 8 GT/s"),
        (lambda host: host.card(ids=("15b3", "01f6")), "15b3:01f6 in place of 15b3:1003"),
        (lambda host: host.count("root", 11), "correctable errors at the root"),
    ],
)
def test_a_cold_boot_must_bring_the_same_card_back_as_wide_and_as_fast(bench, booted, fault):
    def second(n):
        bench.host.card()
        if n == 2:
            booted(bench.host)

    bench.booted = second
    rows, _ = bench.soak(power_cycles=3)
    assert (rows["power_cycle.trials"].value, rows["power_cycle.failures"].value) == (3, 1)
    assert fault in rows["power_cycle.failures"].note


def test_a_boot_that_takes_too_long_is_a_failure(bench):
    rows, _ = bench.soak(power_cycles=1, boot_deadline_s=20.0)
    assert "boot took longer than 20 s" in rows["power_cycle.failures"].note


def test_a_card_that_goes_away_under_traffic_is_the_units_failure(bench):
    def lost(n):
        bench.host.link(0, 0)
        fails("iperf3: no route to host")(n)

    bench.partner.meanwhile = lost
    rows, found = bench.soak(traffic_s=30)
    assert (rows["traffic.trials"].value, rows["traffic.failures"].value) == (1, 1)
    assert "the card was gone" in rows["traffic.failures"].note
    assert trials(found)[0]["more"]["broken"] == "iperf3: no route to host"


def test_a_link_that_was_narrow_before_is_not_held_against_the_traffic(bench):
    bench.host.link(4)
    rows, _ = bench.soak(traffic_s=1)
    assert rows["traffic.failures"].value == 0


# --- how far it goes


def test_the_first_failure_ends_it_where_the_plan_says_so(bench):
    bench.host.retrained = at(2, lambda: bench.host.link(4), lambda: None)
    rows, _ = bench.soak(retrains=50, power_cycles=5, stop_at=1)
    assert (rows["retrain.trials"].value, rows["retrain.failures"].value) == (2, 1)
    assert (bench.host.retrains, bench.cycles) == (2, 0)
    assert rows["power_cycle.failures"].value is None
    assert "stop_at" in rows["power_cycle.failures"].note


def test_there_are_never_more_power_cycles_than_the_plan_says(bench):
    bench.booted = lambda n: bench.host.empty() if n == 1 else None
    rows, _ = bench.soak(power_cycles=3)
    assert bench.cycles == 3
    assert rows["power_cycle.failures"].value == 3


# --- failures of the bench, and what cannot be done


@pytest.mark.parametrize("kept", [0, 2])
def test_a_bench_that_fails_is_no_failure_of_the_unit_and_the_trials_are_kept(bench, kept):
    bench.booted = at(kept + 1, lambda: fails("console: gone")(0), bench.host.card)
    with pytest.raises(BenchError, match="console: gone"):
        bench.soak(power_cycles=5)
    (text,) = bench.kept
    assert len(text.splitlines()) == kept


def test_iperf3_that_fails_over_a_good_link_is_the_benchs(bench):
    bench.partner.meanwhile = fails("iperf3: connection refused")
    with pytest.raises(BenchError, match="connection refused"):
        bench.soak(traffic_s=10)


def test_a_host_without_setpci_is_told_what_it_needs(bench):
    bench.host.has_setpci = False
    with pytest.raises(ReplyError, match="pciutils"):
        bench.soak(retrains=1)


def test_a_port_without_carrier_leaves_the_traffic_unknown(bench):
    bench.host.carrier(0)
    rows, _ = bench.soak(traffic_s=10)
    assert rows["traffic.failures"].value is None
    assert "no carrier on port 1" in rows["traffic.failures"].note
    assert bench.partner.runs == []


def test_a_card_that_is_not_there_to_begin_with_is_unknown_and_nothing_is_switched(bench):
    bench.host.empty()
    rows, _ = bench.soak(retrains=5, power_cycles=5, traffic_s=5)
    assert [rows[f"{what}.failures"].value for what in ("retrain", "power_cycle", "traffic")] == [None] * 3
    assert (bench.host.retrains, bench.cycles) == (0, 0)
    assert "enumeration" in rows["retrain.failures"].note
