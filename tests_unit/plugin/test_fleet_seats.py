"""Which benches `--bench` and `-n` mean."""

from pathlib import Path

import pytest

from rig.config.library import project_root
from rig.errors import UsageError
from rig.plugin.fleet.seats import seats

BENCHES = project_root() / "configs" / "benches"
VIRTUAL, REAL = str(BENCHES / "virtual.yaml"), str(BENCHES / "example-rigol-shelly.yaml")


def names(*asked, most=None):
    return [seat.name for seat in seats(asked, most)]


def named(folder, name):
    file = folder / f"{name}.yaml"
    text = Path(VIRTUAL).read_text().replace("../twins", str(BENCHES.parent / "twins"))
    file.write_text(text.replace("name: virtual", f"name: {name}"))
    return str(file)


def test_one_file_is_one_bench_and_keeps_its_name():
    assert names(VIRTUAL) == names(VIRTUAL, most=1) == ["virtual"]


def test_a_virtual_bench_is_had_several_times_each_with_a_name_of_its_own():
    found = seats([VIRTUAL], 3)
    assert [s.name for s in found] == ["virtual-1", "virtual-2", "virtual-3"]
    assert {s.twin_path for s in found} == {(BENCHES.parent / "twins" / "good.yaml").resolve()}


def test_of_several_files_so_many_are_taken_as_was_asked(tmp_path):
    files = [named(tmp_path, name) for name in ("a", "b", "c")]
    assert names(*files) == ["a", "b", "c"]
    assert names(*files, most=2) == ["a", "b"]


@pytest.mark.parametrize(
    ("asked", "most", "told"),
    [
        ([REAL], 2, "this bench is there once"),
        ([VIRTUAL, VIRTUAL], None, "is named twice"),
        ([VIRTUAL], 0, "-n 0: from 1 to 64"),
        ([VIRTUAL, REAL], None, "asks a person at the terminal"),
    ],
)
def test_what_cannot_be_is_one_sentence(asked, most, told):
    with pytest.raises(UsageError, match=told):
        seats(asked, most)


def test_two_benches_of_one_name_are_refused(tmp_path):
    with pytest.raises(UsageError, match="two benches have the name 'virtual'"):
        seats([VIRTUAL, named(tmp_path, "virtual")], None)
