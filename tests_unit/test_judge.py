import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.judge import blocked, failed_names, judge, overall, worst
from rig.model import Limit, Measurement, Verdict

BAND = Limit("a band", low=10.0, marginal_low=20.0, marginal_high=80.0, high=90.0)


def one(value, limit=BAND, name="a.b"):
    (row,) = judge([Measurement(name, value, "V")], {"a.b": limit})
    return row.verdict


@pytest.mark.parametrize(
    "value, expected",
    [
        (9.99, Verdict.FAIL), (10.0, Verdict.MARGINAL), (19.99, Verdict.MARGINAL), (20.0, Verdict.PASS),
        (80.0, Verdict.PASS), (80.01, Verdict.MARGINAL), (90.0, Verdict.MARGINAL), (90.01, Verdict.FAIL),
        (None, Verdict.NOT_RUN), (math.nan, Verdict.NOT_RUN), (math.inf, Verdict.NOT_RUN), ("text", Verdict.FAIL),
    ],
)  # fmt: skip
def test_a_value_is_judged_against_its_closed_interval_and_the_marginal_band_inside(value, expected):
    assert one(value) is expected


@pytest.mark.parametrize("value, expected", [("eth", Verdict.PASS), ("ib", Verdict.FAIL), (None, Verdict.NOT_RUN)])
def test_a_text_is_judged_against_the_allowed_ones(value, expected):
    assert one(value, Limit("only ethernet", one_of=("eth",))) is expected


def test_a_limit_nobody_measured_is_not_run_and_does_not_pass():
    rows = judge([], {"a.b": BAND})
    assert [r.verdict for r in rows] == [Verdict.NOT_RUN]
    assert overall(rows) is Verdict.NOT_RUN


def test_nothing_judged_at_all_is_not_run():
    assert overall(judge([Measurement("x", 1.0, "V")], {})) is Verdict.NOT_RUN


def test_a_fact_nobody_sourced_is_recorded_without_a_verdict_and_says_why():
    (row,) = judge([Measurement("pcie.link.width", 8, "1")], {"pcie.link.width": "card file has no lanes"})
    assert row.verdict is None
    assert "card file has no lanes" in row.why


def test_a_pattern_judges_every_name_that_fits_and_the_exact_name_wins():
    expected = {"link.port*.carrier": Limit("plugged", low=1), "link.port2.carrier": Limit("not here", low=0)}
    rows = judge([Measurement(f"link.port{n}.carrier", 0, "1") for n in (1, 2)], expected)
    assert [r.verdict for r in rows] == [Verdict.FAIL, Verdict.PASS]


def test_a_pattern_that_nothing_fits_is_not_run():
    (row,) = judge([], {"link.port*.carrier": Limit("plugged", low=1)})
    assert row.verdict is Verdict.NOT_RUN


def test_an_infinite_value_is_kept_as_not_obtained_because_it_cannot_be_written():
    (row,) = judge([Measurement("a.b", math.inf, "V")], {})
    assert row.measurement.value is None
    assert "inf" in row.measurement.note


def test_blocked_rows_carry_the_limit_and_the_reason():
    (row,) = blocked({"a.b": BAND, "a.c": "no fact"}, "stopped", Verdict.NOT_RUN)
    assert (row.measurement.name, row.why, row.limit) == ("a.b", "stopped", BAND)


@given(st.lists(st.sampled_from(list(Verdict))))
def test_one_bad_verdict_is_enough_and_order_does_not_matter(verdicts):
    assert worst(verdicts) is worst(reversed(verdicts))
    if Verdict.ERROR in verdicts:
        assert worst(verdicts) is Verdict.ERROR
    elif Verdict.FAIL in verdicts:
        assert worst(verdicts) is Verdict.FAIL


def test_failed_names_are_the_failed_ones_only():
    rows = judge([Measurement("a.b", 0.0, "V"), Measurement("a.c", 15.0, "V")], {"a.b": BAND, "a.c": BAND})
    assert failed_names(rows) == ["a.b"]


@pytest.mark.parametrize(
    "bounds",
    [{}, {"low": 2.0, "high": 1.0}, {"low": 1.0, "marginal_low": 0.5}, {"high": 1.0, "marginal_high": 2.0},
     {"low": 1.0, "one_of": ("x",)}],
)  # fmt: skip
def test_a_limit_that_cannot_be_is_refused(bounds):
    with pytest.raises(ValueError, match=r"limit|bounds"):
        Limit("why", **bounds)


def test_a_limit_without_a_reason_is_refused():
    with pytest.raises(ValueError, match="why"):
        Limit("  ", low=1.0)


@pytest.mark.parametrize(
    "value, limit, expected",
    [
        (600.0, Limit("short", low=10.0, marginal_low=200.0), Verdict.PASS),
        (200.0, Limit("short", low=10.0, marginal_low=200.0), Verdict.PASS),
        (50.0, Limit("short", low=10.0, marginal_low=200.0), Verdict.NOT_RUN),
        (5.0, Limit("short", low=10.0), Verdict.NOT_RUN),
        (600.0, Limit("a window", low=10.0, high=1000.0), Verdict.NOT_RUN),
    ],
)
def test_more_than_can_be_told_passes_only_where_that_shows_the_limit(value, limit, expected):
    (row,) = judge([Measurement("a.b", value, "Ohm", at_least=True)], {"a.b": limit})
    assert row.verdict is expected
    if expected is Verdict.NOT_RUN:
        assert f"no more than {value:g} Ohm" in row.why and limit.why in row.why
