import pytest

from rig.config.plan import load_plan
from rig.config.twin import load_twin
from rig.errors import ConfigError


@pytest.fixture
def bad(tmp_path):
    """Load a text with a loader and return its complaint."""

    def inner(loader, text):
        path = tmp_path / "file.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            loader(path)
        return str(caught.value).removeprefix(str(path))

    return inner


@pytest.mark.parametrize(
    "text, expected",
    [
        ("seed: 1\nadapters:\n  A:\n    joints:\n    - {pins: [A1], stat: open}\n",
         ":5: unknown key 'stat', did you mean 'state'? (allowed: ohm, pins, probability, state)"),
        ("seed: 1\nhst: {}\n", ":2: unknown key 'hst', did you mean 'host'?"),
        ("host:\n  boot_s: soon\n", ":2: host.boot_s: input should be a valid number, got 'soon'"),
        ("host:\n  boot_s: .inf\n", ":2: host.boot_s"),
        ("seed: '1'\n", ":1: seed: input should be a valid integer, got '1'"),
        ("adapters: {A: {joints: [{pins: [C1], state: open}]}}\n", ":1: adapters.A.joints.0.pins.0"),
        ("seed: 1\nseed: 2\n", ":2: not YAML"),
        ("a: [\n", ":2: not YAML"),
        ("- 1\n", ":1: expected a mapping"),
        ("", ":1: expected a mapping"),
        ("\t", ":1: not YAML"),
    ],
)  # fmt: skip
def test_a_wrong_twin_file_names_line_and_what_would_be_right(bad, text, expected):
    assert expected in bad(load_twin, text)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("name: x\nsteps: [short_check, fly]\n", ":2: steps: unknown step 'fly'"),
        ("name: x\nsteps: [link, short_check]\n", ":2: steps: steps must be in the order"),
        ("name: x\nlimits:\n  a.b:\n    low: 1\n", ":3: key 'why' is missing in 'limits.a.b'"),
        ("name: x\nlimits:\n  a.b: {low: 2, high: 1, why: w}\n", ":3: limits.a.b: bounds are out of order"),
        ("name: x\nthroughput: {duration_s: 0}\n", ":2: throughput.duration_s"),
        ("steps: [link]\n", ": key 'name' is missing"),
    ],
)
def test_a_wrong_plan_names_line_and_what_would_be_right(bad, text, expected):
    assert expected in bad(load_plan, text)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot read it: No such file or directory"):
        load_twin(tmp_path / "nowhere.yaml")


def test_a_file_that_is_not_text_is_one_sentence(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_twin(path)
