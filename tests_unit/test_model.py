import pytest

from rig.model import Accuracy, RailAccuracy, Reading


def test_an_accuracy_is_a_part_of_the_reading_and_an_offset_whatever_the_sign():
    assert Accuracy(0.5, 0.02).bound(-10.0) == pytest.approx(0.07)


def test_an_accuracy_nobody_sourced_says_so():
    assert str(RailAccuracy(Accuracy(0.05, 0.01), None)) == "0.05 % + 0.01 V, A: not sourced"


def test_watts_are_the_product_and_their_error_holds_at_the_worst_corner():
    reading = Reading(0.0, 12.0, 0.8, error_v=0.02, error_a=0.01)
    assert reading.watts == pytest.approx(9.6)
    assert reading.watts_error == pytest.approx(12.02 * 0.81 - 9.6)


def test_watts_that_the_instrument_measured_itself_are_its_own():
    reading = Reading(0.0, 230.0, 0.2, error_v=1.0, error_a=0.01, power_w=31.5, error_w=0.1)
    assert (reading.watts, reading.watts_error) == (31.5, 0.1)


def test_an_error_is_unknown_where_one_of_its_parts_is():
    assert Reading(0.0, 12.0, 0.8, error_v=0.02).watts_error is None
