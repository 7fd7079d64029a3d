"""What a yield says of journals whose truth is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_journals import cause, row, write_batch
from yield_journals import BRIDGE, OPEN_LANE_4, attempt, reworked

from rig.errors import UsageError
from rig.report import journal
from rig.report.yields.groups import Group
from rig.report.yields.mending import Result
from rig.report.yields.study import Study, study


def only(root: Path) -> Study:
    found = study(journal.read(root)).studies
    assert len(found) == 1
    return found[0]


def group(found: Study, name: str) -> Group:
    return next(g for g in found.groups if g.name == name)


def counts(g: Group) -> tuple[int, int, int, int]:
    return g.first_pass.count, g.first_pass.total, g.final.count, g.final.total


def test_a_retry_that_passes_counts_for_the_final_yield_alone(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0)
    attempt(tmp_path, "A-2", 100, "FAIL", [OPEN_LANE_4])
    attempt(tmp_path, "A-2", 200, batch="again")
    found = only(tmp_path)
    assert counts(found.whole) == (1, 2, 2, 2)
    assert counts(group(found, "tray")) == (1, 2, 1, 2) and counts(group(found, "again")) == (1, 1, 1, 1)


@pytest.mark.parametrize("verdict", ["ERROR", "NOT_RUN"])
def test_what_the_bench_failed_is_in_neither_yield(tmp_path: Path, verdict: str) -> None:
    attempt(tmp_path, "A-1", 0, verdict)
    attempt(tmp_path, "A-2", 100)
    found = only(tmp_path)
    assert counts(found.whole) == (1, 1, 1, 1) and found.whole.not_judged == 1


def test_a_bench_error_before_a_pass_does_not_spoil_the_first_pass(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0, "ERROR")
    attempt(tmp_path, "A-1", 100)
    assert counts(only(tmp_path).whole) == (1, 1, 1, 1)


def test_a_unit_nobody_started_is_not_judged(tmp_path: Path) -> None:
    write_batch(tmp_path, [("A-9", "C-9")], virtual=True)
    attempt(tmp_path, "A-1")
    assert only(tmp_path).whole.not_judged == 1


def test_a_design_counts_boards_and_a_model_counts_units(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0, "FAIL", [OPEN_LANE_4], model="533FLR-T")
    attempt(tmp_path, "A-1", 100, model="561FLR-T")
    found = only(tmp_path)
    assert counts(group(found, "TobleMiner-revA")) == (0, 1, 1, 1)
    assert counts(group(found, "533FLR-T")) == (0, 1, 0, 1) and counts(group(found, "561FLR-T")) == (1, 1, 1, 1)
    assert found.losses == ()


def test_virtual_and_real_units_share_no_number(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0, virtual=False)
    attempt(tmp_path, "A-1", 100, "FAIL", [OPEN_LANE_4], virtual=True)
    reworked(tmp_path, "A-1", 150, "reflow", "A35")
    real, virtual = study(journal.read(tmp_path)).studies
    assert (real.virtual, virtual.virtual) == (False, True)
    assert counts(real.whole) == (1, 1, 1, 1) and counts(virtual.whole) == (0, 1, 0, 1)
    # the entry is about the real board: a model is not reflowed
    assert len(real.mendings) == 1 and virtual.mendings == ()


def test_firmware_alone_and_comparisons_say_nothing_of_a_board(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1")
    run = attempt(tmp_path, "A-2", 100)
    (run / "judged.jsonl").write_text(
        '{"step": "firmware", "name": "firmware.version", "value": "1", "verdict": "PASS"}\n'
    )
    attempt(tmp_path, "A-3", 200, batch="compared")
    write_batch(tmp_path / "b", batch_id="id-compared", compare={"a": "x"})
    found = only(tmp_path)
    assert counts(found.whole) == (1, 1, 1, 1) and len(found.kind.left_out) == 2


def test_the_pareto_counts_each_unit_once_by_its_first_failure(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0, "FAIL", [OPEN_LANE_4])
    attempt(tmp_path, "A-1", 100, "FAIL", [OPEN_LANE_4])
    attempt(tmp_path, "A-2", 200, "FAIL", [OPEN_LANE_4])
    attempt(tmp_path, "A-3", 300, "FAIL", [BRIDGE])
    attempt(tmp_path, "A-3", 400, "FAIL", [cause("slow boot", pins=[])])
    found = only(tmp_path).causes
    assert [(c.title, c.units, c.attempts) for c in found] == [
        ("joint open, lane 4", 2, 3), ("bridge A1-A2", 1, 1), ("slow boot", 0, 1),
    ]  # fmt: skip
    assert found[0].cumulative == pytest.approx(2 / 3) and found[1].cumulative == 1


def test_a_failed_unit_is_shared_out_over_the_pins_by_probability(tmp_path: Path) -> None:
    rated = [
        cause("joint open, lane 4", pins=["A35", "A36"], probability=0.6, shares=[0.4, 0.2]),
        cause("slot", pins=["edge:A11", "B33"], probability=0.2),
    ]  # fmt: skip
    attempt(tmp_path, "A-1", 0, "FAIL", rated)
    attempt(tmp_path, "A-2", 100, "FAIL", [cause("x", pins=["A35", "B33"], probability=None)])
    weights = {j.pin: j.weight for j in only(tmp_path).joints}
    assert weights == pytest.approx({"A35": 0.4 + 0.5, "A36": 0.2, "B33": 0.2 + 0.5})


def test_rework_ties_the_attempts_before_and_after_it(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0, "FAIL", [OPEN_LANE_4])
    reworked(tmp_path, "A-1", 50, "reflow", "A35")
    attempt(tmp_path, "A-1", 100, "FAIL", [OPEN_LANE_4])
    reworked(tmp_path, "A-1", 150, "reflow", "A36")
    reworked(tmp_path, "A-1", 160, "clean")
    attempt(tmp_path, "A-1", 200)
    found = only(tmp_path)
    assert [(m.result, m.together) for m in found.mendings] == [(Result.SAME, 0), (Result.FIXED, 1), (Result.FIXED, 1)]
    assert [(s.action, s.fixed.count, s.fixed.total) for s in found.successes] == [("reflow", 1, 2), ("clean", 1, 1)]
    assert {(j.pin, j.reworked, j.fixed) for j in found.joints} == {("A35", 1, 0), ("A36", 1, 1)}


@pytest.mark.parametrize(
    ("before", "after", "result"),
    [
        ("FAIL", None, Result.NOT_TESTED),
        ("FAIL", "ERROR", Result.NOT_TESTED),
        ("PASS", "PASS", Result.NOT_FAILED),
        ("PASS", "FAIL", Result.BROKEN),
        ("MARGINAL", "PASS", Result.FIXED),
        ("MARGINAL", "FAIL", Result.WORSE),
        (None, "PASS", Result.NOT_FAILED),
    ],
)
def test_what_came_of_a_rework_is_said(tmp_path: Path, before: str | None, after: str | None, result: Result) -> None:
    for at, verdict in ((0, before), (100, after)):
        if verdict:
            attempt(tmp_path, "A-1", at, verdict)
    reworked(tmp_path, "A-1", 50)
    assert [m.result for m in only(tmp_path).mendings] == [result]


def test_another_cause_after_rework_is_not_the_same_failure(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0, "FAIL", [BRIDGE])
    reworked(tmp_path, "A-1", 50, "wick", "A1", "A2")
    attempt(tmp_path, "A-1", 100, "FAIL", [OPEN_LANE_4])
    assert only(tmp_path).mendings[0].result is Result.BETTER


def test_a_write_off_holds_until_the_board_is_good_again(tmp_path: Path) -> None:
    for n in (1, 2, 3):
        attempt(tmp_path, f"A-{n}", n, "FAIL", [OPEN_LANE_4])
    for n in (1, 2):
        reworked(tmp_path, f"A-{n}", 50, "write off", text="pad lifted")
    attempt(tmp_path, "A-2", 100)
    found = only(tmp_path)
    assert [(x.outcome.adapter.serial, x.written_off, x.why) for x in found.losses] == [
        ("A-1", True, "pad lifted"), ("A-3", False, "joint open, lane 4"),
    ]  # fmt: skip


def test_time_goes_to_steps_to_the_rest_of_a_run_and_between_runs(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0)
    attempt(tmp_path, "A-2", 100)
    found = only(tmp_path).times
    assert [(p.name, p.runs, p.total_s) for p in found.parts] == [
        ("enumeration", 2, 40.0), ("in a run, outside of steps", 2, 80.0), ("between two runs", 1, 40.0),
    ]  # fmt: skip
    assert found.per_unit_s == 60 and sum(p.share for p in found.parts) == pytest.approx(1)


def test_soaks_of_several_units_add_up_to_one_bound(tmp_path: Path) -> None:
    for n in range(2):
        rows = [
            row("soak", "soak.retrain.trials", 100, "1"),
            row("soak", "soak.retrain.failures", 0, "1"),
        ]
        attempt(tmp_path, f"A-{n}", 100.0 * n, rows=rows)
    assert [(s.what, s.units, s.bound) for s in only(tmp_path).soaks] == [
        ("retrain", 2, "0 of 200, below 1.5 % at 95 %")
    ]


def test_a_folder_without_runs_has_no_yield(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no yield"):
        study(journal.read(tmp_path))


def test_rework_of_a_stranger_is_told(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1")
    reworked(tmp_path, "Z-9", 50)
    assert "rework of Z-9, of which there is no run here" in study(journal.read(tmp_path)).problems


def test_two_batches_of_one_name_are_told_apart(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0)
    attempt(tmp_path, "A-2", 100, started="x", batch="tray")
    run = next(p for p in tmp_path.iterdir() if p.name.startswith("000100"))
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"id-tray"', '"id-tray-2"'))
    assert [g.name for g in only(tmp_path).groups if g.by == "batch"] == ["id-tray", "id-tray-2"]
