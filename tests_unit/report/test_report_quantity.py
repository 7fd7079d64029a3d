"""Numbers for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_journals import row

from rig.report.quantity import digits, duration_text, limit_text, marginal_text, time_text, unit_text, value_text
from rig.report.schema import Row


def shown(value: object, unit: str, **limit: object) -> str:
    found = Row.model_validate(row("s", "n", value, unit, **limit))
    return f"{value_text(found)} {unit_text(found)} [{limit_text(found)}]"


def test_a_value_has_the_error_of_its_instrument_and_a_bound_says_that_it_is_one() -> None:
    assert shown(6.2, "W", error=0.084) == "6.2 ± 0.084 W []"
    assert shown(2400.0, "Ohm", at_least=True) == "≥ 2\u202f400 Ω []"


@pytest.mark.parametrize(
    ("value", "unit", "limit", "text"),
    [
        (9.38e9, "bit/s", {"low": 8.5e9}, "9.38 Gbit/s [≥ 8.5]"),
        (0.0121, "C", {"high": 0.016}, "12.1 mC [≤ 16]"),
        (0.83, "A", {"low": 0.2, "high": 2.1}, "0.83 A [0.2 … 2.1]"),
        (8, "1", {"low": 8.0, "high": 8.0}, "8  [= 8]"),
        (0.0, "A", {"low": 0.0, "high": 0.0}, "0 A [= 0]"),
        ("x4", "", {"one_of": ["x4", "x8"]}, "x4  [one of: x4, x8]"),
        (True, "", {}, "true  []"),
        (None, "V", {"low": 11.0}, "not obtained V [≥ 11]"),
        (1_234_567.0, "Ohm", {}, "1235 kΩ []"),
        (1_048_576, "1", {}, "1\u202f048\u202f576  []"),
    ],
)
def test_values_and_limits_share_a_prefix(value: object, unit: str, limit: dict[str, object], text: str) -> None:
    assert shown(value, unit, **limit) == text


def test_a_value_just_outside_its_limit_does_not_look_inside() -> None:
    assert shown(12.9604, "V", high=12.96) == "12.9604 V [≤ 12.96]"


def test_the_marginal_band_is_told() -> None:
    found = Row.model_validate(row("s", "n", 1.9, "A", low=0.2, high=2.1, marginal_low=0.3, marginal_high=1.8))
    assert marginal_text(found) == "below 0.3 or above 1.8"


@given(st.floats(-1e300, 1e300))
def test_four_digits_are_true_to_a_thousandth(value: float) -> None:
    text = digits(value).replace("\u202f", "")
    assert float(text) == pytest.approx(value, rel=1e-3)


def test_times_and_durations_are_words() -> None:
    assert [duration_text(s) for s in (None, 8.25, 200, 3720)] == ["unknown", "8.2 s", "3 min 20 s", "1 h 02 min"]
    assert time_text(0) == "1970-01-01 00:00 UTC" and time_text(None) == "unknown"
