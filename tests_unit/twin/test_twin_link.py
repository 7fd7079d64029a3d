"""Width, speed, silence and bit errors as they follow from the joints. Ref: domain notes on symptoms, section 1."""

from __future__ import annotations

import pytest
from twin_bench import DESIGNS, LIBRARY, X8_GEN3, joint, running

from rig.model import AdapterUnit
from rig.netlist import Board, card_needs
from rig.twin.board import Soldered
from rig.twin.link import CARD_TO_HOST, HOST_TO_CARD, blocked, error_rate, train

LANE_PINS = [(p.name, p.lane) for p in LIBRARY.adapter("TobleMiner-revA").pins.values() if p.lane is not None]
WIDTH = {0: 0, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 4}


def bridge(a: str, b: str, ohm: float | None = None) -> dict[str, object]:
    return joint(a, b, state="bridge", ohm=ohm)


def clean(lanes: int = 8) -> dict[tuple[int, str], float]:
    return {(lane, way): 0.01 for lane in range(lanes) for way in (HOST_TO_CARD, CARD_TO_HOST)}


def test_all_32_lane_pins_are_there():
    assert len(LANE_PINS) == 32


@pytest.mark.parametrize(("pin", "lane"), LANE_PINS)
def test_one_open_lane_pin_narrows_the_link_to_the_lanes_below(pin, lane):
    assert running(joints=[joint(pin)]).link["width"] == WIDTH[lane]


@pytest.mark.parametrize("design", DESIGNS)
def test_a_good_board_of_every_design_runs_x8_at_8_gt(design):
    assert running(design).link == {"width": 8, "gen": 3, "why": ""}


@pytest.mark.parametrize(
    ("pins", "width"),
    [
        (("A35", "A36"), 4),
        (("A36", "A37"), 4),
        (("B29", "B30"), 2),
        (("A22", "A23"), 1),
        (("A18", "A19"), 0),
        (("B16", "B17"), 0),
    ],
)
def test_a_bridge_on_a_lane_pin_kills_the_pair(pins, width):
    assert running(joints=[bridge(*pins)]).link["width"] == width


def test_the_worst_of_several_bad_lanes_counts():
    assert running(joints=[joint("A47"), joint("B25")]).link["width"] == 2


@pytest.mark.parametrize(
    ("slot", "model", "expected"),
    [
        ({"gen": 3, "lanes": 4}, X8_GEN3, (4, 3)),
        ({"gen": 2, "lanes": 8}, X8_GEN3, (8, 2)),
        ({"gen": 1, "lanes": 1}, X8_GEN3, (1, 1)),
        ({"gen": 4, "lanes": 16}, X8_GEN3, (8, 3)),
        ({"gen": 3, "lanes": 8}, "561FLR-T", (8, 2)),
        ({"gen": 3, "lanes": 8}, "366FLR", (4, 2)),
        ({"gen": 3, "lanes": 8}, "562FLR-T", (4, 3)),
    ],
)
def test_the_link_is_the_smaller_of_slot_and_card(slot, model, expected):
    link = running("TobleMiner-revC", model, host={"slot": slot}).link
    assert (link["width"], link["gen"]) == expected


def test_an_x4_card_never_sees_a_fault_on_lanes_4_to_7():
    assert running(model="366FLR", joints=[joint("A35"), joint("B46")]).link["width"] == 4


@pytest.mark.parametrize("pins", [("A16",), ("A17",)])
def test_without_a_leg_of_the_clock_there_is_no_link(pins):
    link = running(joints=[joint(*pins)]).link
    assert (link["width"], "REFCLK" in str(link["why"])) == (0, True)


@pytest.mark.parametrize("pins", [("A15", "A16"), ("A16", "A17"), ("A17", "A18")])
def test_a_bridged_clock_is_no_clock(pins):
    assert "REFCLK" in str(running(joints=[bridge(*pins)]).link["why"])


@pytest.mark.parametrize(
    ("design", "joints"),
    [
        ("TobleMiner-revA", [joint("A1")]),
        ("TobleMiner-revB", [joint("A14")]),
        ("KCORES-v1.1", [joint("A14")]),
        ("TobleMiner-revC", [bridge("A13", "A14")]),
        ("TobleMiner-revB", [bridge("A14", "A15")]),
    ],
)
def test_a_reset_that_does_not_arrive_or_is_held_keeps_the_card_silent(design, joints):
    link = running(design, joints=joints).link
    assert (link["width"], "PERST#" in str(link["why"])) == (0, True)


def test_on_rev_a_with_default_jumpers_a14_may_float_but_not_be_grounded():
    assert running(joints=[joint("A14")]).link["width"] == 8
    for pins in (("A13", "A14"), ("A14", "A15")):
        assert "PERST# pin A14 is held low" in str(running(joints=[bridge(*pins)]).link["why"])


def test_a_560flr_on_rev_a_needs_its_reset_at_a14():
    assert running(model="560FLR-SFP+").link["width"] == 0
    assert running(model="560FLR-SFP+", jumpers={"JP3": "2-3"}).link["width"] == 8
    assert running(model="560FLR-SFP+", mods=["perst-a14"]).link["width"] == 8


@pytest.mark.parametrize(
    ("design", "mods", "width"),
    [
        ("TobleMiner-revA", [], 0),
        ("TobleMiner-revA", ["broadcom"], 8),
        ("TobleMiner-revB", [], 0),
        ("TobleMiner-revC", [], 8),
        ("KCORES-v1.0", [], 0),
        ("KCORES-v1.1", [], 8),
    ],
)
def test_broadcom_cards_need_a10_and_a11_high(design, mods, width):
    assert running(design, "530FLR-SFP+", mods=mods).link["width"] == width


@pytest.mark.parametrize("pin", ["A1", "A10", "A11"])
def test_an_open_strap_joint_silences_a_broadcom_card_only(pin):
    assert running("TobleMiner-revC", "530FLR-SFP+", [joint(pin)]).link["width"] == 0
    assert running("TobleMiner-revC", X8_GEN3, [joint(pin)]).link["width"] == 8


def test_a_bridge_beside_a_strap_that_is_high_holds_its_neighbour_high():
    jumpers_and_wire = {"joints": [bridge("A10", "A11"), joint("A11")]}
    assert running("TobleMiner-revC", "530FLR-SFP+", **jumpers_and_wire).link["width"] == 0
    assert running("TobleMiner-revC", "530FLR-SFP+", [bridge("A10", "A11")]).link["width"] == 8


@pytest.mark.parametrize("design", DESIGNS)
def test_good_boards_and_the_netlist_agree_for_every_card(design):
    board = Board(LIBRARY.adapter(design), AdapterUnit(design, "A-1"))
    for card in LIBRARY.cards():
        if card.pcie_card:
            assert bool(blocked(Soldered(board), card)) == bool(card_needs(board, card)), (design, card.model)


# --- poor joints ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ohm", "generation"), [(30, 3), (99, 3), (100, 2), (299, 2), (300, 1), (999, 1)])
def test_one_poor_pair_slows_the_whole_link(ohm, generation):
    link = train(clean() | {(5, HOST_TO_CARD): ohm}, 3, 8)
    assert (link.width, link.generation) == (8, generation)


def test_a_kilohm_in_a_leg_is_no_lane():
    assert train(clean() | {(5, HOST_TO_CARD): 1000}, 3, 8).width == 4


def test_errors_grow_with_resistance_and_with_generation():
    assert error_rate(1.0, 3) == 0
    assert error_rate(30, 1) < error_rate(30, 2) < error_rate(30, 3)
    assert error_rate(20, 3) < error_rate(30, 3)
    assert 1 <= error_rate(30, 3) <= 10
    assert 0.1 <= error_rate(30, 2) < 1


def errors(pin: str, seconds: float = 30, *, ohm: float = 30, **kw: object):
    bench = running(joints=[joint(pin, state="resistive", ohm=ohm)], **kw)
    bench.wait(seconds)
    view = bench.world.view()
    return dict(view.functions[0].correctable or {}), dict(view.root_port.correctable or {}), view


def lane_errors(config: bytes) -> int:
    at = 0x160 + 8
    return int.from_bytes(config[at : at + 4], "little")


def test_a_poor_pair_to_the_card_is_counted_at_the_endpoint():
    card, port, view = errors("A27")
    assert card["RxErr"] > 20
    assert port["RxErr"] == port["BadTLP"] == port["BadDLLP"] == 0
    assert lane_errors(view.functions[0].config) == 1 << 2
    assert lane_errors(view.root_port.config) == 0


def test_a_poor_pair_to_the_host_is_counted_at_the_root_port():
    card, port, view = errors("B22")
    assert port["RxErr"] > 20
    assert card["RxErr"] == card["BadTLP"] == card["BadDLLP"] == 0
    assert lane_errors(view.root_port.config) == 1 << 1
    assert lane_errors(view.functions[0].config) == 0


def test_replay_timeouts_are_counted_at_the_sender():
    card, port, _ = errors("B22", 600)
    assert card["Timeout"] > 0
    assert port["Timeout"] == 0


def test_a_gen2_link_has_fewer_errors_and_no_lane_status():
    fast, _, _ = errors("A27", 60)
    slow, _, view = errors("A27", 60, host={"slot": {"gen": 2}})
    assert 0 < sum(slow.values()) < sum(fast.values()) / 3
    assert lane_errors(view.functions[0].config) == 0


def test_a_poor_pair_on_a_lane_that_is_not_used_makes_no_errors():
    bench = running(joints=[joint("A35"), joint("A47", state="resistive", ohm=30)])
    bench.wait(60)
    assert not any((bench.world.view().functions[0].correctable or {}).values())


def test_a_good_board_has_no_errors_at_all():
    bench = running()
    bench.wait(600)
    view = bench.world.view()
    assert not any((view.functions[0].correctable or {}).values())
    assert not any((view.root_port.correctable or {}).values())


def test_the_same_seed_makes_the_same_errors_and_another_seed_others():
    assert errors("A27", seed=5)[0] == errors("A27", seed=5)[0]
    assert errors("A27", seed=5)[0] != errors("A27", seed=6)[0]


def test_a_kernel_without_aer_has_no_counts_but_the_status_stays_latched():
    bench = running(joints=[joint("A27", state="resistive", ohm=30)], host={"aer": False})
    bench.wait(60)
    view = bench.world.view()
    assert view.functions[0].correctable is None
    assert view.root_port.correctable is None
    assert view.functions[0].config[0x110] & 1


def test_counts_start_again_with_every_boot():
    bench = running(joints=[joint("A27", state="resistive", ohm=30)])
    bench.wait(60)
    bench.world.set_mains(False)
    bench.world.host_state("off")
    bench.boot()
    bench.world.host_state("up")
    assert sum((bench.world.view().functions[0].correctable or {}).values()) < 60
