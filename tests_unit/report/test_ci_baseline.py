"""Baselines: what is a regression, what only looks like one, and what cannot be compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from baseline_journals import BEFORE, WATTS, runs
from report_journals import row, unit, write_run
from scipy import stats

from rig.errors import UsageError
from rig.model import Verdict
from rig.report.ci.baseline.estimate import change
from rig.report.ci.baseline.gathered import gather, spread
from rig.report.ci.baseline.job import compare_job, learn
from rig.report.ci.baseline.result import Change, Comparison, Finding
from rig.report.ci.baseline.suite import suite
from rig.report.ci.baseline.words import headline, sentence
from rig.report.journal import read

RATE = "traffic.port1.to_host_bps"


def compared(tmp_path: Path, tolerances: dict[str, str] | None = None) -> Comparison:
    """`now` against a baseline of `before`."""
    learn([read(tmp_path / "before")], tmp_path / "b.json", tolerances or {})
    return compare_job([read(tmp_path / "now")], tmp_path / "b.json")


def only(found: Comparison) -> Finding:
    (one,) = found.rows
    return one.finding


def test_a_firmware_that_draws_more_is_a_regression_with_its_interval(tmp_path: Path) -> None:
    runs(tmp_path / "before", BEFORE)
    runs(tmp_path / "now", (8.40,))
    found = compared(tmp_path)
    assert found.verdict is Verdict.FAIL
    (one,) = found.of(Finding.REGRESSION)
    assert one.change is not None and one.change.difference == pytest.approx(0.4)
    assert 0.3 < one.change.interval.low < 0.4 < one.change.interval.high < 0.5
    text = sentence(one)
    assert text.startswith(
        f"VIRTUAL: 533FLR-T {WATTS} rose by 0.4 W (+5.0 %), from 8 W to 8.4 W (95 % interval +0.352 W"
    )
    assert "5 runs before and 1 now" in text and "regression; higher is worse" in text


@pytest.mark.parametrize(
    ("now", "finding"),
    [
        ((8.01, 8.0), Finding.SAME),
        ((8.10, 8.11), Finding.SAME),
        ((7.5, 7.51), Finding.BETTER),
        ((8.5,), Finding.REGRESSION),
    ],
)
def test_small_changes_and_better_ones_are_not_red(tmp_path: Path, now: tuple[float, ...], finding: Finding) -> None:
    runs(tmp_path / "before", BEFORE)
    runs(tmp_path / "now", now)
    assert only(compared(tmp_path)) is finding


def test_throughput_that_fell_by_three_percent_is_red_and_more_of_it_is_not(tmp_path: Path) -> None:
    runs(tmp_path / "before", (9.40e9, 9.41e9, 9.39e9, 9.40e9), RATE, "bit/s")
    runs(tmp_path / "now", (9.40e9 * 0.97,), RATE, "bit/s")
    assert only(compared(tmp_path)) is Finding.REGRESSION
    runs(tmp_path / "more" / "now", (9.40e9 * 1.05,), RATE, "bit/s")
    assert only(compare_job([read(tmp_path / "more")], tmp_path / "b.json")) is Finding.BETTER


def test_a_change_whose_worse_way_nobody_knows_is_told_and_not_red(tmp_path: Path) -> None:
    runs(tmp_path / "before", (1.0, 1.01, 0.99, 1.0), "rail.12v.settle_s", "s")
    runs(tmp_path / "now", (2.0,), "rail.12v.settle_s", "s")
    found = compared(tmp_path)
    assert only(found) is Finding.CHANGED and found.verdict is Verdict.PASS


def test_noise_as_large_as_the_change_is_no_regression(tmp_path: Path) -> None:
    runs(tmp_path / "before", (7.5, 8.5, 8.0, 7.6, 8.4))
    runs(tmp_path / "now", (8.4,))
    assert only(compared(tmp_path)) is Finding.SAME


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        ((8.0,), (9.0,), "spread unknown: one run before and one now"),
        ((8.0, 8.0), (9.0,), "spread unknown: every run gave the same value"),
    ],
)
def test_without_a_spread_nothing_is_green_or_red(
    tmp_path: Path, before: tuple[float, ...], now: tuple[float, ...], why: str
) -> None:
    runs(tmp_path / "before", before)
    runs(tmp_path / "now", now)
    found = compared(tmp_path)
    assert only(found) is Finding.NOT_COMPARABLE and found.rows[0].why_not.startswith(why)
    assert found.verdict is Verdict.NOT_RUN
    skipped = [c for c in suite(found).cases if c.verdict is Verdict.NOT_RUN]
    assert [c.name for c in skipped] == [WATTS, "compared"]


def test_virtual_and_real_are_never_compared(tmp_path: Path) -> None:
    runs(tmp_path / "before", BEFORE, virtual=True)
    runs(tmp_path / "now", (9.0, 9.01), virtual=False)
    found = compared(tmp_path)
    assert only(found) is Finding.NOT_COMPARABLE and "virtual" in found.rows[0].why_not
    assert "virtual and real runs are never compared" in found.notes


def test_another_board_is_no_change_of_the_first(tmp_path: Path) -> None:
    runs(tmp_path / "before", BEFORE)
    runs(tmp_path / "now", (9.0, 9.01), board=unit("A-2", "C-2"))
    found = compared(tmp_path)
    assert only(found) is Finding.NOT_COMPARABLE and found.rows[0].why_not.startswith("other boards")


def test_boards_that_differ_are_each_their_own_baseline(tmp_path: Path) -> None:
    for n, level in enumerate((0.0, 1.0, 2.0)):
        board = unit(f"A-{n}", f"C-{n}")
        runs(tmp_path / "before" / f"u{n}", tuple(v + level for v in BEFORE), board=board)
        if n < 2:
            runs(tmp_path / "now" / f"u{n}", (8.4 + level,), board=board)
    (one,) = compared(tmp_path).of(Finding.REGRESSION)
    assert one.change is not None and one.change.difference == pytest.approx(0.4)


def test_only_good_runs_make_a_baseline_and_only_finished_ones_are_compared(tmp_path: Path) -> None:
    runs(tmp_path / "before", BEFORE)
    runs(tmp_path / "before" / "bad", (20.0,), stop={"verdict": "FAIL"})
    runs(tmp_path / "now", (8.0,))
    runs(tmp_path / "now" / "gone", (99.0,), stop={"verdict": "PASS", "status": "cancelled"})
    found = compared(tmp_path)
    assert only(found) is Finding.SAME and "1 runs did not come to an end and are not compared" in found.notes
    with pytest.raises(UsageError, match="there is no good run to make a baseline of: 1 runs"):
        learn([read(tmp_path / "now" / "gone")], tmp_path / "c.json", {})


def test_a_lane_that_was_lost_is_a_change_without_any_statistics(tmp_path: Path) -> None:
    runs(tmp_path / "before", (8,), "pcie.link.width", "1")
    runs(tmp_path / "now", (4,), "pcie.link.width", "1")
    found = compared(tmp_path)
    assert only(found) is Finding.REGRESSION and "a register" in sentence(found.rows[0])


def test_what_is_missing_and_what_is_new_is_told(tmp_path: Path) -> None:
    runs(tmp_path / "before", BEFORE)
    runs(tmp_path / "now", (8.0,), "host.boot_s", "s")
    found = compared(tmp_path)
    assert found.rows[0].why_not == "not measured this time" and [k.name for k in found.new] == ["host.boot_s"]
    assert headline(found) == "nothing could be compared, 1 not comparable, 1 unknown to the baseline"


def test_a_tolerance_that_was_stated_goes_before_the_tables_and_stays_in_the_file(tmp_path: Path) -> None:
    runs(tmp_path / "before", BEFORE)
    runs(tmp_path / "now", (8.4,))
    assert only(compared(tmp_path, {"power.*.total_w": "0.5"})) is Finding.SAME
    assert only(compared(tmp_path)) is Finding.SAME
    assert only(compared(tmp_path, {"power.*.total_w": "1%"})) is Finding.REGRESSION
    with pytest.raises(UsageError, match=r"tolerance x=soon: give a number"):
        compared(tmp_path, {"x": "soon"})


def test_another_bench_widens_the_interval_by_both_instruments_errors(tmp_path: Path) -> None:
    for name, bench, value in (("before", "b1", 8.0), ("now", "b2", 8.4)):
        for n in range(5):
            judged = row("power_profile", WATTS, value + n / 100, "W", verdict=None, error=0.3)
            write_run(tmp_path / name / f"{n}", [judged], bench=bench, batch_id=str(n))
    found = compared(tmp_path)
    assert only(found) is Finding.SAME
    assert found.rows[0].notes == ("another bench: its instrument's error is in the interval",)


def test_among_many_numbers_the_odd_one_is_a_suspect(tmp_path: Path) -> None:
    """One of 60 is outside its own 95 % interval: chance makes as many."""
    scatter = (7.9, 8.1, 8.0, 8.05, 7.95, 8.0)
    for n, value in enumerate(scatter):
        rows = [row("power_profile", f"power.s{m}.total_w", value, "W", verdict=None) for m in range(60)]
        write_run(tmp_path / "before" / f"{n}", rows, batch_id=str(n))
    rows = [row("power_profile", f"power.s{m}.total_w", 8.25 if m == 7 else 8.0, "W", verdict=None) for m in range(60)]
    write_run(tmp_path / "now" / "0", rows)
    found = compared(tmp_path)
    assert [r.key.name for r in found.of(Finding.SUSPECT)] == ["power.s7.total_w"]
    assert found.verdict is Verdict.PASS
    assert [c.verdict for c in suite(found).cases if c.told] == [Verdict.MARGINAL]


@pytest.mark.parametrize(
    ("before", "now", "equal_var"), [((1.0, 1.3, 0.9), (2.0, 2.2), True), ((1, 2, 1, 3, 2), (4, 6, 5, 9, 5), False)]
)
def test_one_board_gives_scipys_interval(before: tuple[float, ...], now: tuple[float, ...], equal_var: bool) -> None:
    found = change({"a": spread(before)}, {"a": spread(now)})
    wanted = stats.ttest_ind(now, before, equal_var=equal_var)
    assert isinstance(found, Change)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(wanted.confidence_interval(0.95)))
    assert found.p == pytest.approx(wanted.pvalue)


def test_boards_measured_once_each_time_are_compared_each_with_itself() -> None:
    before, now = (5.0, 7.0, 9.0), (5.4, 7.5, 9.45)
    found = change(*({str(n): spread([v]) for n, v in enumerate(side)} for side in (before, now)))
    wanted = stats.ttest_rel(now, before)
    assert isinstance(found, Change) and found.p == pytest.approx(wanted.pvalue)
    assert found.interval.low == pytest.approx(wanted.confidence_interval(0.95).low)


def test_batches_that_scatter_more_than_runs_are_the_noise(tmp_path: Path) -> None:
    """Six days, two boards a day: both are up on the same days, and so may a job's day be."""
    for day, shift in enumerate((0.0, 0.3, -0.3, 0.1, -0.2, 0.1)):
        for n in range(2):
            judged = row("power_profile", WATTS, 8 + n + shift + 0.01 * (-1) ** (n + day), "W", verdict=None)
            write_run(tmp_path / "before" / f"{day}{n}", [judged], batch_id=f"{day}", **unit(f"A-{n}"))
    for n in range(2):
        judged = row("power_profile", WATTS, 8.4 + n, "W", verdict=None)
        write_run(tmp_path / "now" / f"{n}", [judged], batch_id="now", **unit(f"A-{n}"))
    found = compared(tmp_path)
    assert only(found) is Finding.SAME and "batches: they differ more than runs do" in sentence(found.rows[0])


def test_a_run_named_twice_counts_once(tmp_path: Path) -> None:
    runs(tmp_path / "before", BEFORE)
    found = gather([read(tmp_path), read(tmp_path / "before")], good=True)
    assert found.runs == 5 and next(iter(found.numbers.values())).n == 5
