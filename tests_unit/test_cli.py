"""Wrong calls and files: one sentence, the right exit code, nothing started."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from rig.cli import exit_code, rig
from rig.config.library import project_root
from rig.model import Verdict

CONFIGS = project_root() / "configs"
BENCH = str(CONFIGS / "benches" / "virtual.yaml")
UNIT = "{adapter: {design: TobleMiner-revA, serial: A}, card: {model: 561FLR-T, serial: C}}"


@pytest.fixture
def call():
    """Run the command; returns (exit code, stdout, stderr)."""

    def inner(*arguments):
        result = CliRunner().invoke(rig, [str(a) for a in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return inner


@pytest.fixture
def batch(tmp_path):
    """A batch file with some text replaced."""

    def inner(old="", new=""):
        path = tmp_path / "batch.yaml"
        path.write_text(
            f"name: t\nplan: demo\nunits:\n- {UNIT}\n".replace(old, new)
            if old
            else f"name: t\nplan: demo\nunits:\n- {UNIT}\n"
        )
        return path

    return inner


def one_sentence(stderr):
    assert "Traceback" not in stderr
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("rig: ")
    return lines[0]


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("561FLR-T", "561FLR-TT", ["batch.yaml:4", "561FLR-TT", "561FLR-T"]),
        ("TobleMiner-revA", "TobleMiner-revZ", ["batch.yaml:4", "TobleMiner-revA"]),
        ("plan: demo", "plan: dmo", ["no plan 'dmo'", "demo", "standard"]),
        ("plan: demo", "plan: ../../etc/passwd", ["no plan"]),
        ("plan: demo", "plan: nowhere.yaml", ["nowhere.yaml", "cannot read it"]),
        ("units:", "unit:", ["unknown key 'unit'", "did you mean 'units'"]),
        (f"- {UNIT}", f"- {UNIT}\n- {UNIT}", ["batch.yaml:5", "already unit 1"]),
        ("serial: A}", "serial: A, jumpers: {JP77: open}}", ["batch.yaml:4", "JP77", "JP3"]),
        ("serial: A}", "serial: \"\"}", ["batch.yaml:4", "adapter.serial"]),
    ],
)  # fmt: skip
def test_a_wrong_batch_is_one_sentence_and_exit_2(call, batch, tmp_path, old, new, words):
    code, out, err = call("batch", batch(old, new), "--bench", BENCH, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert all(word in one_sentence(err) for word in words), err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text, words",
    [
        ("adapters: {A: {joints: [{pins: [A98], state: open}]}}", ["twin.yaml:1", "A98"]),
        ("adapters: {A: {joints: [{pins: [A1, A7], state: bridge}]}}", ["twin.yaml:1", "A1"]),
        ("adapters: {A: {jumpers: {JP9: open}}}", ["twin.yaml:1", "JP9"]),
        ("psu: {model: DP9999}", ["twin.yaml:1", "psu.model"]),
        ("faults: [{plug: toaster, kind: dead}]", ["twin.yaml:1"]),
        ("cards: {C: {firmware: vip}}", ["twin.yaml:1"]),
    ],
)
def test_a_wrong_twin_is_one_sentence_and_exit_2(call, batch, tmp_path, text, words):
    twin = tmp_path / "twin.yaml"
    twin.write_text(text + "\n")
    code, _, err = call("batch", batch(), "--bench", BENCH, "--twin", twin, "--out", tmp_path / "out")
    assert code == 2
    assert all(word in one_sentence(err) for word in words), err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["batch", "bench", "plan", "twin"])
def test_a_missing_file_is_named(call, batch, tmp_path, name):
    files = {
        "batch": batch(),
        "bench": BENCH,
        "plan": CONFIGS / "plans" / "demo.yaml",
        "twin": CONFIGS / "twins" / "demo.yaml",
    }
    files[name] = tmp_path / "nowhere.yaml"
    code, _, err = call(
        "batch", files["batch"], "--bench", files["bench"], "--plan", files["plan"], "--twin", files["twin"]
    )
    assert code == 2
    assert "nowhere.yaml" in one_sentence(err)


def test_a_twin_for_a_real_bench_is_refused(call, batch):
    real = CONFIGS / "benches" / "example-rigol-shelly.yaml"
    code, _, err = call("batch", batch(), "--bench", real, "--twin", CONFIGS / "twins" / "demo.yaml")
    assert code == 2
    assert "real" in one_sentence(err)


def test_results_that_cannot_be_written_are_said_before_anything_starts(call, batch, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    code, _, err = call("batch", batch(), "--bench", BENCH, "--out", blocked / "below")
    assert code == 2
    assert "--out" in one_sentence(err)


@pytest.mark.parametrize("command", ["report", "results"])
def test_a_report_about_nothing_is_a_wrong_call(call, tmp_path, command):
    code, _, err = call(command, tmp_path / "nowhere")
    assert code == 2
    assert "nowhere" in one_sentence(err)


def test_an_unknown_command_or_option_is_exit_2(call):
    assert call("fly")[0] == 2
    assert call("batch", "--fast")[0] == 2


def test_cards_lists_every_model_and_design(call):
    code, out, _ = call("cards")
    assert code == 0
    assert all(name.stem in out for name in (CONFIGS / "cards").glob("*.yaml"))
    assert all(name.stem in out for name in (CONFIGS / "adapters").glob("*.yaml"))


@pytest.mark.parametrize(
    "verdicts, code",
    [
        (["PASS", "MARGINAL"], 0), (["PASS", "FAIL"], 1), (["FAIL", "ERROR"], 3), (["NOT_RUN", "PASS"], 4),
        (["FAIL", "NOT_RUN"], 1), ([], 4),
    ],
)  # fmt: skip
def test_the_exit_code_says_the_worst(verdicts, code):
    assert exit_code([Verdict(v) for v in verdicts]) == code


def test_control_characters_in_a_message_do_not_reach_the_terminal(call, tmp_path):
    evil = tmp_path / "a\x1b[31m.yaml"
    _, _, err = call("batch", evil, "--bench", BENCH)
    assert "\x1b" not in err


def test_the_readme_names_every_command():
    readme = (project_root() / "README.md").read_text()
    missing = [name for name in rig.commands if f"rig {name}" not in readme and f"./run {name}" not in readme]
    assert missing == ["twin"] or missing == []
    assert Path(BENCH).is_file()
