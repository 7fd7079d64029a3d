"""Rework entries: written as they are read, refused when they name what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from yield_journals import attempt

from rig.cli import rig
from rig.errors import UsageError
from rig.report import rework


def test_what_is_written_is_read(tmp_path: Path) -> None:
    said = 'reflowed "A35"\n| with flux\u202e'
    rework.write(tmp_path, "A-17", said, ["A35,a36", "B33"], "reflow", 100.0)
    rework.write(tmp_path, "A-17", "", [], "write off", 50.0)
    entries, problems = rework.read(tmp_path)
    assert [(e.time_s, e.pins, e.text) for e in entries] == [(50.0, (), ""), (100.0, ("A35", "A36", "B33"), said)]
    assert problems == ()


@pytest.mark.parametrize(
    ("serial", "pins", "action", "why"),
    [
        ("A", ["A50"], "reflow", "'A50' is no pin"),
        ("A", ["A0"], "reflow", "'A0' is no pin"),
        ("A", ["../x"], "reflow", "is no pin"),
        ("A", [], "solder", "there is no action 'solder'"),
        (" ", [], "reflow", "a serial"),
        ("A" * 3000, [], "reflow", "at most"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(
    tmp_path: Path, serial: str, pins: list[str], action: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        rework.write(tmp_path, serial, "x", pins, action, 1.0)
    assert list(tmp_path.iterdir()) == []


def test_entries_beside_and_above_a_batch_count_up_to_the_results(tmp_path: Path) -> None:
    batch = tmp_path / "results" / "2026-11-23" / "tray"
    run = attempt(batch, "A-1")
    for n, folder in enumerate((tmp_path, tmp_path / "results", batch, run)):
        rework.write(folder, f"S-{n}", "", [], "other", float(n))
    # above `results` is somebody else's, and within a run it is evidence
    assert [e.serial for e in rework.read(batch)[0]] == ["S-1", "S-2"]
    assert [e.serial for e in rework.read(tmp_path / "results")[0]] == ["S-1", "S-2"]


def test_a_torn_line_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    rework.write(tmp_path, "A-1", "", [], "other", 1.0)
    with (tmp_path / rework.FILE).open("a") as file:
        file.write('{"time_s": 2, "ser')
    entries, problems = rework.read(tmp_path)
    assert len(entries) == 1 and "torn" in problems[0] and str(tmp_path) not in problems[0]


def test_the_command_takes_pins_as_people_type_them(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "new")]
    for words in (["--pins", "A35", "A36"], ["--pins", "A35,A36"], ["--pins", "A35", "--pins", "A36"]):
        done = CliRunner().invoke(rig, ["rework", "A-17", "reflowed", *words, *out])
        assert done.exit_code == 0 and done.stdout.startswith("A-17: reflow at A35 A36, noted in")
    assert len(rework.read(tmp_path / "new")[0]) == 3
    wrong = CliRunner().invoke(rig, ["rework", "A-17", "x", "--pins", "A99", *out])
    assert wrong.exit_code == 2 and wrong.stderr.startswith("rig: rework: 'A99' is no pin of the connector")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written there"):
        rework.write(tmp_path / "file", "A-1", "", [], "other", 1.0)
