"""What `rig.record` writes, the report reads: the two know each other only by the files."""

from __future__ import annotations

from pathlib import Path

from rig.model import AdapterUnit, CardUnit, Cause, Judged, Limit, Measurement, Step, Unit, Verdict
from rig.record import BatchRecord, Start
from rig.report import html
from rig.report.frames import frame, runs

UNIT = Unit(AdapterUnit("toblerevA", "A-1"), CardUnit("533FLR-T", "C-1"))


def recorded(folder: Path) -> None:
    """One batch of one unit, as the rig records it."""
    unit = {"adapter": {"design": "toblerevA", "serial": "A-1"}, "card": {"model": "533FLR-T", "serial": "C-1"}}
    row = {"batch": "b", "batch_id": "1", "plan": "p", "bench": "v", "virtual": True, "units": [unit]}
    batch = BatchRecord(folder, row)
    card = {"title": "HPE 533FLR-T", "typ_w": None, "max_w": 9.0, "power_source": "QuickSpecs"}
    run = batch.run(Start("b", "1", "v", True, "p", UNIT, card, 1, {"rig": "0.1.0"}, {"supply": {"maker": "x"}}, {}))
    run.event("step_start", step=Step.ENUMERATION)
    paths = run.evidence(Step.ENUMERATION, {"lspci.txt": "03:00.0 Ethernet"})
    width = Measurement("pcie.link.width", 4, "1", evidence=paths["lspci.txt"])
    version = Measurement("firmware.version", "7.10", "")
    run.judged(
        Step.ENUMERATION, [Judged(width, Verdict.FAIL, "x8", Limit("x8", low=8)), Judged(version, None, "no source")]
    )
    run.event("step_end", step=Step.ENUMERATION, verdict=Verdict.FAIL)
    run.stop(
        "finished", Verdict.FAIL, ["pcie.link.width"], [Cause("joint open", ("A35",), ("x4",), "reflow", 0.9)], None
    )
    batch.stop("finished", None)


def test_a_recorded_batch_is_read_without_a_problem(tmp_path: Path) -> None:
    recorded(tmp_path)
    df = frame(tmp_path)
    assert df.attrs["problems"] == []
    assert df["name"].tolist() == ["pcie.link.width", "firmware.version"]
    assert (tmp_path / df["evidence"][0]).read_text() == "03:00.0 Ethernet"
    assert runs(tmp_path)[["verdict", "failed", "cause"]].to_numpy().tolist() == [
        ["FAIL", "pcie.link.width", "joint open"]
    ]


def test_a_recorded_batch_makes_a_page_with_cause_and_raw_text(tmp_path: Path) -> None:
    recorded(tmp_path)
    text = html.write(tmp_path).read_text(encoding="utf-8")
    assert "joint open" in text and "03:00.0 Ethernet" in text and "not started" not in text
