"""The five published layouts under every jumper and mod, and what follows from their copper."""

from __future__ import annotations

from itertools import product

import pytest

from rig.config.library import Library, default_library
from rig.errors import UsageError
from rig.model import AdapterUnit
from rig.netlist import RAILS, Board, card_needs, dangerous_bridges, joined_pads, probe_pairs

REV_A, REV_B, REV_C = "TobleMiner-revA", "TobleMiner-revB", "TobleMiner-revC"
KCORES_10, KCORES_11 = "KCORES-v1.0", "KCORES-v1.1"
DESIGNS = (REV_A, REV_B, REV_C, KCORES_10, KCORES_11)
EDGE_PAIRS = (
    ("12V", "PERST#"),
    ("12V", "3V3"),
    ("12V", "3V3AUX"),
    ("12V", "GND"),
    ("3V3", "GND"),
    ("3V3AUX", "GND"),
    ("PERST#", "GND"),
)


@pytest.fixture(scope="module")
def library() -> Library:
    return default_library()


def board_of(library: Library, design: str, mods: tuple[str, ...] = (), **jumpers: str) -> Board:
    return Board(library.adapter(design), AdapterUnit(design, "T1", jumpers, mods))


def every_board(library: Library, design: str) -> list[Board]:
    """The layout under every setting of its jumpers and every mod."""
    adapter = library.adapter(design)
    ways = {2: ("open", "closed"), 3: ("open", "1-2", "2-3", "1-2-3")}
    settings = product(*(ways[len(j.pads)] for j in adapter.jumpers.values()))
    units = [AdapterUnit(design, "T1", dict(zip(adapter.jumpers, s, strict=True))) for s in settings]
    units += [AdapterUnit(design, "T1", mods=(mod,)) for mod in adapter.mods]
    return [Board(adapter, unit) for unit in units]


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("design", "pin", "net"),
    [
        (REV_A, "A1", "PERST#"),
        (REV_A, "A2", "12V"),
        (REV_A, "A14", "Net-(J2-PadA14)"),
        (REV_A, "B1", "12V"),
        (REV_A, "B10", "3V3AUX"),
        (REV_A, "+3V3", "3V3AUX"),
        (REV_A, "A4", "local:A4"),
        (REV_A, "edge:A11", "PERST#"),
        (REV_A, "edge:A5", "JTAG_TCK"),
        (REV_A, "edge:A19", "edge:A19"),
        (REV_B, "A1", "3V3AUX"),
        (REV_B, "A14", "PERST#"),
        (REV_C, "A1", "3V3"),
        (REV_C, "A10", "3V3"),
        (REV_C, "A9", "WAKE#"),
        (KCORES_10, "A1", "3V3"),
        (KCORES_10, "A10", "/SDP1_3"),
        (KCORES_10, "A16", "REFCLK+"),
        (KCORES_11, "A11", "3V3"),
        (KCORES_11, "edge:B48", "GND"),
        (KCORES_11, "A19", "PETp0"),
    ],
)
def test_a_net_goes_by_its_edge_name_where_it_reaches_the_edge(
    library: Library, design: str, pin: str, net: str
) -> None:
    assert board_of(library, design).net_of(pin) == net


@pytest.mark.parametrize("design", [REV_A, REV_B])
def test_the_main_3v3_of_rev_a_and_b_exists_at_the_fingers_alone(library: Library, design: str) -> None:
    board = board_of(library, design)
    assert "3V3" in board.edge_nets()
    assert [pin for pin in board.adapter.pins if board.joined(pin, "3V3")] == []
    assert board.joined("edge:A9", "edge:B8")


@pytest.mark.parametrize("design", DESIGNS)
def test_no_two_rails_are_joined_as_delivered(library: Library, design: str) -> None:
    board = board_of(library, design)
    assert sorted({board.net_of(rail) for rail in RAILS}) == sorted(RAILS)


@pytest.mark.parametrize("design", DESIGNS)
def test_every_lane_pin_is_one_wire_to_the_finger_of_its_function(library: Library, design: str) -> None:
    board = board_of(library, design)
    wires = [pin for lane in range(8) for pin in board.lane_pins(lane)]
    assert len(wires) == 32
    assert all(board.net_of(pin.name) == pin.function for pin in wires)


def test_an_unknown_name_is_refused_with_what_there_is(library: Library) -> None:
    board = board_of(library, REV_A)
    with pytest.raises(UsageError, match=r"no pin or net 'PERST', did you mean 'PERST#'.*A1 to A49 and B1 to B49"):
        board.net_of("PERST")
    with pytest.raises(UsageError, match="no connector pin 'A50'; it has pins A1 to A49 and B1 to B49"):
        board.pin("A50")


# --- jumpers and mods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "at_a1", "at_a14"),
    [("1-2", True, False), ("2-3", False, True), ("1-2-3", True, True), ("open", False, False)],
)
def test_jp3_of_rev_a_takes_perst_to_a1_or_a14_or_both(
    library: Library, setting: str, at_a1: bool, at_a14: bool
) -> None:
    board = board_of(library, REV_A, JP3=setting)
    assert (board.joined("A1", "PERST#"), board.joined("A14", "PERST#")) == (at_a1, at_a14)


def test_an_open_jumper_cuts_its_net(library: Library) -> None:
    board = board_of(library, REV_A, JP1="open", JP2="open")
    assert not board.on_edge("B10")
    assert not board.on_edge("B1")


def test_jp4_joins_the_presence_fingers(library: Library) -> None:
    assert board_of(library, REV_A).joined("edge:A1", "edge:B48")
    assert board_of(library, REV_A, JP4="2-3").joined("edge:A1", "edge:B31")


def test_a_fitted_resistor_is_a_resistor_and_no_copper(library: Library) -> None:
    board = board_of(library, REV_A, R1="closed")
    assert board.resistors() == (("PERST#", "3V3AUX", 100000.0),)
    assert not board.joined("PERST#", "3V3AUX")
    assert board_of(library, REV_A).resistors() == ()


@pytest.mark.parametrize(
    ("ref", "setting", "why"),
    [
        ("JP9", "open", "no jumper 'JP9'; it has the jumpers JP1, JP2, JP3, JP4, R1, R2"),
        ("JP3", "closed", "jumper JP3 has pads 1, 2, 3: expected 'open' or the pads joined"),
        ("JP3", "2-4", "got '2-4'"),
        ("JP3", "2", "got '2'"),
        ("JP3", "2-2", "got '2-2'"),
        ("JP3", "", "got ''"),
        ("JP1", "shut", "expected 'open' or 'closed' or the pads joined, such as '1-2', got 'shut'"),
    ],
)
def test_a_wrong_jumper_is_refused_with_what_there_is(library: Library, ref: str, setting: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        board_of(library, REV_A, **{ref: setting})


def test_a_design_without_jumpers_says_so(library: Library) -> None:
    with pytest.raises(UsageError, match=r"KCORES-v1\.0 has no jumper 'JP3'; it has no jumpers"):
        board_of(library, KCORES_10, JP3="2-3")


def test_an_unknown_mod_is_refused_with_those_there_are(library: Library) -> None:
    with pytest.raises(UsageError, match="no published mod 'intel'; it has the mods perst-a14, broadcom"):
        board_of(library, REV_A, mods=("intel",))


def test_both_pads_of_a_two_pad_jumper_may_be_named() -> None:
    assert joined_pads("JP1", ("1", "2"), "1-2") == joined_pads("JP1", ("1", "2"), "closed") == (("1", "2"),)


def test_the_broadcom_mod_of_rev_a_is_the_published_one(library: Library) -> None:
    board = board_of(library, REV_A, mods=("broadcom",))
    assert [board.net_of(pin) for pin in ("A1", "A10", "A11", "A14")] == [
        "3V3AUX",
        "3V3AUX",
        "3V3AUX",
        "PERST#",
    ]
    assert [board.net_of(pin) for pin in ("A4", "A5", "A6", "A7", "A8")] == ["GND"] * 5
    assert not board.on_edge("B1")


def test_what_the_unit_says_of_a_jumper_wins_over_its_mods(library: Library) -> None:
    board = board_of(library, REV_A, mods=("perst-a14",), JP3="1-2-3")
    assert board.joined("A1", "A14")


def test_a_board_modified_once_more_takes_the_jumpers_of_the_mod(library: Library) -> None:
    board = board_of(library, REV_A, JP3="1-2", JP4="2-3").modified("perst-a14")
    assert board.joined("A14", "PERST#")
    assert not board.on_edge("A1")
    assert board.unit.jumpers == {"JP4": "2-3"}


# --- neighbours, bridges, probing ---------------------------------------------------------------------------


@pytest.mark.parametrize("design", DESIGNS)
def test_every_row_has_48_pairs_of_neighbours(library: Library, design: str) -> None:
    neighbours = board_of(library, design).neighbours()
    assert len(neighbours) == len(set(neighbours)) == 96
    assert sum(a.startswith("A") and b.startswith("A") for a, b in neighbours) == 48


@pytest.mark.parametrize("design", DESIGNS)
def test_neighbours_are_symmetric(library: Library, design: str) -> None:
    board = board_of(library, design)
    assert all(board.can_bridge(a, b) == board.can_bridge(b, a) for a, b in board.neighbours())
    near = {frozenset(pair) for pair in board.neighbours()}
    can = {frozenset((a, b)) for a in board.adapter.pins for b in board.adapter.pins if board.can_bridge(a, b)}
    assert can < near


def test_nothing_bridges_across_the_key_or_between_rows(library: Library) -> None:
    board = board_of(library, REV_A)
    assert sum(board.can_bridge(*pair) for pair in board.neighbours()) == 94
    assert board.can_bridge("A10", "A11")
    assert board.can_bridge("A13", "A12")
    assert not board.can_bridge("A11", "A12")
    assert not board.can_bridge("A3", "B4")
    assert not board.can_bridge("A3", "A5")


FACT_7 = {
    REV_A: {
        ("A1", "A2"): "12 V on PERST#, into the card and the motherboard",
        ("A3", "A4"): "card's pin A4",
        ("B3", "B4"): "card's pin B4",
    },
    REV_B: {("A1", "A2"): "12 V on 3V3AUX", ("A3", "A4"): "card's pin A4", ("B3", "B4"): "card's pin B4"},
    REV_C: {
        ("A1", "A2"): "12 V on 3V3,",
        ("A3", "A4"): "shorts 12 V to ground",
        ("B3", "B4"): "card's pin B4",
        ("B9", "B10"): "shorts 3V3AUX to ground",
        ("B10", "B11"): "shorts 3V3AUX to ground",
    },
}
FACT_7 |= {KCORES_10: FACT_7[REV_C], KCORES_11: FACT_7[REV_C]}


@pytest.mark.parametrize("design", DESIGNS)
def test_the_dangerous_bridges_are_those_of_the_domain_notes(library: Library, design: str) -> None:
    found = dangerous_bridges(board_of(library, design))
    assert set(found) == set(FACT_7[design])
    assert all(text in found[pair] for pair, text in FACT_7[design].items())


def test_no_single_bridge_shorts_a_supply_of_rev_a_to_ground(library: Library) -> None:
    assert not any("to ground" in harm for harm in dangerous_bridges(board_of(library, REV_A)).values())


def test_a_modified_rev_a_has_other_dangers(library: Library) -> None:
    found = dangerous_bridges(board_of(library, REV_A, mods=("broadcom",)))
    assert "12 V on 3V3AUX" in found["A1", "A2"]
    assert found["A3", "A4"] == "shorts 12 V to ground"


def test_12_v_beside_vdet_is_no_danger(library: Library) -> None:
    assert ("B1", "B2") not in dangerous_bridges(board_of(library, REV_A, JP2="open"))


@pytest.mark.parametrize(
    ("design", "pins"),
    [(REV_A, ["A4", "B4"]), (REV_B, ["A4", "B4"]), (REV_C, ["B4"]), (KCORES_10, ["B4"]), (KCORES_11, ["B4"])],
)
def test_probing_starts_rail_to_rail_and_ends_at_card_only_pins_beside_12_v(
    library: Library, design: str, pins: list[str]
) -> None:
    pairs = probe_pairs(board_of(library, design))
    assert pairs == (*EDGE_PAIRS, *(("12V", pin) for pin in pins))


def test_a1_of_rev_a_is_probed_at_the_connector_when_perst_moved_away(library: Library) -> None:
    assert ("12V", "A1") in probe_pairs(board_of(library, REV_A, JP3="2-3"))


@pytest.mark.parametrize("design", DESIGNS)
def test_every_pair_ever_probed_has_a_limit_and_every_dangerous_bridge_a_pair(library: Library, design: str) -> None:
    for board in every_board(library, design):
        pairs = probe_pairs(board)
        assert {f"short.{plus}_{minus}.ohm" for plus, minus in pairs} <= set(board.adapter.limits)
        probed = {frozenset(board.net_of(point) for point in pair) for pair in pairs}
        assert {frozenset(board.net_of(pin) for pin in pair) for pair in dangerous_bridges(board)} <= probed


STRAPS = [("A10", "high", "nothing"), ("A11", "high", "nothing")]


# --- cards --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("design", "mods", "card", "unmet"),
    [
        (REV_A, (), "561FLR-T", []),
        (REV_A, (), "682148", []),
        (REV_A, (), "560FLR-SFP+", [("A14", "PERST#", "nothing")]),
        (REV_A, ("perst-a14",), "560FLR-SFP+", []),
        (REV_A, (), "530FLR-SFP+", [("A1", "high", "PERST#"), *STRAPS, ("A14", "PERST#", "nothing")]),
        (REV_A, ("broadcom",), "530FLR-SFP+", []),
        (REV_B, (), "533FLR-T", STRAPS),
        (REV_B, ("broadcom",), "533FLR-T", []),
        (REV_C, (), "331FLR", []),
        (KCORES_10, (), "331FLR", STRAPS),
        (KCORES_10, ("broadcom",), "331FLR", []),
        (KCORES_11, (), "530FLR-SFP+", []),
    ],
)
def test_what_a_card_needs_and_a_layout_does_not_give(
    library: Library, design: str, mods: tuple[str, ...], card: str, unmet: list[tuple[str, str, str]]
) -> None:
    found = card_needs(board_of(library, design, mods), library.card(card))
    assert [(u.pin, u.needs, u.has) for u in found] == unmet


def test_no_card_starts_without_perst_at_a14_or_a1(library: Library) -> None:
    (unmet,) = card_needs(board_of(library, REV_A, JP3="open"), library.card("561FLR-T"))
    assert (unmet.pin, unmet.needs, unmet.has) == ("A14", "PERST#", "nothing")


def test_an_open_joint_gives_the_card_nothing(library: Library) -> None:
    board = board_of(library, KCORES_11)
    (strap,) = card_needs(board, library.card("331FLR"), open_pins={"A10"})
    assert (strap.pin, strap.has) == ("A10", "an open joint")
    (reset,) = card_needs(board, library.card("682148"), open_pins={"A14"})
    assert (reset.pin, reset.needs) == ("A14", "PERST#")


def test_the_needs_of_every_card_agree_with_every_report_but_the_one_in_conflict(library: Library) -> None:
    disagree = set()
    for card in library.cards():
        for report in (r for r in card.reports if r.design in library.designs()):
            carried = not card_needs(board_of(library, report.design), card)
            if carried != (report.result == "ok"):
                disagree.add((card.model, report.design, report.result))
    assert disagree == {("533FLR-T", KCORES_10, "ok")}


def test_some_published_mod_helps_wherever_a_report_says_a_mod_is_needed(library: Library) -> None:
    helped = []
    for card in library.cards():
        for report in (r for r in card.reports if r.result == "needs_mod"):
            board = board_of(library, report.design)
            helped.append(any(not card_needs(board.modified(mod), card) for mod in board.adapter.mods))
    assert helped == [True] * 6
