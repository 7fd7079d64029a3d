"""The files of a yield and the matrix: what they say, that virtual is marked, and that nothing in them acts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from report_journals import cause, row
from report_pages import HOSTILE, Tags
from yield_journals import BRIDGE, OPEN_LANE_4, attempt, reworked

from rig.cli import rig
from rig.errors import UsageError
from rig.report.matrix import markdown
from rig.report.yields import write


def mixed(root: Path) -> Path:
    """Six real boards, one mended, one given up; two virtual ones."""
    for n in range(6):
        bad = {1: OPEN_LANE_4, 2: BRIDGE}.get(n)
        idle = row("power_profile", "power.idle.total_w", 8 + n / 10, "W", high=10.0)
        attempt(root, f"A-{n}", 100.0 * n, "FAIL" if bad else "PASS", [bad] if bad else [], virtual=False, rows=[idle])
    reworked(root, "A-1", 800, "reflow", "A35", "A36", text="with flux")
    reworked(root, "A-2", 900, "write off", text="pad lifted")
    attempt(root, "A-1", 1000, virtual=False)
    attempt(root, "V-1", 1100)
    attempt(root, "V-2", 1200, "FAIL", [OPEN_LANE_4])
    return root


def test_the_files_say_the_same_and_mark_what_is_virtual(tmp_path: Path) -> None:
    written = write(mixed(tmp_path / "in"), tmp_path / "out")
    page, text = (p.read_text(encoding="utf-8") for p in (written.html, written.markdown))
    claim = "First pass: 4 of 6, 66.7 % (22.3 … 95.7 %); final: 5 of 6, 83.3 % (35.9 … 99.6 %)."
    assert claim in page and claim in text
    assert "<title>PARTLY VIRTUAL" in page and text.startswith("## PARTLY VIRTUAL: ")
    assert Tags(page).open == [] and "default-src 'none'" in page and str(tmp_path) not in page
    # every section of the virtual half says so, none of the real one does
    real, virtual = page.split('aria-labelledby="y2-yield"')
    assert 'class="virtual"' not in real.split("</header>")[1] and virtual.count('class="virtual"') == 5
    assert "pad lifted" in page and page.count("<svg") >= 1
    groups = pd.read_csv(tmp_path / "out" / "yield.csv")
    assert groups.query("by == 'all'")[["virtual", "first_pass_count", "final_count"]].values.tolist() == [
        [False, 4, 5], [True, 1, 1],
    ]  # fmt: skip
    units = pd.read_csv(tmp_path / "out" / "yield-units.csv").set_index("adapter")
    assert units.loc["A-1", ["first", "last", "rework"]].tolist() == ["FAIL", "PASS", 1]
    assert units.loc["A-2", "board"] == "written off" and units.loc["V-2", "board"] == "failed at last attempt"
    assert pd.read_csv(tmp_path / "out" / "yield-measurements.csv")["virtual"].tolist()[0] is False


def test_nothing_in_the_yield_or_the_matrix_acts(tmp_path: Path) -> None:
    hostile = cause(HOSTILE, pins=[HOSTILE, "A35"], action=HOSTILE)
    rows = [row("power_profile", HOSTILE, 8.0, HOSTILE, high=10.0)]
    for n in range(6):
        attempt(
            tmp_path, HOSTILE + str(n), 100.0 * n, "FAIL" if n else "PASS", [hostile], batch="b", design=HOSTILE,
            model=HOSTILE, rows=[{**rows[0], "value": 8.0 + n % 2}], bench=HOSTILE,
        )  # fmt: skip
    (run,) = tmp_path.glob("000000*")
    (run / "run.json").write_text(
        (run / "run.json").read_text().replace('"batch": "b"', f'"batch": {json.dumps(HOSTILE)}')
    )
    reworked(tmp_path, HOSTILE + "1", 50, "reflow", HOSTILE, text=HOSTILE)
    written = write(tmp_path)
    page, text = (p.read_text(encoding="utf-8") for p in (written.html, written.markdown))
    tags = Tags(page)
    assert tags.open == []
    assert {t for t, _ in tags.tags}.isdisjoint({"script", "img", "iframe", "object", "embed", "base", "form", "link"})
    assert not [name for _, attrs in tags.tags for name in attrs if name.startswith("on")]
    links = [v or "" for _, attrs in tags.tags for k, v in attrs.items() if k in ("href", "src", "xlink:href")]
    assert all(link.startswith("#") for link in links)
    told = markdown(tmp_path)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", page + text + told)
    assert not re.search("<script|<img", text + told) and "{{ 7*7 }}" in page


def test_a_yield_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written there"):
        write(tmp_path, tmp_path / "file" / "below")


def test_the_matrix_counts_units_beside_netlist_and_published_reports(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", 0, "FAIL", [cause("needs mod", pins=["A10"])], model="530FLR-SFP+", virtual=False)
    changed = {"mods": ["broadcom"], "jumpers": {}}
    attempt(tmp_path, "A-2", 100, model="530FLR-SFP+", virtual=False, adapter=changed)
    attempt(tmp_path, "A-3", 200, model="649283-B21", virtual=False)  # a part number: the same card
    attempt(tmp_path, "A-4", 300, "FAIL", [OPEN_LANE_4], model="544FLR-QSFP-649283", virtual=False)
    attempt(tmp_path, "A-5", 400, "ERROR", model="561FLR-T", virtual=False)
    text = markdown(tmp_path)
    rows = {
        tuple(c.strip() for c in line.split("|")[1:4]): line for line in text.splitlines() if line.startswith("| 5")
    }
    delivered = rows["530FLR-SFP+", "TobleMiner-revA", "as delivered"]
    assert "needs mod: A1 high, has PERST#" in delivered and "fail, needs mod" in delivered
    assert "| 1 | 1 |  |  |  |  | ok |" in rows["530FLR-SFP+", "TobleMiner-revA", "mod broadcom"]
    assert "| 2 | 1 |  | 1 |  | joint open, lane 4 (1) | ok | ok |" in rows[
        "544FLR-QSFP-649283", "TobleMiner-revA", "as delivered"
    ]  # fmt: skip
    assert "0 + 1 not judged" in rows["561FLR-T", "TobleMiner-revA", "as delivered"]
    assert "VIRTUAL" not in text


def test_a_card_that_works_against_what_is_published_is_marked(tmp_path: Path) -> None:
    attempt(tmp_path, "A-1", model="530FLR-SFP+")
    text = markdown(tmp_path)
    assert "**works here as delivered; published: fail, needs mod**" in text and "VIRTUAL: no hardware" in text


def test_a_matrix_of_nothing_has_the_published_reports(tmp_path: Path) -> None:
    text = markdown(tmp_path)
    assert "There are no runs in this folder." in text and "| 560FLR-SFP+ |" in text


def test_the_commands_write_and_tell(tmp_path: Path) -> None:
    root = mixed(tmp_path)
    told = CliRunner().invoke(rig, ["yield", str(root)])
    assert told.exit_code == 0 and "VIRTUAL: First pass: 1 of 2" in told.stdout and "1 written off" in told.stdout
    tree = json.loads(CliRunner().invoke(rig, ["yield", str(root), "--json"]).stdout)
    assert [g["final_count"] for g in tree["groups"] if g["by"] == "all"] == [5, 1]
    out = tmp_path / "matrix.md"
    assert CliRunner().invoke(rig, ["matrix", str(root), "--out", str(out)]).exit_code == 0 and out.is_file()
    wrong = CliRunner().invoke(rig, ["yield", str(tmp_path / "nowhere")])
    assert wrong.exit_code == 2 and wrong.stderr.startswith("rig: ") and len(wrong.stderr.splitlines()) == 1
