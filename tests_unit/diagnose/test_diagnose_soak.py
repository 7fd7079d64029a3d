"""What failed now and then: which joint, what to do, and how many good trials show that it is mended."""

import pytest
from doctor_cases import LIBRARY, REV_A, REV_B, X8, board

from rig.diagnose import Case, diagnose
from rig.judge import judge
from rig.model import Limit, Measurement, Slot

NONE = Limit("a good joint holds every time", high=0)


def causes(trials=200, failures=3, what="retrain", lanes=8, **more):
    found = {f"soak.{what}.trials": trials, f"soak.{what}.failures": failures, "soak.narrowest_width": 8,
             "soak.lane_errors.endpoint": "none", "soak.lane_errors.root": "none"}  # fmt: skip
    found |= {f"soak.{name.replace('__', '.')}": value for name, value in more.items()}
    rows = judge([Measurement(n, v, "1") for n, v in found.items()], {f"soak.{what}.failures": NONE})
    return diagnose(Case(board(), LIBRARY.card(X8), Slot(3, lanes), rows))


def test_a_lane_that_was_named_is_the_joint():
    joint, elsewhere = causes(narrowest_width=4, lane_errors__endpoint="5")
    assert joint.title == "intermittent joint, lane 5"
    assert joint.pins == ("A39", "A40")
    assert "reflow A39 A40 (bottom side)" in joint.action
    assert joint.probability > elsewhere.probability
    assert sum(joint.shares) == pytest.approx(joint.probability)
    assert "proven adapter" in elsewhere.action


def test_lanes_named_by_the_root_port_are_on_the_top_side():
    joint = causes(narrowest_width=2, lane_errors__root="2 3")[0]
    assert joint.title == "intermittent joint, lane 2, 3"
    assert set(joint.pins) == {"B25", "B26", "B29", "B30"}


@pytest.mark.parametrize(
    ("width", "where", "some"),
    [
        (4, "lane 4-7", {"A35", "B46"}),
        (2, "lane 2-3", {"A27", "B30"}),
        (1, "lane 1", {"A23", "B22"}),
        (0, "REFCLK, PERST# or lane 0", {"A16", "A17", "A19", "B18", "A1"}),
    ],
)
def test_without_a_name_the_width_tells_which_lanes(width, where, some):
    joint = causes(narrowest_width=width)[0]
    assert joint.title == f"intermittent joint, {where}"
    assert some <= set(joint.pins)
    assert joint.probability < causes(narrowest_width=4, lane_errors__root="5")[0].probability


def test_a_slot_of_four_lanes_does_not_accuse_the_others():
    assert causes(narrowest_width=2, lanes=4)[0].title == "intermittent joint, lane 2-3"


def test_errors_alone_tell_the_side_of_the_board():
    joint = causes(what="traffic", aer__root__correctable=40)[0]
    assert joint.title == "intermittent joint, card to host pairs"
    assert {pin[0] for pin in joint.pins} == {"B"}


def test_a_failure_that_names_nothing_asks_for_the_evidence():
    cause = causes(what="power_cycle", trials=20, failures=1)[0]
    assert (cause.title, cause.pins) == ("fails now and then", ())
    assert "read the trials" in cause.action


@pytest.mark.parametrize(("failures", "needed"), [(1, 598), (3, 199), (100, 5), (200, 1)])
def test_so_many_good_trials_show_that_it_is_better(failures, needed):
    assert f"then {needed} good of {needed} (retrain)" in causes(failures=failures)[0].action


def test_a_soak_without_a_failure_has_no_cause():
    assert causes(failures=0) == ()


# --- 3.3 V aux


@pytest.mark.parametrize(("current_a", "told"), [(0.0004, True), (0.05, False)])
@pytest.mark.parametrize("design", [REV_A, REV_B])
def test_no_current_where_an_envelope_knows_one_is_an_open_aux_joint(design, current_a, told):
    learned = Limit("learned", marginal_low=0.002, high=0.032)
    rows = judge([Measurement("rail.3v3.current_a", current_a, "A")], {"rail.3v3.current_a": learned})
    found = diagnose(Case(board(design), LIBRARY.card(X8), Slot(3, 8), rows))
    assert [c.pins for c in found if c.title == "no 3.3 V aux at the card"] == [("B10",)] * told
