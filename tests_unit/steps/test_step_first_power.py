import pytest
from step_fakes import FakeSupply

from rig.config.bench import SetPoint
from rig.config.plan import FirstPower
from rig.model import Reading
from rig.steps import first_power
from rig.steps.first_power import ramp_of

PLAN = FirstPower(window_s=0.2, deadline_s=0.5)
POINT = SetPoint(voltage_v=12.0, limit_a=2.1)
RAILS = {"12v": POINT, "3v3": SetPoint(voltage_v=3.3, limit_a=1.0)}


def trace(*parts):
    """(seconds, current, limiting) pieces as readings every 10 ms from t=0.01."""
    readings, t = [], 0.0
    for seconds, current, limiting in parts:
        for _ in range(round(seconds / 0.01)):
            t += 0.01
            readings.append(Reading(t, 4.0 if limiting else 12.0, current, limiting))
    return readings


def test_a_card_that_charges_and_rests_has_a_settling_time_and_a_charge():
    ramp = ramp_of(trace((0.1, 0.5, True), (0.4, 0.3, False)), POINT, 0.0, PLAN)
    assert ramp.limiting_s == pytest.approx(0.09)
    assert ramp.settle_s == pytest.approx(0.3, abs=0.02)
    assert ramp.charge_c == pytest.approx(0.1 * 0.5 + 0.2 * 0.3, abs=0.02)


@pytest.mark.parametrize(
    "parts",
    [
        [(0.5, 0.5, True)],
        [(0.1, 0.3, False)],
        [(0.1, 0.5, True), (0.1, 0.3, False)],
        [(0.15, 0.3, False), (0.15, 0.6, False)],
        [],
    ],
)
def test_what_is_not_yet_at_rest_has_no_settling_time(parts):
    assert ramp_of(trace(*parts), POINT, 0.0, PLAN).settle_s is None


def test_a_supply_that_cannot_say_cc_is_limiting_when_its_voltage_is_down():
    readings = [Reading(r.time_s, r.voltage_v, r.current_a, None) for r in trace((0.1, 0.5, True), (0.3, 0.3, False))]
    assert ramp_of(readings, POINT, 0.0, PLAN).limiting_s == pytest.approx(0.09)


def supply(readings):
    quiet = {r.time_s: Reading(r.time_s, 3.3, 0.02, False) for r in readings}
    return FakeSupply(lambda *_: (0, 0), trace=[(r.time_s, {"12v": r, "3v3": quiet[r.time_s]}) for r in readings])


def named(findings):
    return {m.name: m for m in findings.measurements}


def test_a_card_at_rest_gets_its_running_limit():
    fake = supply(trace((0.05, 0.5, True), (0.4, 0.3, False)))
    found = named(first_power.measure(fake, RAILS, PLAN))
    assert fake.on["12v"] == (12.0, 2.1)
    assert fake.applied[:2] == [("3v3", 3.3, 0.5), ("12v", 12.0, 0.5)]
    assert found["rail.12v.current_a"].value == 0.3


def test_a_card_still_in_limit_is_switched_off_and_its_rails_say_so():
    fake = supply(trace((0.8, 0.5, True)))
    found = named(first_power.measure(fake, RAILS, PLAN))
    assert fake.on == {}
    assert found["rail.12v.limiting_s"].value > 0.5
    assert found["rail.12v.voltage_v"].value is None
    assert "still in current limit" in found["rail.12v.voltage_v"].note


def test_a_supply_that_gives_no_sample_is_not_taken_for_a_quiet_card():
    found = named(first_power.measure(supply([]), RAILS, PLAN))
    assert found["rail.12v.current_a"].value is None
