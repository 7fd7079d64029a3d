"""The baseline as a file, the table of directions, and charts of one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from baseline_journals import BEFORE, WATTS, runs
from report_journals import unit

from rig.errors import UsageError
from rig.report.ci.baseline import file
from rig.report.ci.baseline.compare import compare
from rig.report.ci.baseline.directions import direction, tolerance
from rig.report.ci.baseline.job import learn
from rig.report.ci.baseline.result import Finding
from rig.report.ci.chart import forest, spark
from rig.report.compare.verdict import Interval
from rig.report.journal import read


def test_a_file_comes_back_as_it_was_gathered(tmp_path: Path) -> None:
    runs(tmp_path / "before", BEFORE, board=unit("A\n\x1b\ud800", "C|`"))
    gathered, with_spread = learn([read(tmp_path / "before")], tmp_path / "b" / "b.json", {})
    assert with_spread == 1
    kept = file.load(tmp_path / "b" / "b.json").numbers()
    assert kept.keys() == gathered.numbers.keys()
    assert compare(kept, gathered, {}).of(Finding.SAME)
    text = (tmp_path / "b" / "b.json").read_text()
    assert sum("total_w" in line for line in text.splitlines()) == 1 and "\x1b" not in text


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda b: b | {"shema": 1}, "shema: Extra inputs are not permitted"),
        (lambda b: b | {"schema": 2}, "schema: Input should be 1"),
        (lambda b: b["entries"][0]["boards"]["A-001 + C-001"].update(sd=None) or b, "sd is null with one run"),
        (lambda b: b | {"tolerances": {"*": "much"}}, r"tolerance \*=much"),
        (lambda b: [b], "Input should be an object"),
    ],
)
def test_a_file_edited_wrongly_is_one_sentence(tmp_path: Path, edit: Any, told: str) -> None:
    runs(tmp_path / "before", BEFORE)
    learn([read(tmp_path / "before")], tmp_path / "b.json", {})
    (tmp_path / "b.json").write_text(json.dumps(edit(json.loads((tmp_path / "b.json").read_text()))))
    with pytest.raises(UsageError, match=told):
        file.load(tmp_path / "b.json")


@pytest.mark.parametrize("text", ["", "[" * 100_000, "\x00", "{}"])
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(UsageError, match="not a baseline"):
        file.load(tmp_path / "b.json")
    with pytest.raises(UsageError, match="'rig baseline set' makes one"):
        file.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("name", "worse", "limit"),
    [
        (WATTS, "higher", 0.16), ("power.tx.rate_bps", "lower", 0.16), ("power.tx.link_width", "lower", 0.0),
        ("pcie.link.lanes_missing", "higher", 0.0), ("pcie.link.width", "lower", 0.0), ("new.thing", "unknown", 0.0),
    ],
)  # fmt: skip
def test_the_table_says_which_way_is_worse_and_why(name: str, worse: str, limit: float) -> None:
    found = direction(name)
    assert found is not None and found.worse == worse and found.why
    assert tolerance(name, 8.0, {}) == pytest.approx(limit)


@pytest.mark.parametrize("name", ["power.tx.samples", "link.completed", "traffic.port1.to_host_bps.starved1"])
def test_how_it_was_measured_is_not_compared(name: str) -> None:
    assert direction(name) is None


def test_charts_are_one_line_of_text() -> None:
    assert spark([1, 2, 3]) == "▁▅█" and spark([2, 2]) == "▄▄" and len(spark(range(1000))) == 40
    line = forest(Interval(0.3, 0.5, 0.95), 0.4, 0.16)
    assert len(line) == 21 and line[10] == "│" and line.index("●") > line.rindex("┊") > 10
    assert len(forest(Interval(0, 0, 1), 0, 0)) == 21
