"""A job on the virtual bench, as a runner starts it: the files and the exit code, also of a bench that is not there."""

import os
import subprocess
import sys

import pytest
from lxml import etree

from rig.config.library import project_root

pytestmark = pytest.mark.timeout(180)
BENCH = project_root() / "configs" / "benches" / "virtual.yaml"
SCHEMA = project_root() / "tests_unit" / "report" / "junit-10.xsd"
BATCH = """name: job
plan: demo
units: [{adapter: {design: TobleMiner-revA, serial: A-1}, card: {model: 561FLR-T, serial: C-1}}]
"""


def job(folder, bench, *more):
    (folder / "batch.yaml").write_text(BATCH)
    call = [
        sys.executable,
        "-m",
        "rig",
        "ci",
        str(folder / "batch.yaml"),
        "--bench",
        str(bench),
        "--out",
        str(folder / "out"),
    ]
    env = {**os.environ, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "step.md")}
    return subprocess.run([*call, *more], capture_output=True, text=True, timeout=150, check=False, env=env, cwd=folder)


def test_a_job_leaves_its_files_and_its_exit_code(tmp_path):
    ended = job(tmp_path, BENCH, "--step", "short_check")
    assert ended.returncode == 4, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("::stop-commands::") and f"::{lines[0].removeprefix('::stop-commands::')}::" in lines
    assert (
        "::warning file=batch.yaml,title=NOT_RUN A-1 (TobleMiner-revA) + C-1 (561FLR-T)%3A link::VIRTUAL"
        in ended.stdout
    )
    assert [line for line in lines if line.startswith("report: ")] == [f"report: {tmp_path / 'out' / 'report.html'}"]
    root = etree.fromstring((tmp_path / "out" / "junit.xml").read_bytes())
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(root)
    cases = {c.get("name"): [child.tag for child in c] for c in root.iter("testcase")}
    assert cases["bench virtual"] == [] and cases["short_check"] == [] and cases["link"] == ["skipped"]
    assert (tmp_path / "step.md").read_text() == (tmp_path / "out" / "summary.md").read_text()
