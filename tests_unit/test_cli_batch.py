"""`rig batch` called wrongly: one sentence, exit code 2, nothing begun; and what a scanner types."""

import pytest
from click.testing import CliRunner

from rig.cli import rig
from rig.cli.scan import scan
from rig.config.batch import BatchFile, Tray
from rig.config.library import project_root

BENCH = str(project_root() / "configs" / "benches" / "virtual.yaml")
SCANNED = "name: t\nplan: demo\ntray: {design: TobleMiner-revA, model: 561FLR-T}\n"


@pytest.fixture
def call(tmp_path):
    """`rig batch` with `--out out`; exit code and what was said."""
    (tmp_path / "batch.yaml").write_text(SCANNED)

    def inner(*more, typed=""):
        arguments = ["batch", str(tmp_path / "batch.yaml"), "--bench", BENCH, *map(str, more)]
        result = CliRunner().invoke(rig, arguments, input=typed)
        assert isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stderr

    return inner


@pytest.mark.parametrize(
    ("more", "typed", "told"),
    [
        ([], "", "key 'units' is missing: name them here, in 'tray: {csv: FILE}', with --tray or with --scan"),
        (["--scan"], "", "--scan: no unit was scanned"),
        (["--scan"], "A-1\n", "--scan: the tray ended before unit 1: card; begin again"),
        (["--scan"], "A-1\nC-1\n\x1b[2J\n\n", "'\\x1b[2J' is no label"),
        (["--scan", "--unit", "A-9"], "A-1\nC-1\n\n", "--unit A-9: no adapter and no card of the batch has this"),
        (["--scan", "--step", "soup"], "A-1\nC-1\n\n", "--step soup: the plan has no such step"),
        (
            ["--scan", "--step", "link"],
            "A-1\nC-1\n\n",
            "whose last short check is not a PASS (it has none): add --step",
        ),
        (["--scan", "--tray", "t.csv"], "", "--tray and --scan: the units of a batch come from one place"),
        (["--resume", "other"], "", "--resume other and --out "),
    ],
)
def test_a_wrong_call_is_one_sentence_and_begins_nothing(call, tmp_path, more, typed, told):
    # the last step is never taken: a call that is right so far must not start the bench
    never = [] if {"--step", "--unit"} & set(more) else ["--step", "none"]
    code, said = call(*more, "--out", tmp_path / "out", *never, typed=typed)
    assert code == 2
    assert told in said
    assert "Traceback" not in said and "\x1b" not in said
    assert not (tmp_path / "out" / "batch.json").exists()


def test_resume_needs_a_folder_of_a_batch(call, tmp_path):
    assert call("--resume")[1].strip() == "rig: --resume: name the folder of the batch, here or with --out"
    code, said = call("--resume", tmp_path)
    assert code == 2 and "no batch to go on with: there is no batch.json in it" in said


def test_resume_without_a_folder_begins_where_nothing_was_begun(call, tmp_path):
    code, said = call("--out", tmp_path / "out", "--resume", "--step", "none")
    assert code == 2 and "key 'units' is missing" in said


def test_a_scanner_types_adapter_and_card_in_turn_until_an_empty_line(tmp_path, monkeypatch, capsys):
    typed = iter(["A-1\n", "0815\r\n", "A-1\n", "A" * 65 + "\n", " A-2 \n", "0815\n", "C-2\n", "\n", "A-3\n"])
    monkeypatch.setattr("sys.stdin.readline", lambda limit: next(typed))
    file = scan(BatchFile(name="t", tray=Tray(design="d", model="m")), tmp_path)
    assert file.read_text().splitlines()[1:] == ["d,A-1,m,0815", "d,A-2,m,C-2"]
    told = capsys.readouterr().err
    assert "adapter A-1 is in the tray already" in told and "card 0815 is in the tray already" in told
    assert next(typed) == "A-3\n"


def test_without_defaults_design_and_model_are_asked_for_too(tmp_path, monkeypatch):
    typed = iter(["A-1\n", "KCORES-v1.1\n", "C-1\n", "561FLR-T\n", ""])
    monkeypatch.setattr("sys.stdin.readline", lambda limit: next(typed))
    assert scan(BatchFile(name="t"), tmp_path).read_text().splitlines()[1:] == ["KCORES-v1.1,A-1,561FLR-T,C-1"]
