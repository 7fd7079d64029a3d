import pytest

from rig.config.batch import load_batch, tray_path
from rig.config.library import default_library
from rig.config.tray import MAX_BYTES, MAX_UNITS, read_tray, tray_text
from rig.errors import ConfigError

HEADER = "adapter_design,adapter_serial,card_model,card_serial"
LINE = "TobleMiner-revA,A-1,561FLR-T,C-1"


@pytest.fixture(scope="module")
def library():
    return default_library()


def written(tmp_path, text):
    path = tmp_path / "tray.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def batch(tmp_path, rest="tray: {csv: tray.csv}"):
    path = tmp_path / "batch.yaml"
    path.write_text(f"name: b\n{rest}\n")
    return path


def test_a_tray_is_units_in_the_files_order_with_jumpers_and_mods(tmp_path, library):
    line = "TobleMiner-revA,A-2,560FLR-SFP+,0815,JP3=2-3,"
    written(tmp_path, f"{HEADER},jumpers,mods\n{LINE},,\n\n{line}\n")
    _, (first, second) = load_batch(batch(tmp_path), library)
    assert (first.adapter.serial, first.card.serial, dict(first.adapter.jumpers)) == ("A-1", "C-1", {})
    assert (second.card.serial, dict(second.adapter.jumpers)) == ("0815", {"JP3": "2-3"})


def test_a_spreadsheets_mark_quotes_and_line_ends_are_read_as_meant(tmp_path):
    (line,) = read_tray(written(tmp_path, f'\ufeff{HEADER}\r\n"TobleMiner-revA", "A,1", 561FLR-T ,C-1\r\n'))
    assert (line.line, line.unit["adapter"]["serial"]) == (2, "A,1")


def test_design_and_model_come_from_the_batch_where_the_columns_are_missing(tmp_path, library):
    written(tmp_path, "card_serial,adapter_serial\nC-1,A-1\n")
    both = "tray: {csv: tray.csv, design: TobleMiner-revA, model: 561FLR-T}"
    _, (unit,) = load_batch(batch(tmp_path, both), library)
    assert (unit.adapter.design, unit.adapter.serial, unit.card.model) == ("TobleMiner-revA", "A-1", "561FLR-T")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1: column 'adapter_design' is missing"),
        (LINE, ":1: unknown column 'TobleMiner-revA': the first line is a header"),
        (HEADER.replace(",", ";") + "\n", ":1: unknown column"),
        (f"{HEADER},{'card_serial'}\n", ":1: column 'card_serial' is there twice"),
        (f"{HEADER}\n", ":1: there is no unit below the header"),
        (f"{HEADER}\n\n{LINE},\n", ":3: 5 cells, but the header has 4 columns"),
        (f"{HEADER}\n{LINE}\nTobleMiner-revA,,561FLR-T,C-2\n", ":3: adapter_serial is empty"),
        (f"{HEADER}\n{LINE.replace('A-1', 'A' * 65)}\n", ":2: adapter.serial: "),
        (f"{HEADER}\n{LINE.replace('A-1', 'A' * 501)}\n", ":2: adapter_serial: "),
        (f"{HEADER}\n{LINE.replace('A-1', chr(27) + '[2J')}\n", r":2: adapter_serial: '\x1b[2J' has characters"),
        (f"{HEADER}\n{LINE.replace('A-1', chr(0))}\n", ":2: "),
        (f'{HEADER}\n"{LINE}\n', ":2: not CSV: "),
        (f"{HEADER}\n{'A' * 200_000}\n", ":2: not CSV: field larger than field limit"),
        (f"{HEADER}\n{LINE}\n{LINE.replace('C-1', 'C-2')}\n", ":3: adapter serial 'A-1' is already unit 1"),
        (f"{HEADER}\n{LINE}\n{LINE.replace('A-1', 'A-2')}\n", ":3: card serial 'C-1' is already unit 1"),
        (f"{HEADER}\n{LINE.replace('561FLR-T', '999')}\n", ":2: "),
        (f"{HEADER}\n{LINE.replace('revA', 'revX')}\n", ":2: "),
        (f"{HEADER},jumpers\n{LINE},JP3\n", ":2: jumpers: 'JP3' is no setting; write JP3=2-3"),
        (f"{HEADER},jumpers\n{LINE},JP3=2-3;JP3=1-2\n", ":2: jumpers: every jumper may be set once"),
        (f"{HEADER},jumpers\n{LINE},JP9=2-3\n", ":2: "),
        (f"{HEADER},mods\n{LINE},magic\n", ":2: "),
        (b"\xff\xfe", ": cannot read it: not UTF-8 text; save it as 'CSV UTF-8'"),
        (HEADER + "\n" * MAX_BYTES, f": more than {MAX_BYTES} bytes"),
    ],
)
def test_a_wrong_tray_names_file_and_line(tmp_path, library, text, told):
    written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_batch(batch(tmp_path), library)
    assert str(caught.value).startswith(f"{tmp_path / 'tray.csv'}{told}")


def test_a_tray_that_is_not_there_is_refused(tmp_path, library):
    with pytest.raises(ConfigError, match=r"tray\.csv: cannot read it: No such file"):
        load_batch(batch(tmp_path), library)


def test_more_units_than_a_tray_holds_are_refused(tmp_path):
    lines = "".join(f"d,A-{n},m,C-{n}\n" for n in range(MAX_UNITS + 1))
    with pytest.raises(ConfigError, match=rf":{MAX_UNITS + 2}: more than {MAX_UNITS} units"):
        read_tray(written(tmp_path, f"{HEADER}\n{lines}"))


def test_the_units_of_a_batch_are_in_one_place(tmp_path, library):
    unit = "units: [{adapter: {design: TobleMiner-revA, serial: A}, card: {model: 561FLR-T, serial: C}}]"
    with pytest.raises(ConfigError, match=r"units and tray\.csv: the units of a batch are in one place"):
        load_batch(batch(tmp_path, f"{unit}\ntray: {{csv: tray.csv}}"), library)
    with pytest.raises(ConfigError, match=r":1: key 'units' is missing: .*--tray or with --scan"):
        load_batch(batch(tmp_path, "plan: demo"), library)


def test_a_tray_that_is_given_stands_for_the_batchs_own_units(tmp_path, library):
    given = tmp_path / "other.csv"
    given.write_text(f"{HEADER}\n{LINE}\n")
    path = batch(tmp_path)
    found, (unit,) = load_batch(path, library, given)
    assert unit.adapter.serial == "A-1"
    assert tray_path(path, found, given) == given
    assert tray_path(path, found, None) == tmp_path / "tray.csv"


def test_what_was_scanned_reads_back_as_it_was(tmp_path):
    serial = 'A,"1"; =x'
    (line,) = read_tray(written(tmp_path, tray_text([("d", serial, "m", "C")])))
    assert line.unit == {
        "adapter": {"design": "d", "serial": serial, "jumpers": {}, "mods": []},
        "card": {"model": "m", "serial": "C"},
    }
