"""Exact intervals and bounds, against tables and the binomial itself."""

from __future__ import annotations

import pytest
from scipy import stats

from rig.report.yields.bounds import bound_sentence, share, trials_needed, upper_bound


def test_none_of_two_hundred_is_below_one_and_a_half_percent() -> None:
    assert upper_bound(0, 200) == pytest.approx(1 - 0.05 ** (1 / 200))
    assert bound_sentence(0, 200) == "0 of 200, below 1.5 % at 95 %"


@pytest.mark.parametrize(("failures", "trials"), [(0, 10), (1, 50), (3, 24), (9, 10)])
def test_at_the_bound_so_few_failures_have_a_chance_of_five_percent(failures: int, trials: int) -> None:
    bound = upper_bound(failures, trials)
    assert bound is not None and stats.binom.cdf(failures, trials, bound) == pytest.approx(0.05)


def test_a_bound_is_rounded_up_never_down() -> None:
    # 1 - 0.05 ** (1 / 300) is 0.9936 %
    assert bound_sentence(0, 300) == "0 of 300, below 1 % at 95 %"
    assert bound_sentence(0, 24) == "0 of 24, below 12 % at 95 %"  # 11.73 %
    assert bound_sentence(24, 24) == "24 of 24, below 100 % at 95 %"


def test_nothing_tried_is_nothing_known() -> None:
    assert upper_bound(0, 0) is None and bound_sentence(0, 0) == "0 of 0, nothing is known"
    assert share(0, 0).low is None and str(share(0, 0)) == "0 of 0"


def test_the_interval_is_clopper_pearsons() -> None:
    found = share(21, 24)
    assert (found.low, found.high) == pytest.approx((0.6764, 0.9734), abs=1e-4)
    assert str(found) == "21 of 24, 87.5 % (67.6 … 97.3 %)"


@pytest.mark.parametrize("failures", [0, 1, 4])
def test_the_trials_asked_for_show_the_rate_and_one_fewer_do_not(failures: int) -> None:
    n = trials_needed(0.015, failures)
    assert n >= 198
    shown, short = upper_bound(failures, n), upper_bound(failures, n - 1)
    assert shown is not None and short is not None and shown <= 0.015 < short


@pytest.mark.parametrize(("count", "total"), [(-1, 3), (4, 3)])
def test_what_cannot_be_counted_is_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="cannot be counted"):
        share(count, total)


@pytest.mark.parametrize("below", [0.0, 1.0, -1.0])
def test_no_number_of_trials_shows_an_impossible_rate(below: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        trials_needed(below)
