"""What a fault shows, from copper alone. Ref: domain notes on symptoms, sections 0 to 2."""

import pytest
from doctor_cases import DESIGNS, KCORES_11, LIBRARY, REV_A, REV_B, REV_C, X8, board

from rig.diagnose.physics import GOOD, Fault, setup, signs_of
from rig.diagnose.unseen import of_bridge, of_open
from rig.model import Slot


def on(design=REV_A, model=X8, lanes=8, **unit):
    return setup(board(design, **unit), LIBRARY.card(model), Slot(3, lanes))


def opened(*pins, **where):
    return signs_of(on(**where), Fault(opens=frozenset(pins)))


def bridged(a, b, **where):
    return signs_of(on(**where), Fault(bridges=frozenset([(a, b)])))


@pytest.mark.parametrize("design", DESIGNS)
def test_a_board_without_a_fault_shows_nothing(design):
    assert signs_of(on(design), Fault()) == GOOD


@pytest.mark.parametrize(("pin", "width"), [("A35", 4), ("B46", 4), ("A27", 2), ("B30", 2), ("B21", 1)])
def test_a_bad_lane_leaves_the_lanes_before_it(pin, width):
    signs = opened(pin)
    assert max(signs.widths, key=lambda w: w[1])[0] == width
    assert signs.absent == 0


@pytest.mark.parametrize("pin", ["A19", "A20", "B17", "B18", "A16", "A17", "A1"])
def test_without_clock_reset_or_lane_0_the_card_is_not_there(pin):
    assert opened(pin).absent > 0.8


@pytest.mark.parametrize(("design", "pin"), [(REV_A, "A14"), (REV_B, "A1"), (KCORES_11, "A1")])
def test_the_other_reset_pin_is_not_missed_by_this_card(design, pin):
    assert opened(pin, design=design) == GOOD


def test_a_broadcom_misses_its_straps_where_the_layout_has_them():
    assert opened("A10", design=KCORES_11, model="530FLR-SFP+").absent > 0.9
    assert opened("A10", design=KCORES_11).absent == 0


def test_one_12_v_pin_is_not_missed_and_all_of_them_are():
    assert opened("A2") == GOOD
    assert opened("A2", "A3", "B2", "B3").unfed > 0.9


@pytest.mark.parametrize(
    ("design", "pair", "conducts"),
    [
        (REV_A, ("A1", "A2"), "12V_PERST#"),
        (REV_B, ("A1", "A2"), "12V_3V3AUX"),
        (REV_C, ("A1", "A2"), "12V_3V3"),
        (REV_C, ("A3", "A4"), "12V_GND"),
        (REV_A, ("A3", "A4"), "12V_A4"),
        (REV_C, ("B9", "B10"), "3V3AUX_GND"),
        (REV_B, ("A13", "A14"), "PERST#_GND"),
    ],
)
def test_a_bridge_between_probed_nets_conducts_there_alone(design, pair, conducts):
    assert bridged(*pair, design=design).conducting == {conducts}


def test_a_leg_to_ground_or_to_its_twin_kills_the_lane_as_an_open_does():
    width = [max(bridged(*pair).widths, key=lambda w: w[1])[0] for pair in (("A34", "A35"), ("A35", "A36"))]
    assert width == [4, 4]


def test_12_v_beside_the_pin_that_takes_it_is_harmless():
    assert bridged("B1", "B2", design=REV_C) == GOOD


def test_a_poor_pair_errs_at_its_receiver_and_names_its_lane():
    signs = signs_of(on(), Fault(poor=frozenset(["B21", "B22"])))
    assert [end for end, _ in signs.errors] == ["root"]
    assert {(end, lane) for end, lane, _ in signs.lanes} == {("root", 1)}


def test_lanes_that_a_narrow_slot_does_not_carry_show_nothing():
    assert opened("A35", lanes=4) == GOOD
    assert "x8 slot" in str(of_open(on(lanes=4), "A35"))


@pytest.mark.parametrize(
    ("pin", "says"),
    [("A5", "ground pins in parallel"), ("A2", "12 V pins in parallel"), ("A4", "no copper"), ("B10", "rig envelope")],
)
def test_an_open_joint_that_shows_nothing_has_a_reason_and_a_check(pin, says):
    assert says in str(of_open(on(), pin))


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        (("A11", "A12"), "key lies between"),
        (("A21", "A22"), "both are GND"),
        (("A4", "A5"), "NCSI_CLK"),
        (("B9", "B10"), "holds a pin of the card high"),
    ],
)
def test_a_bridge_that_shows_nothing_has_a_reason_and_a_check(pair, says):
    assert says in str(of_bridge(on(), pair))


@pytest.mark.parametrize("pair", [("A13", "A14"), ("A14", "A15")])
def test_the_cards_reset_pin_to_ground_keeps_it_silent_where_the_layout_feeds_another(pair):
    assert of_bridge(on(), pair) is None
    assert bridged(*pair).absent > 0.8


@pytest.mark.parametrize("pin", ["A1", "A16", "A35"])
def test_what_shows_is_not_called_unseen(pin):
    assert of_open(on(), pin) is None
