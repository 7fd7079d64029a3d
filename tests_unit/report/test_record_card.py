"""The page beside the board: one a unit, the code readable or refused, nothing in it acts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import segno
from click.testing import CliRunner
from report_journals import T0_S, cause, row, unit, write_run
from report_pages import HOSTILE, Tags

from rig.cli import rig
from rig.errors import UsageError
from rig.report.record_card import code, write


def test_a_run_has_one_page_with_all_that_matters(tmp_path: Path) -> None:
    rows = [
        row("enumeration", "host.boot_s", 41.0, "s", high=90.0),
        row("enumeration", "pcie.link.width", 4, "1", "FAIL", low=8),
        row("firmware", "firmware.version", "2.42.5000"),
    ]
    run = write_run(tmp_path / "a", rows, stop={"verdict": "FAIL", "causes": [cause()]}, **unit("A-17"))
    text = write(run).read_text(encoding="utf-8")
    assert (run / "record.html").is_file() and text.count("<article") == 1 and Tags(text).open == []
    for said in (
        "A-17",
        "FAIL",
        "VIRTUAL",
        "joint open, lane 4",
        "reflow A35 and B33",
        "2026-11-23",
        "DP832",
        "Signature",
    ):
        assert said in text
    assert "firmware 2.42.5000" in text and "rig 0.1.0" in text
    # what failed comes before what went well
    assert text.index("PCIe width") < text.index(">boot<")
    assert "size: 105mm 148mm" in text and "default-src 'none'" in text


def test_a_batch_has_a_page_for_the_last_run_of_each_unit(tmp_path: Path) -> None:
    for n, serial in enumerate(("A-1", "A-2", "A-2")):
        write_run(tmp_path / f"r{n}", [row("link", "x", n)], started_s=T0_S + n, attempt=1 + (n == 2), **unit(serial))
    text = write(tmp_path, tmp_path / "x.html").read_text(encoding="utf-8")
    assert text.count("<article") == 2 and "Records of 2 units" in text


def test_a_real_unit_is_not_called_virtual(tmp_path: Path) -> None:
    assert "VIRTUAL" not in write(write_run(tmp_path / "a", virtual=False)).read_text(encoding="utf-8")


def test_the_code_is_of_the_serial_itself() -> None:
    found = code("A-17")
    assert found.drawing is not None
    modules = segno.make_qr("A-17", error="m")
    assert f'viewBox="0 0 {modules.symbol_size()[0]} {modules.symbol_size()[0]}"' in found.drawing
    assert not modules.is_micro  # phones do not read those


@pytest.mark.parametrize(
    ("serial", "why"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("A\n17", "cannot be seen"),
        ("A\t17", "cannot be seen"),
        ("A\u202e17", "cannot be seen"),
        ("\x1b]0;x", "cannot be seen"),
        ("A" * 201, "too many"),
        ("A\ud800", "cannot be seen"),
    ],
)
def test_a_serial_that_would_act_or_not_fit_has_no_code_and_says_why(serial: str, why: str) -> None:
    found = code(serial)
    assert found.drawing is None and why in found.why_not


@pytest.mark.parametrize("serial", ["עברית", "<script>", "A-17 €", "x" * 200, "7*7"])
def test_a_strange_serial_that_can_be_read_has_a_code(serial: str) -> None:
    drawing = code(serial).drawing
    assert drawing is not None and "script" not in drawing and set(re.findall("<(\\w+)", drawing)) == {"svg", "path"}


def test_nothing_on_the_page_acts(tmp_path: Path) -> None:
    hostile = cause(HOSTILE, pins=[HOSTILE], action=HOSTILE)
    write_run(
        tmp_path / "a", [row(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "FAIL", note=HOSTILE)], bench=HOSTILE, plan=HOSTILE,
        versions={"rig": HOSTILE}, instruments={"supply": {"maker": HOSTILE}}, run=HOSTILE,
        stop={"verdict": "FAIL", "causes": [hostile], "error": HOSTILE}, **unit(HOSTILE, HOSTILE, HOSTILE),
    )  # fmt: skip
    text = write(tmp_path).read_text(encoding="utf-8")
    found = Tags(text)
    assert found.open == [] and not [n for _, attrs in found.tags for n in attrs if n.startswith("on")]
    assert {t for t, _ in found.tags}.isdisjoint(
        {"script", "img", "iframe", "object", "embed", "base", "form", "link", "a"}
    )
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text) and len(text) < 30_000


def test_no_run_and_no_such_paper_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in it"):
        write(tmp_path)
    done = CliRunner().invoke(rig, ["record", str(write_run(tmp_path / "a")), "--paper", "A7"])
    assert done.exit_code == 2 and done.stderr == "rig: paper 'A7': one of A6, A5, A4\n"
