"""The files of a job in its folder, the runner's own summary, and what a page shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from rig.model import AdapterUnit, CardUnit, Judged, Limit, Measurement, Step, Unit, Verdict
from rig.plugin.ci import JUNIT, SUMMARY, links, write
from rig.record import BatchRecord, Start
from rig.report.ci.baseline.job import learn
from rig.report.ci.summary import LIMIT_BYTES, cut
from rig.report.journal import read

UNIT = Unit(AdapterUnit("TobleMiner-revA", "A|1<b>"), CardUnit("561FLR-T", "C-1"))
GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "o/r",
    "GITHUB_RUN_ID": "7",
}  # fmt: skip


def batch(folder: Path, watts: tuple[float, ...], *, batch_id: str = "1", error: str | None = None) -> Path:
    """A batch of one unit, taken once a value, as the rig records it."""
    row = {"batch": "b", "batch_id": batch_id, "plan": "p", "bench": "v", "virtual": True, "units": []}
    folder.mkdir(parents=True, exist_ok=True)
    record = BatchRecord(folder, row)
    limit = Limit("slot", high=25.0)
    for n, value in enumerate(watts, start=1):
        run = record.run(Start("b", batch_id, "v", True, "p", UNIT, {}, n, {"rig": "0"}, {}, {}))
        verdict = Verdict.PASS if value < 25 else Verdict.FAIL
        run.event("step_start", step=Step.POWER_PROFILE)
        measured = Measurement("power.idle.total_w", value, "W")
        run.judged(Step.POWER_PROFILE, [Judged(measured, verdict, "slot", limit)])
        run.event("step_end", step=Step.POWER_PROFILE, verdict=verdict)
        run.stop("finished", verdict, [], [], None)
    record.stop("error" if error else "finished", error)
    return folder


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    batch(tmp_path / "before", (12.0, 12.05, 11.95, 12.02, 11.98))
    learn([read(tmp_path / "before")], tmp_path / "b.json", {})
    return tmp_path / "b.json"


def cases(folder: Path) -> dict[str, list[str]]:
    root = etree.fromstring((folder / JUNIT).read_bytes())
    return {c.get("name"): [child.tag for child in c] for c in root.iter("testcase")}


def test_a_job_worse_than_the_baseline_fails_and_says_by_how_much(tmp_path: Path, baseline: Path) -> None:
    step = tmp_path / "step.md"
    step.write_text("before\n")
    env = {**GITHUB, "GITHUB_STEP_SUMMARY": str(step)}
    written = write(batch(tmp_path / "now", (12.4,)), baseline, env, file="tray.yaml")
    assert written.verdicts == [Verdict.PASS, Verdict.FAIL]
    assert cases(tmp_path / "now") == {"bench v": [], "power_profile": [], "power.idle.total_w": ["failure"]}
    (line,) = written.lines
    assert line.startswith("::error file=tray.yaml,title=FAIL baseline%3A power.idle.total_w::VIRTUAL: 561FLR-T power.")
    page = (tmp_path / "now" / SUMMARY).read_text()
    assert step.read_text() == "before\n" + page
    assert "## VIRTUAL: batch b" in page and "### ❌ Against the baseline (VIRTUAL)" in page
    assert "| ❌ regression | 561FLR-T | power.idle.total\\_w | 12 W | 12.4 W | +0.4 W (+3.3 %) |" in page
    assert "A\\|1&lt;b\\>" in page and "<b>" not in page
    assert "(https://github.com/o/r/actions/runs/7)" in page
    assert (tmp_path / "now" / "report.html").exists()


def test_a_job_like_the_baseline_is_good_and_tells_the_runner_nothing(tmp_path: Path, baseline: Path) -> None:
    written = write(batch(tmp_path / "now", (12.01,)), baseline, {})
    assert written.verdicts == [Verdict.PASS, Verdict.PASS] and written.lines == ()


def test_a_bench_that_could_not_be_opened_is_an_error_once(tmp_path: Path) -> None:
    folder = batch(tmp_path / "now", (), error="no supply")
    written = write(folder, None, {}, fault="no supply")
    assert written.verdicts == [Verdict.ERROR] and len(written.lines) == 1
    assert cases(folder) == {"bench v": ["error"]}
    assert (folder / SUMMARY).read_text().startswith("## ⚠️ The rig gave up\n\nno supply")


def test_a_fault_no_journal_knows_is_a_case_of_its_own(tmp_path: Path) -> None:
    written = write(batch(tmp_path / "now", ()), None, GITHUB, fault="x: wrong\nfile")
    assert cases(tmp_path / "now")["rig"] == ["error"]
    assert written.lines == ("::error title=ERROR rig%3A rig::x: wrong file",)


def test_a_summary_that_cannot_be_appended_is_told_and_the_files_are_there(tmp_path: Path) -> None:
    written = write(batch(tmp_path / "now", (12.0,)), None, {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert "cannot be written: Is a directory" in written.warning and (tmp_path / "now" / JUNIT).exists()


def test_runs_one_after_the_other_are_a_line_of_text(tmp_path: Path) -> None:
    write(batch(tmp_path / "now", (12.0, 13.0, 14.0)), None, {})
    page = (tmp_path / "now" / SUMMARY).read_text()
    assert "| 561FLR-T (VIRTUAL) | power.idle.total\\_w | `▁▅█` | 12 W | 14 W |" in page


def test_a_page_too_long_for_the_runner_ends_with_what_is_missing() -> None:
    text = "".join(f"| {n} ✅ |\n" for n in range(1000))
    short = cut(text, 500, "out/summary.md")
    assert len(short.encode()) <= 500
    kept = short.count("✅")
    assert short.endswith(f"**Cut: {1000 - kept} of 1000 lines did not fit; all of it is in out/summary.md.**\n")
    assert cut(text, 20, "x") == "" and cut(text, -5, "x") == "" and cut(text, LIMIT_BYTES, "x") == text


@pytest.mark.parametrize(
    "env",
    [
        {}, {**GITHUB, "GITHUB_RUN_ID": "7)[x](javascript:y"}, {**GITHUB, "GITHUB_SERVER_URL": "javascript:x"},
        {"GITLAB_CI": "true", "CI_JOB_URL": "https://x/) <script>"},
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_no_link(env: dict[str, str]) -> None:
    assert links(env) == {}


def test_a_gitlab_job_is_linked() -> None:
    found = links({"GITLAB_CI": "true", "CI_JOB_URL": "https://gitlab.example/g/p/-/jobs/7"})
    assert list(found.values()) == ["https://gitlab.example/g/p/-/jobs/7/artifacts/browse"]
