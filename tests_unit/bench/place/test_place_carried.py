"""Every option of a bench file either travels with a place or is named as staying, with the reason."""

import json

import pytest

from rig.bench.place import carried
from rig.config.bench import BenchOptions, load_bench_file
from rig.config.library import project_root
from rig.errors import UsageError
from rig.plugin import golden

VIRTUAL = project_root() / "configs" / "benches" / "virtual.yaml"


@pytest.fixture
def text(tmp_path):
    """What a place carries of a bench with a golden unit."""
    twin = project_root() / "configs" / "twins" / "good.yaml"
    wanted = f"twin: {twin}\n      golden: {{file: ../secret/v.golden.yaml, max_age_days: 7}}"
    path = tmp_path / "v.yaml"
    path.write_text(VIRTUAL.read_text().replace("twin: ../twins/good.yaml", wanted))
    found = carried.read(path).carried
    assert found is not None
    return found


def test_an_option_that_is_new_has_to_be_decided_on():
    assert carried.KEPT | set(carried.STAYS) == set(BenchOptions.model_fields)
    assert not carried.KEPT & set(carried.STAYS)
    assert all(carried.STAYS.values())


def test_a_place_says_how_old_a_check_may_be_and_each_runner_has_the_numbers_beside_its_own_file(text, tmp_path):
    assert json.loads(text)["options"]["golden"] == {"max_age_days": 7.0}
    path = carried.write(text, "bench-a", "lab:1", tmp_path / "places")
    options = load_bench_file(path)[0].targets.main.options
    assert options.golden is not None
    assert (options.golden.file, options.golden.max_age_days) == ("bench-a.golden.yaml", 7.0)
    assert golden.golden(path, options) is None, "not made yet"


@pytest.mark.parametrize("value", [{"file": "/etc/passwd"}, {"max_age_days": 7, "file": "x"}, {"checks": "x"}])
def test_a_coordinator_names_no_golden_file_here(text, value, tmp_path):
    row = json.loads(text)
    row["options"]["golden"] = value
    with pytest.raises(UsageError, match=r"carries golden\.\w+, which a coordinator may not decide here"):
        carried.write(json.dumps(row), "bench-a", "lab:1", tmp_path / "places")
    assert not (tmp_path / "places").exists()


@pytest.mark.parametrize("value", ["x", ["file"], 7, None])
def test_a_golden_unit_that_is_none_is_refused(text, value, tmp_path):
    row = json.loads(text)
    row["options"]["golden"] = value
    with pytest.raises(UsageError, match=r"^place bench-a: (what )?it carries "):
        carried.write(json.dumps(row), "bench-a", "lab:1", tmp_path / "places")


def test_a_bench_without_a_golden_unit_has_none_as_a_place(tmp_path):
    found = carried.read(VIRTUAL).carried
    assert found is not None and "golden" not in json.loads(found)["options"]
    path = carried.write(found, "bench-a", "lab:1", tmp_path)
    assert load_bench_file(path)[0].targets.main.options.golden is None
