import math

import pytest
from step_fakes import FakeProbe, FakeSupply

from rig.config.library import default_library
from rig.config.plan import ShortCheck
from rig.errors import DeadlineError, UsageError
from rig.judge import judge
from rig.model import Accuracy, AdapterUnit, Limit, RailAccuracy, Verdict
from rig.netlist import Board
from rig.steps import short_check
from rig.steps.leads import where
from rig.steps.short_check import Leads

PAIRS = (("12V", "PERST#"), ("12V", "GND"), ("12V", "A4"))
QUICK = ShortCheck(settle_s=0.0)
LEADS = Leads("probe")


def board(ohms, offset_a=0.0):
    """A supply on leads: V/I of the pair's resistance, in current limit where it must be."""

    def load(rail, voltage_v, limit_a, leads):
        current = voltage_v / ohms.get(leads, 1e9)
        return (voltage_v, current + offset_a) if current < limit_a else (limit_a * ohms[leads], limit_a + offset_a)

    return load


def measure(load, pairs=PAIRS, plan=QUICK, offset_a=None):
    probe = FakeProbe()
    supply = FakeSupply(load, probe)
    if offset_a is not None:
        supply.known_accuracy = {"probe": RailAccuracy(None, Accuracy(0.5, offset_a))}
    return {m.name: m for m in short_check.measure(supply, LEADS, probe, pairs, plan).measurements}, supply, probe


def test_a_clear_board_reads_more_than_the_supply_can_resolve():
    found, _, _ = measure(board({}))
    assert {m.value for m in found.values()} == {12.0 / 0.005}
    assert all("more than" in m.note for m in found.values())


@pytest.mark.parametrize("ohm", [0.1, 5.0, 50.0])
def test_a_bridge_reads_its_resistance_and_is_never_driven_harder(ohm):
    found, supply, _ = measure(board({("12V", "GND"): ohm}), PAIRS[1:2])
    assert found["short.12V_GND.ohm"].value == pytest.approx(ohm, rel=0.05)
    assert max(v for _, v, _ in supply.applied) <= 1.0


def test_an_offset_of_the_readback_is_not_taken_for_a_path():
    found, _, _ = measure(board({}, offset_a=0.004))
    assert min(m.value for m in found.values()) >= 200


def test_every_pair_is_measured_even_after_a_short_and_all_is_off_and_free_at_the_end():
    found, supply, probe = measure(board({PAIRS[0]: 0.1}))
    assert probe.visited == list(PAIRS)
    assert len(found) == 3
    assert supply.on == {}
    assert probe.at is None


def test_the_leads_are_free_and_the_rail_off_when_the_supply_fails():
    def broken(*_):
        raise DeadlineError("supply", "a reply", 2.0, "nothing")

    probe = FakeProbe()
    supply = FakeSupply(broken, probe)
    with pytest.raises(DeadlineError):
        short_check.measure(supply, LEADS, probe, PAIRS, QUICK)
    assert supply.on == {}
    assert probe.at is None


def test_no_rung_is_above_the_plans_low_limits():
    _, supply, _ = measure(board({}))
    assert max(limit for _, _, limit in supply.applied) <= 0.05
    assert {v for _, v, _ in supply.applied} == {0.3, 1.0, 12.0}


# --- what the supply cannot tell ------------------------------------------------------------------------------


@pytest.mark.parametrize(("plus", "ohm"), [("12V", 600.0), ("A4", 50.0)])
def test_a_supply_with_20_ma_of_offset_tells_600_ohm_at_12_v_and_50_ohm_at_1_v(plus, ohm):
    found, _, _ = measure(board({}), ((plus, "GND"),), offset_a=0.02)
    (m,) = found.values()
    assert m.value == pytest.approx(ohm)
    assert m.at_least


def test_a_finer_supply_than_the_plan_says_is_not_believed_more():
    found, _, _ = measure(board({}), PAIRS[1:2], offset_a=0.0001)
    assert found["short.12V_GND.ohm"].value == 12.0 / 0.005


def test_a_board_that_the_supply_cannot_clear_is_not_passed():
    found, _, _ = measure(board({}), (("3V3", "GND"),), offset_a=0.02)
    limit = Limit(why="below 10 Ohm is a short, below 200 suspect", low=10, marginal_low=200)
    (judged,) = judge(found.values(), {"short.3V3_GND.ohm": limit})
    assert judged.verdict is Verdict.NOT_RUN
    assert "can tell no more than 165 Ohm" in judged.why


@pytest.mark.parametrize(
    ("shown", "value", "at_least", "verdict"),
    [(math.inf, 2e6, True, Verdict.PASS), (47.0, 47.0, False, Verdict.MARGINAL), (None, 165.0, True, Verdict.NOT_RUN)],
)
def test_a_person_with_a_multimeter_tells_what_the_supply_cannot(shown, value, at_least, verdict):
    asked, probe = [], FakeProbe()
    leads = Leads("probe", multimeter=lambda *told: asked.append((told, probe.at)) or shown)
    supply = FakeSupply(board({}), probe)
    supply.known_accuracy = {"probe": RailAccuracy(None, Accuracy(0.5, 0.02))}
    pairs = (("12V", "GND"), ("3V3", "GND"))
    (_, m) = short_check.measure(supply, leads, probe, pairs, QUICK).measurements
    assert (m.value, m.at_least) == (pytest.approx(value), at_least)
    limit = Limit(why="below 10 Ohm is a short, below 200 suspect", low=10, marginal_low=200)
    assert judge([m], {m.name: limit})[0].verdict is verdict
    ((told, leads_on),) = asked
    assert told[:2] == ("3V3", "GND") and "pair 2 of 2" in told[2]
    assert leads_on is None, "a multimeter must not measure the supply beside the board"


@pytest.mark.parametrize("ohm", [0.1, 5.0])
def test_a_short_below_the_offset_is_seen_by_its_voltage(ohm):
    found, supply, _ = measure(board({("12V", "GND"): ohm}), PAIRS[1:2], offset_a=0.06)
    m = found["short.12V_GND.ohm"]
    assert m.value == pytest.approx(ohm)
    assert not m.at_least
    assert "taken at the limit" in m.note
    assert max(v for _, v, _ in supply.applied) == 0.3


# --- the person with the leads --------------------------------------------------------------------------------


def test_a_pair_that_nobody_can_reach_is_not_measured_and_the_others_are():
    class Short(FakeProbe):
        def connect(self, plus, minus, hint=""):
            if minus == "A4":
                raise UsageError("no relay for A4, and nobody at a terminal")
            super().connect(plus, minus, hint)

    probe = Short()
    found = short_check.measure(FakeSupply(board({}), probe), LEADS, probe, PAIRS, QUICK).measurements
    assert [m.value is None for m in found] == [False, False, True]
    assert found[2].note == "no relay for A4, and nobody at a terminal"


def test_the_person_is_told_which_fingers_on_which_side():
    board_ = Board(default_library().adapter("TobleMiner-revA"), AdapterUnit("TobleMiner-revA", "A-1"))
    probe = FakeProbe()
    leads = Leads("probe", lambda point: where(board_, point))
    short_check.measure(FakeSupply(board({}), probe), leads, probe, PAIRS, QUICK)
    assert probe.hints == [
        "pair 1 of 3: red on 12V, edge finger B1 or B2 or B3 (component side); "
        "black on PERST#, edge finger A11 (solder side)",
        "pair 2 of 3: red on 12V, edge finger B1 or B2 or B3 (component side); "
        "black on GND, edge finger B4 or B7 or B13 (component side)",
        "pair 3 of 3: red on 12V, edge finger B1 or B2 or B3 (component side); "
        "black on pin A4 of the FlexibleLOM connector (row A, soldered on the bottom copper)",
    ]
