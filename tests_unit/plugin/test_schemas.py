"""The JSON Schemas of the rig's files: up to date, and of the same mind as the rig about what is right and wrong."""

import copy
import datetime
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from rig.cli import rig
from rig.config.library import project_root
from rig.config.yamlfile import load
from rig.errors import ConfigError
from rig.plugin import schemas

ROOT = project_root()
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "configs").rglob("*.yaml")
    if path.parent.name != "exporters"  # labgrid has its own format there
)
NAMED = re.compile(r"# yaml-language-server: \$schema=(\S+)")
BROKEN = [
    ("adapters/KCORES-v1.1.yaml", ("pins", "A1", "conf"), "high"),
    ("adapters/KCORES-v1.1.yaml", ("pins", "C1"), {"net": "x", "confidence": "high"}),
    ("adapters/KCORES-v1.1.yaml", ("lanes",), "8"),
    ("batches/example.yaml", ("units", 0, "adapter", "jumper"), {}),
    ("batches/example.yaml", ("units", 0, "card", "serial"), ""),
    ("benches/virtual.yaml", ("imports",), ["my.module"]),
    ("benches/virtual.yaml", ("targets", "main", "options", "slott"), {}),
    ("benches/virtual.yaml", ("targets", "main", "options", "slot", "gen"), 9),
    ("benches/virtual.yaml", ("targets", "main", "resources", "VisaInstrument", "adress"), "x"),
    ("benches/virtual.yaml", ("targets", "main", "resources", "NetworkPowerPort", "model"), "shelly_gen9"),
    ("benches/virtual.yaml", ("targets", "main", "drivers", "ShellDriver", "login_timeout"), "60"),
    ("benches/virtual.yaml", ("targets", "main", "drivers", "GuardedSupplyDriver", "rails", "12v", "channel"), 0),
    ("cards/561FLR-T.yaml", ("pci_id",), "1528"),
    ("cards/561FLR-T.yaml", ("color",), "green"),
    ("plans/standard.yaml", ("steps",), ["short_check", "fly"]),
    ("plans/standard.yaml", ("throughput",), {"duration_s": "10"}),
    ("twins/good.yaml", ("psu", "model"), "DP9999"),
    ("twins/good.yaml", ("host", "boot"), 1),
    ("demo.yaml", ("expect", "A-01", "verdict"), "GOOD"),
]


def as_editor_sees(node):
    """YAML as JSON has it: keys are texts, dates are texts."""
    if isinstance(node, dict):
        return {str(key): as_editor_sees(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_editor_sees(item) for item in node]
    return node.isoformat() if isinstance(node, datetime.date) else node


def tree_of(path):
    return as_editor_sees(YAML(typ="safe").load(path.read_text()))


def schema_of(path):
    named = NAMED.fullmatch(path.read_text().splitlines()[0])
    assert named, f"{path}: its first line names no schema"
    return path.parent / named[1]


def faults(path, tree):
    validator = Draft7Validator(json.loads(schema_of(path).read_text()))
    return [f"{'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(tree)]


@pytest.mark.parametrize("name", sorted(schemas.FILES))
def test_the_schema_kept_in_the_project_is_what_the_models_say_now(name):
    kept = (ROOT / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    assert kept == schemas.text(name), "run: ./run schema --out schemas"
    Draft7Validator.check_schema(json.loads(kept))


def test_every_schema_in_the_folder_has_a_model():
    assert sorted(p.stem for p in (ROOT / "schemas").iterdir()) == sorted(schemas.FILES)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_file_of_configs_is_right_by_the_schema_it_names(name):
    path = ROOT / name
    assert schema_of(path).resolve().parent == ROOT / "schemas"
    assert faults(path, tree_of(path)) == []


@pytest.mark.parametrize(("name", "where", "value"), BROKEN, ids=[f"{n}:{'.'.join(map(str, w))}" for n, w, _ in BROKEN])
def test_an_unknown_key_or_a_wrong_value_is_wrong_by_the_schema(name, where, value):
    path = ROOT / "configs" / name
    tree = copy.deepcopy(tree_of(path))
    node = tree
    for key in where[:-1]:
        node = node[key]
    node[where[-1]] = value
    assert faults(path, tree)


@pytest.mark.parametrize("name", sorted(schemas.FILES))
def test_a_key_nobody_knows_is_refused_by_rig_and_schema_alike(name, tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("nobody_knows_this: 1\n")
    with pytest.raises(ConfigError, match="unknown key 'nobody_knows_this'"):
        load(file, schemas.FILES[name])
    told = [e.message for e in Draft7Validator(schemas.document(name)).iter_errors({"nobody_knows_this": 1})]
    assert any("nobody_knows_this" in message for message in told)


def test_a_serial_may_be_a_bare_number_in_the_schema_too():
    unit = {"adapter": {"design": "TobleMiner-revA", "serial": 17}, "card": {"model": 682148, "serial": "X"}}
    assert Draft7Validator(schemas.document("batch")).is_valid({"name": "b", "units": [unit]})


def test_a_class_of_somebody_elses_module_stays_open_in_the_bench_schema():
    path = ROOT / "configs" / "benches" / "virtual.yaml"
    tree = tree_of(path)
    tree["targets"]["main"]["resources"]["MyOwnThing"] = {"anything": 1}
    assert faults(path, tree) == []


def test_fields_say_in_the_schema_what_the_source_says_below_them():
    options = schemas.document("bench")["definitions"]["BenchOptions"]["properties"]
    assert options["partner_bps"]["description"] == "Rate of the link partner's ports."
    plan = schemas.document("plan")
    assert "retrains" in plan["definitions"]["Soak"]["properties"]


def test_rig_schema_lists_prints_writes_and_refuses(tmp_path):
    run = CliRunner().invoke
    assert run(rig, ["schema"]).output.split() == sorted(schemas.FILES)
    assert json.loads(run(rig, ["schema", "twin"]).output)["title"] == "TwinFile"
    assert run(rig, ["schema", "--out", str(tmp_path / "s")]).exit_code == 0
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [f"{name}.json" for name in sorted(schemas.FILES)]
    wrong = run(rig, ["schema", "../twin", "--out", str(tmp_path / "s")])
    assert wrong.exit_code == 2
    assert "no schema '../twin'" in wrong.output
    assert Path(tmp_path / "s" / "twin.json").read_text() == schemas.text("twin")
