"""The OCP output against the rules of the published schemas, written here anew as a table.

Ref: opencomputeproject/ocp-diag-core, json_spec/output/*.json (2023-06-21). With `RIG_OCP_SPEC=.../json_spec/output`
the files themselves validate too (jsonschema).
"""

import json
import os
import re
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from report_journals import T0_S, cause, row, sampled, write_run

from rig.cli import rig
from rig.report import ocptv

NUMBER = (int, float)
VALUE = (str, bool, int, float)
FIELDS = {  # artifact: field -> type; a leading ! is required
    "schemaVersion": {"!major": int, "!minor": int},
    "testRunStart": {"!name": str, "!version": str, "!commandLine": str, "!parameters": dict, "!dutInfo": dict,
                     "metadata": dict},
    "testRunEnd": {"!status": str, "!result": str},
    "testStepStart": {"!name": str},
    "testStepEnd": {"!status": str},
    "measurement": {"!name": str, "!value": VALUE, "unit": str, "validators": list, "hardwareInfoId": str,
                    "subcomponent": dict, "metadata": dict},
    "measurementSeriesStart": {"!name": str, "!measurementSeriesId": str, "unit": str, "validators": list,
                               "hardwareInfoId": str, "subcomponent": dict, "metadata": dict},
    "measurementSeriesElement": {"!index": int, "!value": VALUE, "!timestamp": str, "!measurementSeriesId": str,
                                 "metadata": dict},
    "measurementSeriesEnd": {"!measurementSeriesId": str, "!totalCount": int},
    "diagnosis": {"!verdict": str, "!type": str, "message": str, "hardwareInfoId": str, "subcomponent": dict,
                  "sourceLocation": dict},
    "error": {"!symptom": str, "message": str, "softwareInfoIds": list, "sourceLocation": dict},
    "file": {"!displayName": str, "!uri": str, "!isSnapshot": bool, "description": str, "contentType": str,
             "metadata": dict},
}  # fmt: skip
ENUMS = {
    ("testRunEnd", "status"): {"COMPLETE", "ERROR", "SKIP"},
    ("testRunEnd", "result"): {"NOT_APPLICABLE", "PASS", "FAIL"},
    ("testStepEnd", "status"): {"COMPLETE", "ERROR", "SKIP"},
    ("diagnosis", "type"): {"PASS", "FAIL", "UNKNOWN"},
}
VALIDATORS = {"EQUAL", "NOT_EQUAL", "LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL",
              "REGEX_MATCH", "REGEX_NO_MATCH", "IN_SET", "NOT_IN_SET"}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def check(lines):
    """Every line by the table, and the order of the whole; the artifacts as (step or None, kind, content)."""
    found = []
    for number, line in enumerate(lines):
        whole = json.loads(line)
        assert whole.pop("sequenceNumber") == number
        stamp = whole.pop("timestamp")
        assert TIME.fullmatch(stamp)
        datetime.fromisoformat(stamp)
        [(outer, inner)] = whole.items()
        step = inner.pop("testStepId") if outer == "testStepArtifact" else None
        [(kind, content)] = [("schemaVersion", inner)] if outer == "schemaVersion" else inner.items()
        fields(kind, content)
        found.append((step, kind, content))
    order(found)
    return found


def fields(kind, content):
    known = {name.lstrip("!"): wanted for name, wanted in FIELDS[kind].items()}
    assert {name[1:] for name in FIELDS[kind] if name[0] == "!"} <= set(content) <= set(known)
    for name, value in content.items():
        assert isinstance(value, known[name]), (kind, name, value)
        assert value in ENUMS.get((kind, name), [value])
    for validator in content.get("validators", []):
        assert validator["type"] in VALIDATORS
        assert isinstance(validator["value"], VALUE)


def order(found):
    kinds = [kind for _, kind, _ in found]
    assert kinds[:2] == ["schemaVersion", "testRunStart"]
    assert kinds[-1] == "testRunEnd"
    for step in {s for s, _, _ in found if s is not None}:
        mine = [kind for s, kind, _ in found if s == step]
        assert (mine[0], mine[-1]) == ("testStepStart", "testStepEnd")
        assert (mine.count("testStepStart"), mine.count("testStepEnd")) == (1, 1)
    for _, kind, end in found:
        if kind == "measurementSeriesEnd":
            name = end["measurementSeriesId"]
            indices = [c["index"] for _, k, c in found if k.endswith("Element") and c["measurementSeriesId"] == name]
            assert indices == list(range(end["totalCount"]))


def exported(tmp_path, rows, **run):
    """The artifacts of one run, checked."""
    write_run(tmp_path / "in" / "run-1", rows, **run)
    [path], problems = ocptv.write(tmp_path / "in", tmp_path / "out")
    published(path)
    return check(path.read_text().splitlines()), problems


def published(path):
    """Against the schemas themselves, where somebody has them."""
    if "RIG_OCP_SPEC" not in os.environ:
        return
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    schemas = [json.loads(f.read_text()) for f in Path(os.environ["RIG_OCP_SPEC"]).glob("*.json")]
    registry = Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in schemas])
    [root] = [s for s in schemas if s["$id"].endswith("/output")]
    validator = Draft202012Validator(root, registry=registry)
    for line in path.read_text().splitlines():
        assert not list(validator.iter_errors(json.loads(line))), line


def named(found, kind):
    return [content for _, k, content in found if k == kind]


def test_a_good_run_is_a_complete_pass_with_its_limits_as_validators(tmp_path):
    rows = [
        row("link", "link.port1.speed_bps", 1e10, "bit/s", low=1e10, high=None),
        row("link", "link.port1.module", "SFP", "", one_of=["SFP", "DAC (1 m)"]),
        row("enumeration", "pcie.present", True, "1", low=1, high=1),
        row("enumeration", "pcie.note", 3, "1", None),
    ]
    found, problems = exported(tmp_path, rows)
    assert problems == []
    assert named(found, "testRunEnd") == [{"status": "COMPLETE", "result": "PASS"}]
    by_name = {m["name"]: m for m in named(found, "measurement")}
    assert by_name["link.port1.speed_bps"]["validators"] == [{"type": "GREATER_THAN_OR_EQUAL", "value": 1e10}]
    [text] = by_name["link.port1.module"]["validators"]
    assert text["type"] == "REGEX_MATCH"
    assert re.match(text["value"], "DAC (1 m)")
    assert not re.match(text["value"], "DAC (1 m) x")
    assert by_name["pcie.present"]["validators"] == [{"type": "EQUAL", "value": True}]
    assert "validators" not in by_name["pcie.note"]
    assert [s["name"] for s in named(found, "testStepStart")] == ["link", "enumeration"]


def test_everything_of_a_twin_says_virtual_and_nothing_of_a_bench_does(tmp_path):
    rows, seen = [row("link", "link.port1.mac", "02:00", "")], sampled(1)
    events = [{"event": "step_start", "time_s": T0_S, "step": "link"}]
    twin, _ = exported(tmp_path / "a", rows, power=seen, events=events)
    real, _ = exported(tmp_path / "b", rows, power=seen, events=events, virtual=False)
    [start] = named(twin, "testRunStart")
    assert start["name"].endswith("(virtual)")
    assert start["metadata"]["virtual"] is True
    for kind in ("measurement", "measurementSeriesStart"):
        assert named(twin, kind)
        assert all(m["metadata"]["virtual"] is True for m in named(twin, kind))
        assert not any(m.get("metadata", {}).get("virtual") for m in named(real, kind))
    assert "virtual" not in named(real, "testRunStart")[0]["name"]


@pytest.mark.parametrize(
    ("verdict", "stop", "ended", "types"),
    [
        ("FAIL", {"verdict": "FAIL", "causes": [cause()]}, ("COMPLETE", "FAIL"), {"FAIL"}),
        ("MARGINAL", {"verdict": "MARGINAL"}, ("COMPLETE", "PASS"), {"PASS"}),
        ("NOT_RUN", {"verdict": "NOT_RUN"}, ("SKIP", "NOT_APPLICABLE"), {"UNKNOWN"}),
        ("ERROR", {"verdict": "ERROR", "status": "error", "error": "supply: gone"}, ("ERROR", "NOT_APPLICABLE"), set()),
    ],
)
def test_a_verdict_is_status_and_result_and_nothing_unknown_passes(tmp_path, verdict, stop, ended, types):
    value = None if verdict in ("NOT_RUN", "ERROR") else 4
    found, _ = exported(tmp_path, [row("enumeration", "pcie.link.width", value, "1", verdict, low=8)], stop=stop)
    [end] = named(found, "testRunEnd")
    assert (end["status"], end["result"]) == ended
    assert {d["type"] for d in named(found, "diagnosis")} == types
    assert bool(named(found, "error")) is (verdict == "ERROR")


def test_a_cause_is_a_diagnosis_at_its_pins(tmp_path):
    found, _ = exported(tmp_path, [row("link", "x", 1, verdict="FAIL")], stop={"verdict": "FAIL", "causes": [cause()]})
    last = named(found, "diagnosis")[-1]
    assert last["subcomponent"] == {"type": "CONNECTOR", "name": "A35 B33"}
    assert last["message"].endswith("reflow A35 and B33")


def test_a_crash_is_an_error_of_the_step_it_was_in(tmp_path):
    events = [{"event": "step_start", "time_s": T0_S + 1, "step": "link"}]
    found, _ = exported(tmp_path, [row("link", "x", 1)], events=events, crashed=True)
    assert named(found, "testStepEnd") == [{"status": "ERROR"}]
    assert [e["symptom"] for e in named(found, "error")] == ["rig-crashed", "rig-crashed"]
    assert named(found, "testRunEnd") == [{"status": "ERROR", "result": "NOT_APPLICABLE"}]


def test_hostile_names_stay_inside_their_strings_and_their_folder(tmp_path):
    rows = [
        row("link", 'x"}\n{', "\x1b[31m", evidence="../../etc/passwd"),
        row("link", "y", 1, evidence="evidence/a b"),
    ]
    found, _ = exported(tmp_path, rows, batch_id="../../../evil")
    assert [f["uri"] for f in named(found, "file")] == ["run-1/evidence/a%20b"]
    assert [p.parent for p in tmp_path.rglob("*.jsonl") if "evil" in p.name] == [tmp_path / "out"]


def test_the_command_names_the_files_and_refuses_an_empty_folder(tmp_path):
    write_run(tmp_path / "in" / "run-1", [row("link", "x", 1)])
    done = CliRunner().invoke(rig, ["results", str(tmp_path / "in"), "--ocptv", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert Path(done.output.strip()).is_file()
    (tmp_path / "none").mkdir()
    done = CliRunner().invoke(rig, ["results", str(tmp_path / "none"), "--ocptv", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "no run in it" in done.output


def test_what_is_no_json_in_a_journal_is_a_text(tmp_path):
    folder = write_run(tmp_path / "in" / "run-1", [row("link", "x", 1)])
    (folder / "run.json").write_text((folder / "run.json").read_text().replace('"rig": "0.1.0"', '"rig": NaN'))
    [path], _ = ocptv.write(tmp_path / "in", tmp_path / "out")
    [start] = named(check(path.read_text().splitlines()), "testRunStart")
    assert start["metadata"]["versions"]["rig"] == "NaN"
