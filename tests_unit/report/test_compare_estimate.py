"""The numbers of a comparison: what is said, and what is honestly not said."""

from __future__ import annotations

import pytest

from benchmarks.compare import World, simulate
from rig.report.compare import planning, sequential
from rig.report.compare.drift import apart
from rig.report.compare.estimate import Point, estimate
from rig.report.compare.inserts import StateValue, Watts
from rig.report.compare.instrument import bound_w
from rig.report.compare.verdict import Claim, Decision, Interval, decide


def points(watts: list[float], first: int, card: str = "C", step: int = 2) -> list[Point]:
    return [Point(w, first + step * n, card) for n, w in enumerate(watts)]


def claim(low: float, high: float) -> Claim:
    return Claim((low + high) / 2, Interval(low, high, 0.95), Interval(low + 0.01, high - 0.01, 0.9))


@pytest.mark.parametrize(
    ("low", "high", "decision"),
    [
        (-2.0, -0.51, Decision.A_LOWER),
        (-2.0, -0.49, Decision.NOT_DECIDED),
        (0.51, 2.0, Decision.B_LOWER),
        (-0.5, 0.5, Decision.EQUIVALENT),
        (-0.52, 0.2, Decision.NOT_DECIDED),
        (-3.0, 3.0, Decision.NOT_DECIDED),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side_of_the_margin(low: float, high: float, decision: str) -> None:
    assert decide(claim(low, high), 0.5) == decision


def test_no_interval_is_not_decided() -> None:
    assert decide(None, 0.5) is Decision.NOT_DECIDED


def test_the_interval_is_welchs() -> None:
    # Ref: worked by hand: means 2 and 5, variances 1 and 4, n 3 and 3: error sqrt(5/3), 2.941 degrees of freedom
    found = estimate(points([1, 2, 3], 0), points([3, 5, 7], 1)).welch
    assert found and found.difference == pytest.approx(-3)
    reach = 1.2910 * 3.2181
    assert (found.interval.low, found.interval.high) == (
        pytest.approx(-3 - reach, abs=0.01),
        pytest.approx(-3 + reach, abs=0.01),
    )


def test_one_insert_of_a_card_gives_a_difference_and_no_interval() -> None:
    found = estimate(points([6.0], 0), points([11.0, 11.2], 1))
    assert found.difference_w == pytest.approx(-5.1) and found.claim is None and found.sign == 0
    assert "at least two" in found.why_not and found.a.sd_w is None


def test_inserts_that_are_all_alike_tell_no_spread() -> None:
    found = estimate(points([6.0, 6.0, 6.0], 0), points([11.0, 11.2, 11.1], 1))
    assert found.claim is None and "below what was resolved" in found.why_not


def test_a_drift_that_is_seen_is_taken_out_of_the_difference() -> None:
    noise = [0.01, -0.02, 0.015, -0.01, 0.0]
    a = points([6.0 + 0.3 * 2 * n + e for n, e in enumerate(noise)], 0)
    b = points([8.0 + 0.3 * (2 * n + 1) - e for n, e in enumerate(noise)], 1)
    found = estimate(a, b)
    assert found.drift and found.drift.credible and found.drift.slope_w == pytest.approx(0.3, abs=0.01)
    assert found.basis == "inserts, drift removed"
    assert found.claim and found.claim.difference == pytest.approx(-2.0, abs=0.05)
    assert found.welch and found.welch.interval.high > -1


def test_card_and_order_that_are_one_are_called_so() -> None:
    a, b = points([6.0, 6.1, 6.2], 0, step=1), points([8.0, 8.1, 8.2], 3, step=1)
    assert apart(a, b) and not apart(points([1, 2], 0), points([1, 2], 1))


def test_equivalence_must_hold_with_and_without_a_drift_nobody_can_tell() -> None:
    a, b = points([6.0, 6.25, 6.05], 0), points([6.1, 6.0, 6.3], 1)
    found = estimate(a, b)
    assert found.welch and found.drift and not found.drift.credible and found.claim
    assert found.claim.interval == found.welch.interval
    assert found.claim.equivalence.low == min(found.welch.equivalence.low, found.drift.claim.equivalence.low)


def test_pairs_are_neighbours_of_one_session() -> None:
    a = [Point(6.0, 0, "C", "s1"), Point(6.2, 3, "C", "s1"), Point(6.1, 4, "C", "s2")]
    b = [Point(8.0, 1, "D", "s1"), Point(8.1, 2, "D", "s1"), Point(9.0, 5, "D", "s3")]
    found = estimate(a, b).pairs
    assert found and found.differences_w == pytest.approx((-2.0, -1.9))


def test_with_several_cards_of_both_models_one_card_is_one_value() -> None:
    a = [Point(w, n, f"A{n % 2}") for n, w in enumerate([6.0, 7.0, 6.02, 7.02])]
    b = [Point(w, n + 10, f"B{n % 2}") for n, w in enumerate([8.0, 9.0, 8.02, 9.02])]
    found = estimate(a, b)
    assert found.basis == "cards" and found.cards and found.welch
    assert found.cards.interval.high > found.welch.interval.high
    assert found.a.cards == 2 and found.a.card_sd_w == pytest.approx(0.7071, abs=1e-3)


@pytest.mark.parametrize(("sd", "expected"), [(0.1, (5, 3, 2)), (0.2, (15, 5, 3)), (0.4, (55, 15, 5))])
def test_inserts_for_a_difference_are_those_of_the_table(sd: float, expected: tuple[int, ...]) -> None:
    assert tuple(planning.inserts_for_difference(sd, d) for d in (0.25, 0.5, 1.0)) == expected


@pytest.mark.parametrize(("sd", "expected"), [(0.1, (5, 3, 2)), (0.2, (15, 5, 3)), (0.4, (57, 15, 5))])
def test_inserts_for_equivalence_are_those_of_the_table(sd: float, expected: tuple[int, ...]) -> None:
    assert tuple(planning.inserts_for_equivalence(sd, m) for m in (0.25, 0.5, 1.0)) == expected


def test_what_no_number_of_inserts_would_show_is_said_so() -> None:
    assert planning.inserts_for_difference(1.0, 0.01) is None
    near = planning.needed(0.2, -0.3, 0.5)
    assert near.beyond is None and near.equivalent is not None and near.sign is not None


def value(total: float, error: float | None, **rails: tuple[float, float | None]) -> StateValue:
    return StateValue(Watts(total, error), {k: Watts(*v) for k, v in rails.items()}, {}, None)


def test_on_one_channel_only_the_gain_of_the_difference_stays() -> None:
    # 1 % and no offset: 0.06 W of 6 W, 0.11 W of 11 W
    assert bound_w([value(6, 0.06)], [value(11, 0.11)], shared=True) == pytest.approx(0.05)
    assert bound_w([value(6, 0.06)], [value(11, 0.11)], shared=False) == pytest.approx(0.17)


def test_rails_that_move_apart_do_not_cancel() -> None:
    a, b = value(10, 0.2, v12=(7, 0.07), v3=(3, 0.03)), value(10, 0.2, v12=(3, 0.03), v3=(7, 0.07))
    assert bound_w([a], [b], shared=True) == pytest.approx(0.08)


def test_an_accuracy_that_nobody_sourced_is_no_bound() -> None:
    assert bound_w([value(6, None)], [value(11, 0.1)], shared=True) is None


def test_a_comparison_does_not_stop_before_the_third_insert_of_each() -> None:
    a, b = {"idle": [6.0, 6.1]}, {"idle": [16.0, 16.1]}
    assert sequential.decided(a, b, 0.5, 8) is None


def test_a_comparison_stops_when_every_state_is_certain() -> None:
    a = {"idle": [6.0, 6.1, 6.05], "tx": [7.0, 7.1, 7.05]}
    b = {"idle": [16.0, 16.1, 15.9], "tx": [17.0, 17.1, 16.9]}
    told = sequential.decided(a, b, 0.5, 8)
    assert told and "after 3 inserts" in told and "idle: A lower by more than 0.5 W" in told
    b["tx"] = [7.3, 7.9, 7.4]
    assert sequential.decided(a, b, 0.5, 8) is None


def test_a_look_before_the_end_is_stricter_than_the_last() -> None:
    a, b = [6.0, 6.2, 6.1], [7.2, 7.4, 7.3]
    assert sequential.look(a, b, 0.5, most=3) is Decision.A_LOWER
    assert sequential.look(a, b, 0.5, most=8) is Decision.NOT_DECIDED


def test_in_simulation_the_interval_covers_the_truth_and_equivalence_is_rarely_wrong() -> None:
    seen = simulate(World(5, 0.2, 0.2, -0.5, drift_w=0.02), 200, seed=7)
    assert 0.92 <= seen.covered <= 0.98 and seen.equivalent <= 0.07
    early = simulate(World(8, 0.1, 0.1, -1.5, early=True), 100, seed=8)
    assert 0.9 <= early.covered <= 0.99 and early.inserts < 5
