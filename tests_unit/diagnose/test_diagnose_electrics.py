"""Probabilities, groups, evidence and the next action of electrical causes."""

from dataclasses import replace

import pytest
from doctor_cases import LIBRARY, REV_B, REV_C, board, case, link, named

from rig.diagnose import History, Hypotheses, diagnose
from rig.diagnose.actions import Action, best, gain
from rig.diagnose.electrics import electrical
from rig.model import Report, Slot

ABSENT = {"pcie.present": 0, "rail.12v.current_a": 0.4, "rail.12v.limiting_s": 0.1, "short.12V_GND.ohm": 2400.0}


def total(causes):
    return sum(c.probability for c in causes)


@pytest.mark.parametrize(
    "found", [ABSENT, link(width=4), link(width=1), {"short.12V_PERST#.ohm": 0.1}, {"rail.12v.current_a": 0.0}]
)
def test_the_causes_of_one_fault_add_up_to_one(found):
    causes = electrical(case(found))
    assert 0.95 <= total(causes) <= 1.001
    assert list(causes) == sorted(causes, key=lambda c: -c.probability)


def test_every_pin_has_its_part_of_the_probability():
    for cause in electrical(case(link(width=4))):
        assert sum(cause.shares) == pytest.approx(cause.probability if cause.pins else 0, abs=2e-3)
        assert len(cause.shares) == len(cause.pins)


def test_joints_that_look_alike_are_one_cause_that_says_so():
    cause = electrical(case(link(width=4)))[0]
    assert cause.title == "joint open in one of lanes 4-7"
    assert len(cause.pins) == 16
    assert any(e.startswith("electrically alike in this run: ") and "A35" in e for e in cause.evidence)


def test_a_bridge_that_looks_like_an_open_joint_stands_right_behind_it():
    causes = electrical(case(link(width=4)))
    assert causes[1].title == "bridge at one of lanes 4-7"
    assert "A34 to A37" in causes[1].action


def test_lane_err_stat_names_the_lane_among_alike_ones():
    causes = electrical(case(link(width=4) | {"pcie.lane_errors.endpoint": "5"}))
    assert (causes[0].title, set(causes[0].pins)) == ("joint open in lane 5", {"A39", "A40"})
    rest = named(causes, "joint open in one of")
    assert any(e.startswith("against: pcie.lane_errors.endpoint = 5") for e in rest.evidence)


def test_a_port_that_has_no_more_lanes_is_the_slots_matter():
    found = link() | {"pcie.link.width": 4, "pcie.link.lanes_missing": 0}
    cause = electrical(case(found))[0]
    assert cause.title == "slot narrower than the bench file says"
    assert "max_link_width" in cause.action
    assert cause.pins == ()


def test_a_dead_board_is_a_joint_before_card_and_slot():
    causes = electrical(case(ABSENT))
    assert causes[0].title == "joint open in REFCLK, PERST# or lane 0"
    titles = [c.title for c in causes]
    assert {"card dead or without firmware", "bridge at REFCLK, PERST# or lane 0"} <= set(titles)
    assert any(t.startswith("slot or riser dead") for t in titles)


def test_a_jumper_is_among_the_causes_where_the_layout_has_one():
    cause = named(electrical(case(ABSENT)), "wrong jumper JP3")
    assert "should be 1-2" in cause.action


def test_a_mod_that_was_said_to_be_done_is_doubted():
    causes = electrical(case(ABSENT, model="530FLR-SFP+", mods=("broadcom",)))
    assert "every wire" in named(causes, "mod broadcom not as published").action


def test_a_card_that_is_not_made_for_the_board_leaves_its_joints_alone():
    causes = electrical(case(ABSENT, model="530FLR-SFP+"))
    assert causes[0].title == "needs mod"
    assert causes[0].probability > 0.9
    assert not any("joint" in c.title for c in causes)


def test_a_report_of_a_card_that_never_worked_counts():
    here = case({"pcie.present": 0}, REV_B)
    told = Report(REV_B, "fail", "never seen", "a thread")
    causes = electrical(replace(here, card=replace(here.card, reports=(told,))))
    assert causes[0].title == "card reported not to work on this layout"
    assert "never seen (a thread)" in causes[0].action


def test_no_current_is_a_card_that_is_not_seated():
    cause = electrical(case({"rail.12v.current_a": 0.0}))[0]
    assert (cause.title, set(cause.pins)) == ("no 12 V at the card", {"A2", "A3", "B2", "B3"})


def test_a_rail_that_stays_in_limit_is_an_overload():
    cause = electrical(case({"short.12V_GND.ohm": 2400.0, "short.12V_A4.ohm": 2400.0, "rail.12v.limiting_s": 0.9}))[0]
    assert cause.title == "overload at power-up"


def test_a_slow_link_is_first_a_matter_of_the_slot():
    causes = electrical(case(link() | {"pcie.link.speed_gtps": 5.0, "pcie.link.speed_missing_gtps": 3.0}))
    assert causes[0].title == "link slower than both ends can"
    assert {"poor joint, host to card pairs", "poor joint, card to host pairs"} <= {c.title for c in causes}


def errors(end, lane):
    return {f"pcie.aer.{end}.correctable_per_s": 3.0, f"pcie.aer.{end}.RxErr": 30, f"pcie.lane_errors.{end}": lane}


def test_a_poor_pair_is_named_by_its_end_and_its_lane():
    cause = electrical(case(link() | errors("root", "1")))[0]
    assert (cause.title, set(cause.pins)) == ("poor joint, card to host pairs", {"B21", "B22"})
    assert "top side" in cause.action


def test_two_faults_at_once_are_found_when_no_single_one_fits():
    causes = electrical(case({"short.12V_GND.ohm": 0.1, "short.12V_3V3.ohm": 0.1}, REV_C))
    assert {c.title for c in causes[:2]} == {"bridge 12V to GND", "bridge 12V to 3V3"}
    assert all("two faults at once: no single one explains what was seen" in c.evidence for c in causes[:2])
    assert total(causes) > 1.5


def test_a_pair_without_neighbours_is_debris_or_unexplained():
    causes = electrical(case({"short.12V_PERST#.ohm": 0.1}, REV_C))
    assert causes[0].title == "bridge 12V to PERST#"
    assert causes[0].pins == ()
    assert "no neighbours on the connector" in causes[0].action
    assert named(causes, "unexplained").probability > 0.05


def test_what_contradicts_itself_is_unexplained():
    pairs = ("12V_PERST#", "12V_3V3", "12V_3V3AUX", "PERST#_GND")
    causes = electrical(case({f"short.{p}.ohm": 0.1 for p in pairs}, REV_B))
    assert causes[0].title == "unexplained"
    assert "short.12V_PERST#.ohm" in " ".join(causes[0].evidence)


def test_nothing_electrical_wrong_has_no_electrical_cause():
    assert electrical(case(link())) == ()


def test_probabilities_are_filled_by_every_rule():
    assert all(c.probability is not None for c in diagnose(case(link(width=4))))


# --- priors -------------------------------------------------------------------------------------------------


def test_rework_history_moves_the_share_of_a_joint():
    history = History(boards=40, cured={"B33": 12})
    cause = electrical(case(link(width=4), history=history))[0]
    assert cause.pins[0] == "B33"
    assert cause.shares[0] > 5 * cause.shares[1]


def test_a_history_without_faults_lowers_every_rate_and_of_no_boards_none():
    assert History(1000).rate("A35", 0.002) < 0.0002
    assert History(0).rate("A35", 0.002) == pytest.approx(0.002)


def test_a_bridge_of_the_history_may_be_named_in_either_order():
    found = link(width=4)
    one, other = (electrical(case(found, history=History(20, {n: 9})))[0] for n in ("A35-A36", "A36-A35"))
    assert one == other
    assert one.title.startswith("bridge")
    assert set(one.pins[:2]) == {"A35", "A36"}


# --- the next action ----------------------------------------------------------------------------------------


def test_the_first_cause_alone_says_what_to_do_next():
    causes = electrical(case(ABSENT))
    assert causes[0].action.startswith("first ")
    assert "bit, about" in causes[0].action
    assert not any(c.action.startswith("first ") for c in causes[1:])


def test_errors_without_lanes_ask_for_lane_err_stat():
    found = {n: v for n, v in (link() | errors("root", "1")).items() if "lane_errors" not in n}
    assert "LaneErrStat" in electrical(case(found))[0].action


def test_a_conducting_board_is_wicked_and_not_tested_any_further():
    action = electrical(case({"short.12V_PERST#.ohm": 0.1}))[0].action
    assert action.startswith("do not put it into a host; wick A1-A2 (bottom side)")


def test_an_action_that_halves_two_equal_candidates_tells_one_bit():
    every = Hypotheses(board(), LIBRARY.card("544FLR-QSFP-649283"), Slot(3, 8)).all()
    a, b = every[:2]
    action = Action("look", 1.0, lambda h: {h is a: 1.0})
    assert gain(action, [(a, 0.5), (b, 0.5)]) == pytest.approx(1.0)
    assert gain(Action("nothing", 1.0, lambda h: {True: 1.0}), [(a, 0.5), (b, 0.5)]) == pytest.approx(0.0)
    assert best([(a, 1.0)], board(), host_up=False, lanes_read=False) is None
