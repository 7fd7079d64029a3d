"""`rig ci` and `rig baseline` as a runner calls them: exit codes, what is refused, what is said."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from rig.cli import rig
from rig.cli.batch import batch, finish
from rig.config.library import project_root
from rig.errors import BenchError
from rig.model import AdapterUnit, CardUnit, Judged, Limit, Measurement, Step, Unit, Verdict
from rig.plugin.session import Result
from rig.record import BatchRecord, Start

BENCH = str(project_root() / "configs" / "benches" / "virtual.yaml")
UNIT = Unit(AdapterUnit("TobleMiner-revA", "A-1"), CardUnit("561FLR-T", "C-1"))


def results(folder, *verdicts, watts=12.0, batch_id="1"):
    """A batch folder, one attempt a verdict."""
    row = {"batch": "b", "batch_id": batch_id, "plan": "p", "bench": "v", "virtual": True, "units": []}
    folder.mkdir(parents=True, exist_ok=True)
    record = BatchRecord(folder, row)
    for n, verdict in enumerate(verdicts, start=1):
        run = record.run(Start("b", batch_id, "v", True, "p", UNIT, {}, n, {}, {}, {}))
        measured = Measurement("power.idle.total_w", watts + 0.01 * n, "W")
        run.judged(Step.POWER_PROFILE, [Judged(measured, verdict, "slot", Limit("slot", high=25.0))])
        run.stop("finished", verdict, [], [], None)
    record.stop("finished", None)
    return folder


def call(*arguments, env=None):
    base = {"GITHUB_ACTIONS": "", "GITHUB_STEP_SUMMARY": "", "GITLAB_CI": ""}
    return CliRunner().invoke(rig, list(map(str, arguments)), env={**base, **(env or {})})


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.PASS, 0), (Verdict.MARGINAL, 0), (Verdict.FAIL, 1), (Verdict.ERROR, 3), (Verdict.NOT_RUN, 4)],
)
def test_results_that_are_there_end_with_their_exit_code(tmp_path, verdict, code):
    found = call("ci", "--from", results(tmp_path / "r", verdict))
    assert found.exit_code == code, found.output
    assert (tmp_path / "r" / "junit.xml").exists() and (tmp_path / "r" / "summary.md").exists()


def test_a_regression_is_exit_code_1_and_a_bench_fault_stays_3(tmp_path):
    good = [Verdict.PASS] * 5
    results(tmp_path / "before", *good)
    made = call("baseline", "set", tmp_path / "before", "--file", tmp_path / "b.json")
    assert made.exit_code == 0 and "1 measurements of 5 runs" in made.stdout and "all of it is one batch" in made.stdout
    results(tmp_path / "now", Verdict.PASS, watts=13.0)
    for command in (
        ["ci", "--from", tmp_path / "now", "--baseline"],
        ["baseline", "compare", tmp_path / "now", "--file"],
    ):
        found = call(*command, tmp_path / "b.json")
        assert found.exit_code == 1 and "power.idle.total_w rose by 0.98 W" in found.stdout, found.output
    results(tmp_path / "broken", Verdict.ERROR, watts=13.0)
    assert call("ci", "--from", tmp_path / "broken", "--baseline", tmp_path / "b.json").exit_code == 3


def test_nothing_comparable_is_exit_code_4(tmp_path):
    results(tmp_path / "r", Verdict.PASS)
    call("baseline", "set", tmp_path / "r", "--file", tmp_path / "b.json")
    found = call("baseline", "compare", tmp_path / "r", "--file", tmp_path / "b.json", "--json")
    assert found.exit_code == 4 and '"verdict": "NOT_RUN"' in found.stdout
    assert call("ci", "--from", tmp_path / "r", "--baseline", tmp_path / "b.json").exit_code == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ci"], "BATCH is missing: rig ci BATCH --bench BENCH, or --from FOLDER"),
        (["ci", "batch.yaml"], "--bench is missing"),
        (
            ["ci", "--from", "r", "--bench", BENCH],
            "--from makes files of results that are there; --bench is for a batch",
        ),
        (["ci", "--from", "."], "there are no results in it"),
        (["ci", "--from", "none"], "no such folder"),
        (["ci", "batch.yaml", "--bench", BENCH, "--baseline", "none.json"], "none.json: the baseline cannot be read"),
        (["ci", "none.yaml", "--bench", BENCH, "--out", "out"], "none.yaml: cannot read it"),
        (["baseline", "set", "none", "--file", "b.json"], "no such folder"),
        (["baseline", "set", ".", "--file", "b.json", "--tolerance", "x"], "give NAME=VALUE"),
        (["baseline", "compare", ".", "--file", "none.json"], "'rig baseline set' makes one"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_begins_nothing(tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    found = call(*arguments)
    assert found.exit_code == 2 and told in found.stderr and "Traceback" not in found.output, found.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def fake_batch(monkeypatch):
    """`rig batch` replaced by what it would do; what it was asked."""
    asked = {}

    def put(act):
        def callback(**given):
            asked.update(given)
            act(Path(given["out"]))

        monkeypatch.setattr(batch, "callback", callback)
        return asked

    return put


def test_the_batch_gets_what_it_was_asked_and_the_runner_its_files(tmp_path, fake_batch, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def act(out):
        results(out, Verdict.FAIL)
        sys.stdout.write("::error::from a label\n")
        raise SystemExit(1)

    asked = fake_batch(act)
    out = tmp_path / "out"
    found = call("ci", "tray.yaml", "--bench", BENCH, "--out", out, "--unit", "A-1", env={"GITHUB_ACTIONS": "true"})
    assert found.exit_code == 1 and asked["units"] == ("A-1",) and asked["as_json"] is False
    assert asked["report"] is False, "the report is written once, after the file that the runner imports"
    assert f"report: {out / 'report.html'}" in found.stdout and (out / "report.html").exists()
    lines = found.stdout.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert len(token) == 32 and lines[2] == f"::{token}::"
    assert lines[3].startswith("::error file=tray.yaml,title=FAIL A-1") and (out / "junit.xml").exists()


@pytest.mark.parametrize(
    ("end", "code"),
    [(SystemExit(130), 130), (KeyboardInterrupt(), 130), (BenchError("no supply"), 3), (SystemExit(4), 4)],
)
def test_the_files_are_there_however_the_batch_ended(tmp_path, fake_batch, end, code):
    def act(out):
        results(out, Verdict.NOT_RUN)
        raise end

    fake_batch(act)
    found = call("ci", "tray.yaml", "--bench", BENCH, "--out", tmp_path / "out", "--resume")
    assert found.exit_code == code and (tmp_path / "out" / "junit.xml").exists()
    assert ("rig: no supply" in found.stderr) == (code == 3)


def test_a_bench_that_failed_is_told_though_the_batch_writes_no_report(tmp_path, capsys, monkeypatch):
    result = Result([], tmp_path, cancelled=False, error="not proven off", taken_out={"b": "no supply"})
    monkeypatch.setattr("rig.report.html.write", lambda *_: pytest.fail("ci writes the report"))
    finish(result, virtual=True, as_json=False, report=False)
    said = capsys.readouterr()
    assert "rig: not proven off" in said.err and "rig: bench b was taken out: no supply" in said.err
    assert "report:" not in said.out and list(tmp_path.iterdir()) == []
