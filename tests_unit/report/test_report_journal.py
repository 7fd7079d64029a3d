"""Reading journals, whole ones and torn ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from report_journals import T0_S, row, write_batch, write_run

from rig.errors import UsageError
from rig.model import Verdict
from rig.report.journal import read


def test_runs_are_found_at_any_depth_and_oldest_first(tmp_path: Path) -> None:
    write_run(tmp_path / "2026-11-23" / "101502-demo" / "b", [row("link", "x", 1)], started_s=T0_S + 9)
    write_run(tmp_path / "a", [row("link", "x", 1)])
    assert [r.start.run for r in read(tmp_path).runs] == ["a", "b"]


def test_a_run_folder_can_be_named_itself(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("link", "x", 1)])
    assert len(read(run).runs) == 1


def test_a_missing_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        read(tmp_path / "nowhere")


def test_a_run_without_stop_record_crashed_and_is_not_run(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1), row("link", "y", 2, verdict="FAIL")], crashed=True)
    journal = read(tmp_path)
    (run,) = journal.runs
    assert (run.crashed, run.verdict, run.note) == (True, Verdict.NOT_RUN, "crashed: no stop record")
    assert run.failed == ("y",)
    assert journal.problems == ("a: crashed: no stop record",)


def test_a_torn_last_line_is_skipped_and_told(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("link", "x", 1)])
    with (run / "judged.jsonl").open("a") as f:
        f.write('{"step": "link", "name": "tor')
    journal = read(tmp_path)
    assert len(journal.runs[0].rows) == 1
    assert "a/judged.jsonl:2: skipped, torn" in journal.problems[0]


def test_a_line_torn_inside_a_character_is_skipped_and_told(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("link", "x", 1)])
    with (run / "judged.jsonl").open("ab") as f:
        f.write('{"step": "lä'.encode()[:-1])
    journal = read(tmp_path)
    assert len(journal.runs[0].rows) == 1 and "torn" in journal.problems[0]


def test_a_whole_last_line_without_its_end_counts(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("link", "x", 1)])
    (run / "judged.jsonl").write_text(json.dumps(row("link", "x", 1)))
    assert len(read(tmp_path).runs[0].rows) == 1


@pytest.mark.parametrize(
    "line",
    [
        "[1, 2]", "3", '"text"', "{}", "{" * 5000, '{"step":"a","name":"n"}',
        '{"step":"a","name":"n","verdict":"GREEN"}',
        '{"step":"a","name":"n","verdict":"PASS","value":NaN}',
        '{"step":"a","name":"n","verdict":"PASS","time_s":1e300}',
        '{"step":"a","name":"n","verdict":"PASS","attempt":1e30}',
    ],
)  # fmt: skip
def test_a_line_that_is_not_the_journals_is_told_and_the_rest_is_read(tmp_path: Path, line: str) -> None:
    run = write_run(tmp_path / "a", [])
    (run / "judged.jsonl").write_text(line + "\n" + json.dumps(row("link", "x", 1)) + "\n")
    journal = read(tmp_path)
    assert [r.name for r in journal.runs[0].rows] == ["x"]
    assert journal.problems[0].startswith("a/judged.jsonl:1: skipped, not the journal's")


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"run": "x"}', '{"schema": 2, "run": "x"}', "\x00\xff"])
def test_a_run_json_of_somebody_else_is_named_and_the_others_are_read(tmp_path: Path, text: str) -> None:
    write_run(tmp_path / "good", [row("link", "x", 1)])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.json").write_text(text)
    journal = read(tmp_path)
    assert [r.start.run for r in journal.runs] == ["good"]
    assert journal.problems[0].startswith("other/run.json: not the journal's")


def test_evidence_called_run_json_is_not_a_run(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1)], evidence={"run.json": "{}"})
    journal = read(tmp_path)
    assert len(journal.runs) == 1 and journal.problems == ()


def test_a_fifo_in_place_of_a_record_does_not_hang_the_reader(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("link", "x", 1)], crashed=True)
    os.mkfifo(run / "stop.json")
    assert read(tmp_path).runs[0].crashed


def test_half_a_surrogate_pair_costs_a_character_and_not_the_row(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", "bad \udc80 byte", verdict="FAIL")])
    journal = read(tmp_path)
    assert journal.runs[0].rows[0].value == "bad ? byte" and journal.problems == ()


def test_an_unreadable_stop_record_is_a_crash_and_told(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("link", "x", 1)])
    (run / "stop.json").write_text('{"status": "finished", "verdict": "GREAT"}')
    journal = read(tmp_path)
    assert journal.runs[0].verdict is Verdict.NOT_RUN
    assert any("stop.json" in p for p in journal.problems)


@pytest.mark.parametrize("status", ["cancelled", "error"])
def test_a_run_that_did_not_finish_is_never_green(tmp_path: Path, status: str) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1)], stop={"status": status, "verdict": "PASS"})
    (run,) = read(tmp_path).runs
    assert run.verdict is Verdict.NOT_RUN and run.note.startswith(status)


def test_a_green_stop_record_does_not_outshine_a_failed_row(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1, verdict="FAIL")], stop={"verdict": "PASS"})
    (run,) = read(tmp_path).runs
    assert run.verdict is Verdict.FAIL and "says PASS" in run.note


def test_what_was_not_measured_is_named(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", None, verdict="NOT_RUN")], stop={"verdict": "NOT_RUN"})
    assert read(tmp_path).runs[0].note == "not measured: x"


def test_a_finished_run_without_rows_is_told(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    assert "nothing it judged" in read(tmp_path).problems[0]


def test_a_batch_is_read_with_its_units(tmp_path: Path) -> None:
    write_batch(tmp_path, [("A-1", "C-1")], stopped=None)
    (batch,) = read(tmp_path).batches
    assert batch.stop is None and batch.start.units[0].adapter.serial == "A-1"
