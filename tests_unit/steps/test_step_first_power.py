from dataclasses import replace

import pytest
from step_fakes import FakeSupply

from rig.config.bench import SetPoint
from rig.config.plan import FirstPower
from rig.errors import BenchError
from rig.model import Reading
from rig.steps import first_power
from rig.steps.first_power import ramp_of

PLAN = FirstPower(window_s=0.2, deadline_s=0.5, low={})
LOW = FirstPower(window_s=0.2, deadline_s=0.5)
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


# --- the low rung ---------------------------------------------------------------------------------------------


def ramped(low, full):
    """A supply whose samples are `low` until 12 V is asked for at its own voltage, then `full`."""
    both = {v: supply(readings) for v, readings in (("low", low), ("full", full))}

    class Ramped(FakeSupply):
        def samples(self, since_s):
            return both["full" if self.on.get("12v", (0, 0))[0] > 1 else "low"].samples(since_s)

    return Ramped(lambda *_: (0, 0))


FREE = [Reading(0.01 * i, 0.8, 0.0005, False, error_a=0.005) for i in range(1, 9)]
CARD = trace((0.05, 0.5, True), (0.4, 0.3, False))


def test_the_card_is_charged_far_below_its_voltage_first():
    fake = ramped(FREE, CARD)
    found = named(first_power.measure(fake, RAILS, LOW))
    assert [(r, v) for r, v, _ in fake.applied] == [
        ("3v3", 0.25), ("12v", 0.8), ("3v3", 3.3), ("12v", 12.0), ("12v", 12.0), ("3v3", 3.3),
    ]  # fmt: skip
    assert found["rail.12v.low_a"].value == 0.0005
    assert found["rail.12v.low_a"].error == 0.005
    assert found["rail.12v.inrush_peak_a"].value == 0.5


def test_a_rail_that_still_has_the_low_rungs_voltage_is_not_at_rest():
    readings = [Reading(0.01 * i, 0.81, 0.0, False) for i in range(1, 60)]
    assert ramp_of(readings, POINT, 0.0, PLAN).settle_s is None


def test_a_short_in_the_card_never_sees_its_rails_voltage():
    fake = ramped([Reading(0.01 * i, 0.05, 0.05, True) for i in range(1, 80)], CARD)
    found = named(first_power.measure(fake, RAILS, LOW))
    assert max(v for _, v, _ in fake.applied) == 0.8
    assert fake.on == {}
    assert found["rail.12v.limiting_s"].value > 0.5
    assert found["rail.12v.limiting_s"].note == "switched off at 0.8 V: still in current limit after 0.5 s"
    assert found["rail.12v.current_a"].value is None


def test_a_low_rung_that_nobody_reads_is_the_supplys_fault_and_ends_off():
    fake = ramped([], CARD)
    with pytest.raises(BenchError, match=r"no reading of 3v3 and 12v in 0\.5 s"):
        first_power.measure(fake, RAILS, LOW)
    assert fake.on == {}


def test_a_voltage_within_the_readbacks_error_is_no_current_limit():
    assert not first_power.is_limiting(Reading(0.0, 0.23, 0.0, None, error_v=0.021), 0.25)
    assert first_power.is_limiting(Reading(0.0, 0.10, 0.0, None, error_v=0.021), 0.25)


def test_a_charge_with_a_hole_in_it_is_not_known_and_the_rest_is():
    fake = supply(CARD)
    whole = fake.samples
    fake.samples = lambda since_s: [replace(s, gap_s=0.27) if n == 20 else s for n, s in enumerate(whole(since_s))]
    found = named(first_power.measure(fake, RAILS, PLAN))
    assert found["rail.12v.inrush_charge_c"].value is None
    assert found["rail.12v.inrush_charge_c"].note == "nobody measured for 0.27 s of the ramp"
    assert found["rail.12v.inrush_peak_a"].value is None
    assert found["rail.12v.current_a"].value == 0.3


def test_the_error_of_a_charge_adds_up_with_time():
    readings = [Reading(r.time_s, r.voltage_v, r.current_a, r.limiting, error_a=0.01) for r in CARD]
    ramp = ramp_of(readings, POINT, 0.0, PLAN)
    assert ramp.charge_error_c == pytest.approx(0.01 * (ramp.settle_s - 0.01))
