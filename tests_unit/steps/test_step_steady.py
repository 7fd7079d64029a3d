import math

import numpy as np
import pytest

from rig.steps.steady import Criteria, Point, trend

CRITERIA = Criteria(window_s=10.0, slope_w_per_min=0.5, band_w=0.5)
T0_S = 1_795_000_000.0


def trace(watts, seconds=30.0, rate=10.0, noise_w=0.02, seed=1):
    """`watts(t)` sampled from T0 on, with noise."""
    rng = np.random.default_rng(seed)
    times = [(i + 1) / rate for i in range(round(seconds * rate))]
    return [Point(T0_S + t, watts(t) + noise_w * rng.standard_normal()) for t in times]


def steady(points, criteria=CRITERIA, since_s=T0_S):
    found = trend(points, criteria, since_s)
    return found is not None and found.is_steady(criteria)


@pytest.mark.parametrize("seed", range(20))
def test_a_constant_power_with_noise_is_steady(seed):
    assert steady(trace(lambda t: 11.0, seed=seed))


@pytest.mark.parametrize("seed", range(20))
def test_a_slow_drift_above_the_criterion_is_never_steady(seed):
    assert not steady(trace(lambda t: 11.0 + 0.6 * t / 60, seed=seed))


def test_a_slow_drift_well_below_the_criterion_is_steady():
    assert steady(trace(lambda t: 11.0 + 0.1 * t / 60))


def test_an_exponential_warm_up_is_steady_when_its_slope_has_died_away():
    def cold(t):
        return 11.0 - 3.0 * math.exp(-t / 20.0)

    points = trace(cold, 240.0)
    first = next(t for t in range(5, 240) if steady([p for p in points if p.time_s <= T0_S + t]))
    # 3 W over 20 s is 9 W/min at first; 0.5 W/min after 20 s * ln(18) = 58 s, judged over the 10 s before
    assert 58 <= first <= 120


def test_a_step_within_the_window_is_not_steady_and_is_once_it_is_past():
    points = trace(lambda t: 8.0 if t < 25 else 11.0, 40.0)
    assert not steady([p for p in points if p.time_s < T0_S + 30])
    assert steady(points)


def test_a_single_spike_does_not_keep_a_state_from_being_steady():
    points = trace(lambda t: 11.0)
    points[-30] = Point(points[-30].time_s, 25.0)
    assert steady(points)


def test_scatter_beyond_the_band_is_not_steady():
    assert not steady(trace(lambda t: 11.0 + math.sin(5 * t)))


def test_noise_that_hides_the_slope_is_not_taken_for_none():
    found = trend(trace(lambda t: 11.0, noise_w=0.4), Criteria(10.0, 0.5, 5.0), T0_S)
    assert found.error_w_per_min > 0.1
    assert not found.is_steady(Criteria(10.0, 0.5, 5.0))


def test_the_first_reading_after_a_change_is_never_used():
    points = [Point(T0_S + 0.1, 90.0), *(Point(T0_S + 0.1 + i, 11.0) for i in range(1, 6))]
    assert trend(points, Criteria(5.0, 0.5, 0.5), T0_S).band_w == 0.0


def test_readings_from_before_the_change_are_never_used():
    points = trace(lambda t: 11.0)
    assert trend(points, CRITERIA, points[-3].time_s) is None


def test_nothing_from_before_a_gap_is_used():
    points = trace(lambda t: 8.0 if t < 15 else 11.0)
    gap = next(i for i, p in enumerate(points) if p.time_s >= T0_S + 15)
    points[gap] = Point(points[gap].time_s, points[gap].watts, gap=True)
    assert steady(points)
    assert trend(points[: gap + 5], CRITERIA, T0_S) is None


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_too_few_readings_tell_nothing(count):
    points = [Point(T0_S + 3.0 * (i + 1), 11.0) for i in range(count)]
    assert trend(points, CRITERIA, T0_S) is None


def test_a_slow_supply_is_judged_over_more_than_the_window():
    points = [Point(T0_S + 4.0 * i, 11.0 + 0.001 * i) for i in range(1, 9)]
    found = trend(points, CRITERIA, T0_S)
    assert found.count == 5
    assert found.is_steady(CRITERIA)


def test_readings_that_all_bear_one_time_have_no_slope_anybody_knows():
    points = [Point(T0_S, 11.0), *[Point(T0_S + 1, 11.0)] * 6]
    assert not steady(points, Criteria(0.0, 0.5, 0.5), T0_S - 1)
