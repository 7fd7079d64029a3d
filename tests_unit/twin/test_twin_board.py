"""Resistances of bare boards: what a meter and the supply see. Ref: domain notes on symptoms, sections 0 to 2."""

from __future__ import annotations

import math

import pytest
from twin_bench import DESIGNS, LIBRARY, bench_with, joint

from rig.config.twin import Joint
from rig.errors import UsageError
from rig.model import AdapterUnit
from rig.netlist import Board
from rig.twin.board import Soldered
from rig.twin.network import Norton, Resistor, potentials_v, resistance_ohm

RAILS = ("12V", "3V3", "3V3AUX", "PERST#", "GND")
PAIRS = [(a, b) for n, a in enumerate(RAILS) for b in RAILS[n + 1 :]]


def soldered(design: str, *joints: dict[str, object], **unit: object) -> Soldered:
    board = Board(LIBRARY.adapter(design), AdapterUnit(design, "A-1", **unit))
    return Soldered(board, [Joint.model_validate(j) for j in joints])


def bridge(a: str, b: str, ohm: float | None = None) -> dict[str, object]:
    return joint(a, b, state="bridge", ohm=ohm)


def conducting(board: Soldered) -> set[frozenset[str]]:
    return {frozenset(p) for p in PAIRS if board.resistance_ohm(*p) < 1.0}


def test_resistors_in_series_and_parallel_add_up_as_they_should():
    ladder = [Resistor("a", "b", 10), Resistor("b", "c", 20), Resistor("a", "c", 30)]
    assert resistance_ohm(ladder, "a", "c") == pytest.approx(15.0)


def test_a_wheatstone_bridge_out_of_balance_is_solved():
    bridge_of_five = [Resistor("a", "b", 1), Resistor("a", "c", 2), Resistor("b", "c", 5), Resistor("b", "d", 2),
                      Resistor("c", "d", 1)]  # fmt: skip
    assert resistance_ohm(bridge_of_five, "a", "d") == pytest.approx(19 / 13)


def test_nodes_that_nothing_joins_are_infinitely_far_apart():
    assert resistance_ohm([Resistor("a", "b", 1), Resistor("c", "d", math.inf)], "a", "d") == math.inf
    assert resistance_ohm([Resistor("c", "d", math.inf)], "c", "d") == math.inf


def test_a_voltage_source_and_a_load_divide():
    volts = potentials_v([Resistor("s", "l", 1.0)], {"s": [Norton(1e3, 12e3)], "l": [Norton(0.5, 0.0)]}, "g")
    assert volts["l"] == pytest.approx(12 / 3 * 2, rel=1e-3)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_good_bare_board_joins_no_two_rails(design):
    assert conducting(soldered(design)) == set()


@pytest.mark.parametrize(
    ("design", "pins", "short"),
    [
        ("TobleMiner-revA", ("A1", "A2"), {"12V", "PERST#"}),
        ("TobleMiner-revB", ("A1", "A2"), {"12V", "3V3AUX"}),
        ("TobleMiner-revC", ("A1", "A2"), {"12V", "3V3"}),
        ("TobleMiner-revC", ("A3", "A4"), {"12V", "GND"}),
        ("TobleMiner-revC", ("B9", "B10"), {"3V3AUX", "GND"}),
        ("TobleMiner-revC", ("B10", "B11"), {"3V3AUX", "GND"}),
        ("KCORES-v1.0", ("A1", "A2"), {"12V", "3V3"}),
        ("KCORES-v1.0", ("A3", "A4"), {"12V", "GND"}),
        ("KCORES-v1.0", ("B9", "B10"), {"3V3AUX", "GND"}),
        ("KCORES-v1.1", ("B10", "B11"), {"3V3AUX", "GND"}),
        ("TobleMiner-revC", ("A13", "A14"), {"PERST#", "GND"}),
        ("TobleMiner-revB", ("A14", "A15"), {"PERST#", "GND"}),
        ("KCORES-v1.1", ("A13", "A14"), {"PERST#", "GND"}),
    ],
)
def test_a_bridge_shorts_exactly_the_rails_it_lies_between(design, pins, short):
    assert conducting(soldered(design, bridge(*pins))) == {frozenset(short)}


@pytest.mark.parametrize(
    "pins", [("A3", "A4"), ("B3", "B4"), ("A13", "A14"), ("A14", "A15"), ("B9", "B10"), ("B10", "B11")]
)
def test_on_rev_a_these_bridges_cannot_be_seen_from_the_fingers(pins):
    assert conducting(soldered("TobleMiner-revA", bridge(*pins))) == set()


@pytest.mark.parametrize("design", ["TobleMiner-revB", "TobleMiner-revC", "KCORES-v1.0", "KCORES-v1.1"])
def test_b3_b4_stays_card_only_on_every_later_design(design):
    assert conducting(soldered(design, bridge("B3", "B4"))) == set()


def test_no_single_bridge_on_rev_a_shorts_a_supply_to_ground():
    board = soldered("TobleMiner-revA")
    for a, b in board.board.neighbours():
        if board.board.can_bridge(a, b):
            shorts = conducting(soldered("TobleMiner-revA", bridge(a, b)))
            assert not any("GND" in pair and pair & {"12V", "3V3", "3V3AUX"} for pair in shorts), (a, b)


def test_two_bridges_in_a_row_do_short_12_v_to_ground_on_rev_a():
    assert conducting(soldered("TobleMiner-revA", bridge("A3", "A4"), bridge("A4", "A5"))) == {
        frozenset({"12V", "GND"})
    }


def test_jp3_across_2_3_moves_reset_and_its_bridges_to_a14():
    moved = {"jumpers": {"JP3": "2-3"}}
    assert conducting(soldered("TobleMiner-revA", bridge("A1", "A2"), **moved)) == set()
    assert conducting(soldered("TobleMiner-revA", bridge("A13", "A14"), **moved)) == {frozenset({"PERST#", "GND"})}


def test_a_connector_contact_shows_the_bridge_that_the_fingers_hide():
    board = soldered("TobleMiner-revA", bridge("A3", "A4"))
    assert board.resistance_ohm("12V", "A4") == pytest.approx(0.11)
    assert soldered("TobleMiner-revA").resistance_ohm("12V", "A4") == math.inf


def test_a_joint_lies_between_the_contact_and_the_copper():
    poor = soldered("TobleMiner-revA", joint("A16", state="resistive", ohm=50))
    assert poor.resistance_ohm("A16", "REFCLK+") == pytest.approx(50)
    assert soldered("TobleMiner-revA", joint("A16")).resistance_ohm("A16", "REFCLK+") == math.inf
    assert soldered("TobleMiner-revA").resistance_ohm("A2", "A3") == pytest.approx(0.02)


def test_a_bridge_has_the_resistance_the_twin_file_gives_it():
    assert soldered("TobleMiner-revC", bridge("A3", "A4", 47)).resistance_ohm("12V", "GND") == pytest.approx(47)


def test_a_fitted_pull_up_is_100_kilohm_and_no_short():
    board = soldered("TobleMiner-revA", jumpers={"R1": "closed"})
    assert board.resistance_ohm("PERST#", "3V3AUX") == pytest.approx(100e3, rel=1e-4)


@pytest.mark.parametrize(
    ("faulty", "told"),
    [
        (joint("A50"), "A49"),
        (bridge("A4", "A6"), "neighbours"),
        (bridge("A4", "B4"), "neighbours"),
        (bridge("A11", "A12"), "key"),
        (joint("A4", state="bridge"), "neighbours"),
    ],
)
def test_a_joint_that_cannot_be_is_refused_in_one_sentence(faulty, told):
    with pytest.raises(UsageError, match=told):
        soldered("TobleMiner-revA", faulty)


def test_an_unknown_jumper_is_refused():
    with pytest.raises(UsageError, match="JP9"):
        bench_with(jumpers={"JP9": "1-2"})


# --- the supply on the leads ------------------------------------------------------------------------------------


def leads(design: str, plus: str, minus: str, *joints: dict[str, object], volt: float = 1.0, limit_a: float = 0.05):
    bench = bench_with(design, joints=joints, bare=True)
    bench.world.connect(plus, minus)
    bench.world.drive(2, voltage_v=volt, limit_a=limit_a, on=True)
    bench.wait(0.2)
    return bench.world.output(2)


def test_on_a_short_the_supply_holds_its_current():
    seen = leads("TobleMiner-revC", "12V", "GND", bridge("A3", "A4"))
    assert seen.mode == "CC"
    assert seen.current_a == pytest.approx(0.05)
    assert seen.voltage_v == pytest.approx(0.05 * 0.1, rel=0.05)


def test_on_a_suspect_resistance_the_supply_holds_its_voltage():
    seen = leads("TobleMiner-revC", "12V", "GND", bridge("A3", "A4", 100))
    assert (seen.mode, seen.voltage_v) == ("CV", pytest.approx(1.0, abs=1e-3))
    assert seen.current_a == pytest.approx(0.01, rel=0.01)


def test_on_a_good_board_nothing_flows_but_the_leakage_of_the_fixture():
    seen = leads("TobleMiner-revA", "12V", "GND")
    assert seen.mode == "CV"
    assert 0 < seen.current_a < 1e-6


def test_leads_that_are_off_the_board_see_nothing():
    bench = bench_with(joints=[bridge("A1", "A2")], bare=True)
    bench.world.connect("12V", "PERST#")
    bench.world.release()
    bench.world.drive(2, voltage_v=1.0, limit_a=0.05, on=True)
    bench.wait(0.1)
    assert bench.world.output(2).current_a == pytest.approx(0, abs=1e-6)


def test_the_leads_take_any_net_of_the_board_and_refuse_what_is_not_there():
    bench = bench_with(bare=True)
    bench.world.connect("REFCLK+", "A17")
    with pytest.raises(UsageError, match="nonsense"):
        bench.world.connect("nonsense", "GND")
