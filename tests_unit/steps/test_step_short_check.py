import pytest
from step_fakes import FakeProbe, FakeSupply

from rig.config.plan import ShortCheck
from rig.errors import DeadlineError
from rig.steps import short_check

PAIRS = (("12V", "PERST#"), ("12V", "GND"), ("12V", "A4"))
QUICK = ShortCheck(settle_s=0.0)


def board(ohms, offset_a=0.0):
    """A supply on leads: V/I of the pair's resistance, in current limit where it must be."""

    def load(rail, voltage_v, limit_a, leads):
        current = voltage_v / ohms.get(leads, 1e9)
        return (voltage_v, current + offset_a) if current < limit_a else (limit_a * ohms[leads], limit_a + offset_a)

    return load


def measure(load, pairs=PAIRS, plan=QUICK):
    probe = FakeProbe()
    supply = FakeSupply(load, probe)
    return {m.name: m for m in short_check.measure(supply, "probe", probe, pairs, plan).measurements}, supply, probe


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
        short_check.measure(supply, "probe", probe, PAIRS, QUICK)
    assert supply.on == {}
    assert probe.at is None


def test_no_rung_is_above_the_plans_low_limits():
    _, supply, _ = measure(board({}))
    assert max(limit for _, _, limit in supply.applied) <= 0.05
    assert {v for _, v, _ in supply.applied} == {0.3, 1.0, 12.0}
