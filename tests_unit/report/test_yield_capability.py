"""Cpk and the rules of the chart, on numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_journals import row
from yield_journals import attempt

from rig.report import journal
from rig.report.yields.capability import Capability, signals
from rig.report.yields.study import study


def measured(root: Path, numbers: list[float], **more: object) -> tuple[Capability, ...]:
    for n, number in enumerate(numbers):
        attempt(root, f"A-{n}", 100.0 * n, rows=[row("power_profile", "power.idle.total_w", number, "W", **more)])
    found = study(journal.read(root)).studies[0].capabilities
    return tuple(c for c in found if c.name == "power.idle.total_w")


def test_cpk_is_the_distance_to_the_nearer_limit(tmp_path: Path) -> None:
    (found,) = measured(tmp_path, [7.0, 9.0, 7.0, 9.0, 8.0], low=2.0, high=10.0)
    # moving ranges 2 2 2 1: mean 1.75, sigma 1.75 / 1.128; standard deviation 1
    assert found.mean == 8 and found.sd_within == pytest.approx(1.75 / 1.128)
    assert found.cpk == pytest.approx(2 / (3 * 1.75 / 1.128)) and found.ppk == pytest.approx(2 / 3)
    assert found.ppk_low is not None and found.ppk_low < 2 / 3


def test_one_limit_alone_has_a_cpk(tmp_path: Path) -> None:
    (found,) = measured(tmp_path, [7.0, 9.0, 7.0, 9.0, 8.0], high=11.0)
    assert found.ppk == pytest.approx(1.0)


def test_four_units_are_too_few(tmp_path: Path) -> None:
    assert measured(tmp_path, [7.0, 9.0, 7.0, 9.0], high=11.0) == ()


def test_values_all_alike_have_no_cpk(tmp_path: Path) -> None:
    (found,) = measured(tmp_path, [8.0] * 5, high=11.0)
    assert found.cpk is None and found.ppk is None and found.signals == ()


def test_at_least_is_no_number_to_average(tmp_path: Path) -> None:
    assert measured(tmp_path, [2400.0] * 6, low=10.0, at_least=True) == ()


def test_a_unit_that_came_again_is_one_value(tmp_path: Path) -> None:
    (found,) = measured(tmp_path, [7.0, 9.0, 7.0, 9.0, 8.0], high=11.0)
    attempt(tmp_path, "A-0", 5000, rows=[row("power_profile", "power.idle.total_w", 99.0, "W", high=11.0)])
    again = next(c for c in study(journal.read(tmp_path)).studies[0].capabilities if c.name == found.name)
    assert [v.number for v in again.values] == [7.0, 9.0, 7.0, 9.0, 8.0]


def test_what_has_no_limit_has_no_capability(tmp_path: Path) -> None:
    assert measured(tmp_path, [7.0, 9.0, 7.0, 9.0, 8.0]) == ()


def test_what_must_be_one_value_has_no_capability(tmp_path: Path) -> None:
    assert measured(tmp_path, [8.0, 8.0, 8.0, 8.0, 4.0], low=8.0, high=8.0) == ()


@pytest.mark.parametrize(
    ("distances", "rule"),
    [
        ([0, 0, 3.1], "rule 1: beyond 3 sigma"),
        ([0, -3.1], "rule 1: beyond 3 sigma"),
        ([2.1, 0, 2.1], "rule 2: 2 of 3 beyond 2 sigma on one side"),
        ([1.1, 1.1, 0, 1.1, 1.1], "rule 3: 4 of 5 beyond 1 sigma on one side"),
        ([-0.1] * 8, "rule 4: 8 in a row on one side"),
    ],
)
def test_each_western_electric_rule_is_seen_at_its_last_value(distances: list[float], rule: str) -> None:
    found = list(signals(distances, 0.0, 1.0))
    assert (len(distances) - 1, rule) in [(s.index, s.rule) for s in found]


@pytest.mark.parametrize(
    "distances",
    [[0, 2.9, 0], [2.1, 0, -2.1], [1.1, 1.1, -1.1, 1.1, 0], [0.1] * 7, [0.1, -0.1] * 8],
)
def test_a_quiet_process_gives_no_signal(distances: list[float]) -> None:
    assert list(signals(distances, 0.0, 1.0)) == []


def test_a_jump_beyond_the_range_is_seen_though_both_values_are_inside() -> None:
    found = list(signals([-2.0, 2.0], 0.0, 1.0))
    assert [s.rule for s in found] == ["the step from the value before is beyond its limit"]
