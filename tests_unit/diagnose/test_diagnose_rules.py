import pytest

from rig.config.library import default_library
from rig.diagnose import Case, diagnose
from rig.judge import judge
from rig.model import AdapterUnit, Limit, Measurement, Slot, Verdict
from rig.netlist import Board

LIBRARY = default_library()
ANSWERS = Limit("must answer", one_of=("yes",))
HIGH0, LOW1 = Limit("none allowed", high=0), Limit("must be there", low=1)


def case(found, limits, design="TobleMiner-revA", model="544FLR-QSFP-649283", **unit):
    board = Board(LIBRARY.adapter(design), AdapterUnit(design, "A", **unit))
    rows = judge([Measurement(n, v, "") for n, v in found.items()], limits)
    return Case(board, LIBRARY.card(model), Slot(3, 8), rows)


def first(*args, **kwargs):
    return diagnose(case(*args, **kwargs))[0]


SHORT = Limit("a passive board", low=10.0, marginal_low=200.0)


@pytest.mark.parametrize(
    "design, pair, pins",
    [
        ("TobleMiner-revC", "12V_3V3", {"A1", "A2"}),
        ("KCORES-v1.1", "12V_GND", {"A3", "A4"}),
        ("TobleMiner-revA", "12V_PERST#", {"A1", "A2"}),
        ("TobleMiner-revA", "12V_A4", {"A3", "A4"}),
        ("TobleMiner-revA", "12V_B4", {"B3", "B4"}),
        ("KCORES-v1.0", "PERST#_GND", {"A13", "A14", "A15"}),
    ],
)
def test_a_conducting_pair_names_the_neighbours_that_join_its_nets(design, pair, pins):
    name = f"short.{pair}.ohm"
    cause = first({name: 0.1}, {name: SHORT}, design)
    plus, _, minus = pair.partition("_")
    assert cause.title == f"bridge {plus} to {minus}"
    assert set(cause.pins) == pins
    assert "do not put it into a host" in cause.action


def test_a_broadcom_on_rev_a_needs_the_mod_and_is_not_called_a_bad_joint():
    cause = first({"pcie.present": 0}, {"pcie.present": LOW1}, model="530FLR-SFP+")
    assert cause.title == "needs mod"
    assert {"A10", "A11"} <= set(cause.pins)
    assert "not a bad joint" in cause.action
    assert "JP3" in cause.action


def test_the_same_card_on_a_board_with_the_mod_is_a_matter_of_joints():
    cause = first(
        {"pcie.present": 0, "rail.12v.current_a": 0.5}, {"pcie.present": LOW1}, model="530FLR-SFP+", mods=("broadcom",)
    )
    assert cause.title.startswith("joint open in REFCLK")
    assert "supply path is good" in " ".join(cause.evidence)


@pytest.mark.parametrize("width, lanes, pin", [(4, "lanes 4-7", "A35"), (2, "lanes 2-3", "B26"), (1, "lane 1", "B21")])
def test_a_narrow_link_names_the_lanes_behind_its_width(width, lanes, pin):
    found = {"pcie.link.width": width, "pcie.link.lanes_missing": 8 - width}
    cause = first(found, {"pcie.link.lanes_missing": HIGH0})
    assert lanes in cause.title
    assert pin in cause.pins


ERRORS = Limit("errors", high=10.0, marginal_high=0.07)


def errors(end, kind, prefix="pcie"):
    name = f"{prefix}.aer.{end}.correctable_per_s"
    return {name: 3.0, f"{prefix}.aer.{end}.{kind}": 3}, {name: ERRORS}


@pytest.mark.parametrize("kind", ["RxErr", "BadTLP", "BadDLLP"])
@pytest.mark.parametrize("end, side, row", [("endpoint", "bottom", "A"), ("root", "top", "B")])
def test_the_end_that_receives_badly_names_the_side_of_the_board(end, side, row, kind):
    found, limits = errors(end, kind)
    cause = first({**found, f"pcie.lane_errors.{end}": "1"}, limits)
    assert side in cause.action
    assert cause.pins
    assert all(p.startswith(row) for p in cause.pins)


def test_the_senders_timeouts_do_not_turn_the_direction_round():
    at_root, limits = errors("root", "RxErr")
    at_endpoint, more = errors("endpoint", "Timeout")
    causes = diagnose(case(at_root | at_endpoint, limits | more))
    assert causes[0].title == "poor joint, card to host pairs"
    assert not any("host to card" in c.title for c in causes)


def test_timeouts_alone_are_not_blamed_on_a_joint():
    (cause,) = diagnose(case(*errors("endpoint", "Timeout")))
    assert "ASPM" in cause.action
    assert cause.pins == ()


def test_errors_both_ends_receive_are_two_causes():
    causes = diagnose(
        case(*(a | b for a, b in zip(errors("root", "RxErr"), errors("endpoint", "BadTLP"), strict=True)))
    )
    assert {"poor joint, host to card pairs", "poor joint, card to host pairs"} <= {c.title for c in causes}


@pytest.mark.parametrize(
    "seen, title", [("15b3:01f6", "card in flash recovery"), ("8086:1528", "another card than the batch says")]
)
def test_another_id_than_the_cards_is_told_apart(seen, title):
    cause = first({"pcie.id": seen}, {"pcie.id": Limit("this model", one_of=("15b3:1003",))})
    assert cause.title == title


def test_a_route_that_needs_flashing_is_not_the_adapters_fault():
    cause = first({"firmware.route": "needs flash"}, {"firmware.route": Limit("ethernet", one_of=("port type",))})
    assert cause.title == "needs flash"
    assert "the adapter is good" in cause.action


def test_a_card_without_ethernet_is_not_told_to_be_flashed():
    cause = first({"firmware.route": "no ethernet mode"}, {"firmware.route": Limit("ethernet", one_of=("port type",))})
    assert cause.title == "no ethernet mode"
    assert "flash" not in cause.action


def test_no_carrier_is_never_blamed_on_the_adapter():
    cause = first({"link.port1.carrier": 0}, {"link.port1.carrier": LOW1})
    assert cause.title == "no carrier"
    assert "not an adapter fault" in cause.action


def test_no_current_with_power_on_points_at_the_12_v_pins():
    cause = first({"rail.12v.current_a": 0.0}, {"rail.12v.current_a": Limit("a card draws", low=0.02)})
    assert set(cause.pins) == {"A2", "A3", "B2", "B3"}


def test_a_failure_no_rule_explains_says_so_with_its_evidence():
    cause = first({"pcie.strange": 5}, {"pcie.strange": HIGH0})
    assert cause.title == "unexplained"
    assert "pcie.strange = 5" in cause.evidence[0]


def test_a_unit_without_failures_has_no_cause():
    assert diagnose(case({"pcie.present": 1}, {"pcie.present": LOW1})) == ()


def test_a_case_tells_failed_from_marginal():
    here = case({"a": 15.0}, {"a": Limit("band", low=10.0, marginal_low=20.0)})
    assert [j.verdict for j in here.bad("a")] == [Verdict.MARGINAL]
    assert here.failed("a") == []


@pytest.mark.parametrize(
    ("value", "title"), [("no", "card fell off the bus"), ("reset", "card was reset while its driver ran")]
)
def test_a_card_that_no_longer_answers_as_it_did_is_told_so_and_its_cables_are_not_blamed(value, title):
    found = {"pcie.present": 1, "pcie.answers": value, "link.port1.carrier": 0}
    causes = diagnose(case(found, {"pcie.answers": ANSWERS, "link.port1.carrier": LOW1}, model="561FLR-T"))
    assert [c.title for c in causes] == [title]
    assert {"A2", "B2"} <= set(causes[0].pins) and "another adapter" in causes[0].action


def test_a_kernel_that_tells_nothing_of_links_is_no_card_that_is_gone():
    found = {"pcie.present": 1, "link.port1.carrier": 0}
    causes = diagnose(case(found, {"link.port1.carrier": LOW1}, model="561FLR-T"))
    assert [c.title for c in causes] == ["no carrier"]


def test_a_card_that_was_never_there_did_not_fall_off_the_bus():
    causes = diagnose(case({"pcie.present": 0, "pcie.answers": "no"}, {"pcie.present": LOW1, "pcie.answers": ANSWERS}))
    assert "card fell off the bus" not in [c.title for c in causes]
