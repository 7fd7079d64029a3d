import json
from pathlib import Path

import pytest
from labgrid.remote.common import set_map_from_dict
from labgrid.remote.config import ResourceConfig
from labgrid.remote.generated import labgrid_coordinator_pb2

from rig.bench import check_bench
from rig.bench.place import carried, resolved
from rig.bench.place.exporter import exporter_file
from rig.bench.place.tags import PlaceSpec, slug, tags_of
from rig.errors import ConfigError, UsageError

BENCHES = Path(__file__).parents[3] / "configs" / "benches"
LOCAL = sorted(p for p in BENCHES.glob("*.yaml") if p.stem != "example-remote")


def test_the_tags_say_what_of_a_bench_another_may_lack():
    parts = carried.read(BENCHES / "example-rigol-shelly.yaml")
    tags = tags_of(parts.options, parts.wiring)
    wanted = {"slot_gen": "3", "lanes": "8", "supply_v": "12", "supply_a": "2.5", "flexlom": "yes", "virtual": "no"}
    assert wanted.items() <= tags.items()
    assert slug("Bench A (roof)") == "bench-a-roof"


@pytest.mark.parametrize("path", LOCAL, ids=lambda p: p.stem)
def test_labgrids_exporter_reads_back_what_was_written_for_it(path, tmp_path):
    file = tmp_path / "exporter.yaml"
    file.write_text(exporter_file([("bench-a", path)]))
    group = ResourceConfig(str(file), {}).data["bench-a"]
    parts = carried.read(path)
    assert set(group) == {r["name"] for r in parts.exported} | ({"RigBench"} if parts.carried else set())
    if parts.carried:
        assert group["RigBench"]["file"] == parts.carried
    for params in group.values():
        values = {k: v for k, v in params.items() if k not in ("cls", "match")}
        set_map_from_dict(labgrid_coordinator_pb2.Resource().params, values)  # what is no flat value is refused


@pytest.mark.parametrize("path", [p for p in LOCAL if carried.read(p).carried], ids=lambda p: p.stem)
def test_a_runner_makes_a_right_bench_file_of_what_a_place_carries_and_of_its_resources(path, tmp_path):
    parts = carried.read(path)
    file = PlaceSpec("bench-a", "lab:1", {}, "free", parts.carried).bench_file(tmp_path)
    there = check_bench(file).targets.main.options
    assert (there.slot, there.ports, there.topology, there.name) == (
        parts.options.slot, parts.options.ports, parts.options.topology, "bench-a",
    )  # fmt: skip
    assert there.is_virtual is parts.options.is_virtual and there.twin is None
    assert resolved.remote(file) == resolved.Remote("lab:1", "bench-a")
    exported = [{**r, "args": {k: json.dumps(v) if isinstance(v, dict) else v for k, v in r["args"].items()}}
                for r in parts.exported]  # fmt: skip
    resolved.resolve(file, [*exported, {"cls": "RigBench", "name": "RigBench", "args": {}}], tmp_path / "whole.yaml")
    assert resolved.remote(tmp_path / "whole.yaml") is None
    again = carried.read(tmp_path / "whole.yaml")
    assert again.exported == parts.exported
    check_bench(tmp_path / "whole.yaml")


def test_the_example_is_one_that_labgrids_exporter_takes():
    group = ResourceConfig(str(BENCHES.parent / "exporters" / "example.yaml"), {}).data["bench-a"]
    assert list(group) == ["NetworkPowerPort", "USBSerialPort", "VisaInstrument"]


def test_a_template_of_jinja_in_a_text_is_not_run_by_the_exporter(tmp_path):
    text = (BENCHES / "virtual.yaml").read_text().replace("root@duthost:[^ ]*# '", "{{ name }}{% raw %}{# # '")
    (tmp_path / "virtual.yaml").write_text(text.replace("../twins/good.yaml", str(BENCHES.parent / "twins/good.yaml")))
    file = tmp_path / "exporter.yaml"
    file.write_text(exporter_file([(None, tmp_path / "virtual.yaml")]))
    row = json.loads(ResourceConfig(str(file), {"name": "RUN"}).data["virtual"]["RigBench"]["file"])
    (shell,) = [d for d in row["drivers"] if d["cls"] == "ShellDriver"]
    assert shell["prompt"] == "{{ name }}{% raw %}{# # "


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("drivers", {"cls": "ExternalPowerDriver", "cmd_on": "rm -rf /"}),
        ("drivers", {"cls": "QEMUDriver"}),
        ("resources", {"cls": "OperatorTerminal", "device": "/etc/passwd"}),
        ("resources", {"cls": "RawSerialPort"}),
        ("options", {"firmware": {"mlxburn": "/tmp/evil"}}),
        ("options", {"twin": "../x.yaml"}),
    ],
)
def test_what_a_coordinator_carries_runs_no_command_and_names_no_file_of_the_runner(part, value, tmp_path):
    row = json.loads(carried.read(BENCHES / "virtual.yaml").carried)
    if part == "options":
        row["options"] |= value
    else:
        row[part].append(value)
    with pytest.raises(UsageError, match="may not decide here"):
        carried.write(json.dumps(row), "bench-a", "lab:1", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"resources": [1], "drivers": [], "options": {}}'])
def test_what_a_place_carries_may_be_nonsense(text, tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        carried.write(text, "bench-a", "lab:1", tmp_path)


def test_a_place_name_that_is_a_path_stays_in_its_folder(tmp_path):
    text = carried.read(BENCHES / "virtual.yaml").carried
    assert carried.write(text, "../../x", "lab:1", tmp_path / "in").parent == tmp_path / "in"


def test_a_place_that_carries_nothing_needs_a_bench_file_here(tmp_path):
    with pytest.raises(UsageError, match="name a bench file with RemotePlace instead"):
        PlaceSpec("bench-a", "lab:1", {}, "free", None).bench_file(tmp_path)


def test_a_bench_file_may_ask_for_tags_or_for_the_place_of_a_reservation(tmp_path, monkeypatch):
    text = (BENCHES / "example-remote.yaml").read_text()
    path = tmp_path / "bench.yaml"
    path.write_text(text.replace("RemotePlace: {name: bench-a}", "RemotePlace: {name: 'slot_gen=3 supply_a>=2'}", 1))
    found = resolved.remote(path)
    assert found.query.text == "slot_gen=3 supply_a>=2" and found.token is None
    path.write_text(text.replace("RemotePlace: {name: bench-a}", "RemotePlace: {name: +}", 1))
    monkeypatch.delenv("LG_TOKEN", raising=False)
    with pytest.raises(UsageError, match="LG_TOKEN is not set"):
        _ = resolved.remote(path).token
    monkeypatch.setenv("LG_TOKEN", "ABC")
    assert resolved.remote(path).token == "ABC"
    path.write_text(
        text.replace("- RemotePlace: {name: bench-a}", "- RemotePlace: {name: a}\n      - RemotePlace: {name: b}", 1)
    )
    with pytest.raises(ConfigError, match="a bench is one place"):
        resolved.remote(path)


def test_a_bench_that_is_a_place_already_is_not_exported_again():
    with pytest.raises(UsageError, match="a place already"):
        exporter_file([(None, BENCHES / "example-remote.yaml")])
    with pytest.raises(UsageError, match="give each a name of its own"):
        exporter_file([(None, BENCHES / "virtual.yaml"), (None, BENCHES / "virtual.yaml")])
