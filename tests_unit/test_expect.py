from dataclasses import replace

import pytest

from rig.config.library import default_library, project_root
from rig.config.limits import LimitSection
from rig.config.plan import PlanFile, load_plan
from rig.expect import STEP_OF, Parts, expectation, narrower
from rig.model import AdapterUnit, Limit, Slot, Step
from rig.netlist import Board, probe_pairs

LIBRARY = default_library()


def parts(design="TobleMiner-revA", model="544FLR-QSFP-649283", slot=None, cabled=2):
    adapter = LIBRARY.adapter(design)
    pairs = probe_pairs(Board(adapter, AdapterUnit(design, "A")))
    return Parts(adapter, LIBRARY.card(model), slot or Slot(3, 8), 10e9, cabled, pairs)


def plan(**keys):
    return PlanFile(name="p", **keys)


@pytest.mark.parametrize(
    "lanes, gen, width, speed", [(8, 3, 8, 8.0), (4, 3, 4, 8.0), (16, 4, 8, 8.0), (1, 1, 1, 2.5), (8, 2, 8, 5.0)]
)
def test_width_and_speed_are_the_smaller_of_card_adapter_and_slot(lanes, gen, width, speed):
    expected = expectation(parts(slot=Slot(gen, lanes)), plan())[Step.ENUMERATION]
    assert expected["pcie.link.width"].low == width
    assert expected["pcie.link.speed_gtps"].low == speed


def test_a_fact_nobody_sourced_is_a_sentence_and_never_a_limit():
    expected = expectation(parts(model="561FLR-T"), plan())[Step.ENUMERATION]
    assert "nobody sourced" in expected["pcie.link.width"]
    assert isinstance(expected["pcie.link.lanes_missing"], Limit)


def test_an_infiniband_only_card_has_no_ethernet_rate_to_expect():
    expected = expectation(parts(model="545FLR-QSFP"), plan())
    assert expected[Step.LINK]["link.port1.speed_bps"] == "card file has no port speeds"


def test_only_planned_steps_and_due_names_are_expected():
    asked = plan(steps=["short_check", "power_profile"], power_profile={"states": ["idle"]})
    expected = expectation(parts(model="561FLR-T"), asked)
    assert set(expected) == {Step.SHORT_CHECK, Step.POWER_PROFILE}
    assert set(expected[Step.POWER_PROFILE]) == {"power.idle.total_w", "pcie.answers"}


def test_a_soak_is_only_where_a_plan_names_it_and_has_limits_for_what_it_repeats():
    assert "soak" not in plan().steps
    asked = plan(steps=["enumeration", "soak"], soak={"retrains": 5})
    expected = expectation(parts(), asked)[Step.SOAK]
    ends = {f"soak.aer.{end}.uncorrectable" for end in ("endpoint", "root")}
    assert set(expected) == {"soak.retrain.failures", *ends}
    assert expected["soak.retrain.failures"].high == 0


def test_a_soak_of_nothing_is_refused():
    with pytest.raises(ValueError, match="retrains: N"):
        plan(steps=["soak"])


def test_every_pair_of_the_bare_board_check_has_a_limit_on_every_design():
    for design in LIBRARY.designs():
        here = parts(design)
        limits = expectation(here, plan())[Step.SHORT_CHECK]
        assert {f"short.{a}_{b}.ohm" for a, b in here.pairs} <= set(limits), design


def test_the_narrower_limit_wins_and_both_reasons_are_kept():
    both = narrower(Limit("card", low=1.0, high=9.0), Limit("plan", low=2.0, high=20.0, marginal_high=5.0))
    assert (both.low, both.high, both.marginal_high) == (2.0, 9.0, 5.0)
    assert both.why == "card; plan"


def test_limits_that_contradict_keep_the_first_and_say_so():
    both = narrower(Limit("card", high=1.0), Limit("plan", low=2.0))
    assert both.high == 1.0
    assert "contradicts: plan" in both.why


def test_a_plan_limit_narrows_a_derived_one():
    asked = plan(limits={"pcie.link.width": LimitSection(low=16, why="only x16 here")})
    assert expectation(parts(), asked)[Step.ENUMERATION]["pcie.link.width"].low == 16


def test_throughput_is_judged_against_the_line_rate_both_ends_have():
    limit = expectation(parts(), plan())[Step.THROUGHPUT]["traffic.port1.to_host_bps"]
    assert 7.9e9 < limit.low < limit.marginal_low < 9.42e9


@pytest.mark.parametrize("name", ["standard", "demo"])
def test_every_limit_of_the_shipped_plans_belongs_to_a_step(name):
    limits = load_plan(project_root() / "configs" / "plans" / f"{name}.yaml").model_limits()
    assert limits
    assert {n.split(".")[0] for n in limits} <= set(STEP_OF)


def test_demo_and_standard_plan_differ_in_times_only():
    folder = project_root() / "configs" / "plans"
    demo, standard = (load_plan(folder / f"{n}.yaml") for n in ("demo", "standard"))
    assert demo.limits == standard.limits
    assert demo.short_check.levels == standard.short_check.levels
    assert demo.short_check.floor_a == standard.short_check.floor_a
    assert demo.steps == standard.steps


def test_a_learned_envelope_joins_the_other_limits_and_the_narrower_wins():
    name = "rail.12v.limiting_s"
    learned = Limit(why="learned from 6 inserts", high=0.2, marginal_high=0.1)
    given = plan(
        steps=["first_power"],
        limits={name: {"high": 0.5, "marginal_high": 0.2, "why": "1000 uF"}},
    )
    known = replace(parts(), envelope={name: learned})
    limit = expectation(known, given)[Step.FIRST_POWER][name]
    assert (limit.marginal_high, limit.high) == (0.1, 0.2)
    assert "learned from 6 inserts" in limit.why


def test_a_baseline_is_due_where_the_plan_takes_one():
    limits = {"power.baseline.drift_w": {"high": 2.0, "why": "a comparison bears no more"}}
    without = plan(steps=["power_profile"], limits=limits)
    with_it = plan(steps=["power_profile"], limits=limits, power_profile={"baseline": True})
    assert (
        "power.baseline.drift_w" not in expectation(replace(parts(), direct_power=False), without)[Step.POWER_PROFILE]
    )
    whole_host = replace(parts(), direct_power=False)
    assert "power.baseline.drift_w" not in expectation(parts(), with_it)[Step.POWER_PROFILE]
    assert "power.baseline.drift_w" in expectation(whole_host, with_it)[Step.POWER_PROFILE]


def test_a_cards_figures_are_no_limits_of_a_difference_of_whole_hosts_and_the_plans_are():
    name = "power.idle.total_w"
    own = plan(steps=["power_profile"], power_profile={"states": ["idle"]})
    asked = plan(
        steps=["power_profile"], power_profile={"states": ["idle"]}, limits={name: {"high": 30.0, "why": "a budget"}}
    )
    card = parts(model="561FLR-T")
    whole_host = replace(card, direct_power=False)
    assert isinstance(expectation(card, own)[Step.POWER_PROFILE][name], Limit)
    assert "converters' losses" in expectation(whole_host, own)[Step.POWER_PROFILE][name]
    assert expectation(whole_host, asked)[Step.POWER_PROFILE][name].high == 30.0


def test_throughput_is_judged_against_what_the_bench_itself_carries_where_that_is_less():
    at_the_bench = replace(parts(), path_bps=0.2e9)
    limit = expectation(at_the_bench, plan())[Step.THROUGHPUT]["traffic.port1.to_host_bps"]
    assert limit.low == pytest.approx(0.85 * 0.2e9)
    assert "golden figure" in limit.why and "10 Gbit/s are not tried" in limit.why
    faster = replace(parts(), path_bps=40e9)
    assert expectation(faster, plan())[Step.THROUGHPUT]["traffic.port1.to_host_bps"].low > 7e9


def test_a_card_that_the_host_has_no_driver_for_is_not_held_to_one():
    undriven = replace(parts(), driven=("561FLR-T",))
    assert "no driver for a 544FLR" in expectation(undriven, plan())[Step.ENUMERATION]["pcie.driver"]
    assert replace(parts(model="561FLR-T"), driven=("561FLR-T",)).no_driver == ""
    assert "lets no driver work" in replace(parts(model="561FLR-T"), driven=()).no_driver


def test_without_a_driver_no_route_to_ethernet_is_asked_for_but_what_a_tool_shall_do_is():
    undriven = replace(parts(), driven=())
    limit = LimitSection(one_of=["flashed"], why="w")
    names = ("firmware.route", "firmware.interfaces_missing")
    for task, judged in (("ethernet", False), ("flash", True)):
        asked = plan(firmware={"task": task}, limits=dict.fromkeys(names, limit))
        expected = expectation(undriven, asked)[Step.FIRMWARE]
        assert [isinstance(expected[name], Limit) for name in names] == [judged, judged]
    assert all(isinstance(e, Limit) for e in expectation(parts(), asked)[Step.FIRMWARE].values())
