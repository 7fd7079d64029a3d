import pytest

from rig.config.batch import load_batch
from rig.config.library import default_library
from rig.errors import ConfigError

GOOD = "name: b\nunits:\n- {adapter: {design: TobleMiner-revA, serial: A}, card: {model: 561FLR-T, serial: C}}\n"


@pytest.fixture(scope="module")
def library():
    return default_library()


def load(tmp_path, text, library):
    path = tmp_path / "batch.yaml"
    path.write_text(text)
    return load_batch(path, library)


def test_a_batch_is_units_with_the_models_own_name_for_an_alias(tmp_path, library):
    _, (unit,) = load(tmp_path, GOOD.replace("561FLR-T", "700699-B21"), library)
    assert (unit.adapter.design, unit.adapter.serial, unit.card.model) == ("TobleMiner-revA", "A", "561FLR-T")


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("TobleMiner-revA", "TobleMiner-revX", ":3: "),
        ("561FLR-T", "561FLR-X", ":3: "),
        ("561FLR-T", "568FLR-MMT", ":3: 568FLR-MMT is not a PCIe card"),
        ("serial: A", "serial: A, jumpers: {JP9: open}", ":3: "),
        ("serial: A", "serial: A, mods: [magic]", ":3: "),
        ("serial: A", "serial: 1e5", ":3: units.0.adapter.serial: put it in quotes"),
        ("serial: A", "serial: 007", ":3: units.0.adapter.serial: put it in quotes"),
        ("serial: A", "serial: 1_000", ":3: units.0.adapter.serial: put it in quotes"),
        ("serial: A", "serial: 0x1f", ":3: units.0.adapter.serial: put it in quotes"),
        ("serial: A", "serial: true", ":3: units.0.adapter.serial: input should be a valid string, got True"),
        ("name: b", "nam: b", ":1: unknown key 'nam', did you mean 'name'?"),
        ("units:", "units: []\nx:", ":3: unknown key 'x'"),
    ],
)
def test_a_wrong_batch_names_line_and_what_is_known(tmp_path, library, old, new, expected):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace(old, new), library)
    assert expected in str(caught.value)


@pytest.mark.parametrize("kind, second", [("adapter", "serial: A}, card: {model: 561FLR-T, serial: D"),
                                          ("card", "serial: B}, card: {model: 561FLR-T, serial: C")])  # fmt: skip
def test_two_units_with_one_serial_are_refused_with_the_second_ones_line(tmp_path, library, kind, second):
    text = GOOD + "- {adapter: {design: TobleMiner-revA, " + second + "}}\n"
    with pytest.raises(ConfigError, match=rf":4: {kind} serial '.' is already unit 1"):
        load(tmp_path, text, library)


def test_bare_numbers_are_names(tmp_path, library):
    _, (unit,) = load(tmp_path, GOOD.replace("561FLR-T", "682148").replace("serial: A", "serial: 1234"), library)
    assert (unit.adapter.serial, unit.card.model) == ("1234", "682148")
