import json

import pytest

from rig.errors import UsageError
from rig.model import AdapterUnit, CardUnit, Cause, Judged, Limit, Measurement, Step, Unit, Verdict
from rig.record import BatchRecord, Start, attempts_before, batch_folder, safe_name


def start(adapter="A-1", card="C-1", attempt=1):
    unit = Unit(AdapterUnit("TobleMiner-revA", adapter, {"JP3": "2-3"}, ("broadcom",)), CardUnit("561FLR-T", card))
    return Start("demo", "id", "virtual", True, "standard", unit, {"title": "t"}, attempt, {}, {}, {})


@pytest.fixture
def batch(tmp_path):
    return BatchRecord(tmp_path, {"batch": "demo"})


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_begins_with_all_that_is_known_and_has_no_stop_record_until_it_ended(batch):
    run = batch.run(start())
    told = json.loads((run.folder / "run.json").read_text())
    assert told["adapter"] == {
        "design": "TobleMiner-revA",
        "serial": "A-1",
        "jumpers": {"JP3": "2-3"},
        "mods": ["broadcom"],
    }
    assert told["virtual"] is True
    assert not (run.folder / "stop.json").exists()


def test_a_judgement_is_on_disk_when_the_call_returns(batch):
    run = batch.run(start())
    limit = Limit("because", low=1.0)
    run.judged(Step.LINK, [Judged(Measurement("link.ports", 2, "1"), Verdict.PASS, "because", limit)])
    (row,) = rows(run.folder / "judged.jsonl")
    assert (row["step"], row["name"], row["value"], row["low"], row["high"], row["verdict"]) == (
        "link",
        "link.ports",
        2,
        1.0,
        None,
        "PASS",
    )


@pytest.mark.parametrize(
    "serial", ["../../etc/passwd", "a/b", ".hidden", "", "\x00\x1b[31m", "x" * 500, "ünï", "con:*?"]
)
def test_a_hostile_serial_stays_inside_the_results_folder(batch, tmp_path, serial):
    run = batch.run(start(adapter=serial))
    assert run.folder.parent == tmp_path
    assert len(run.folder.name) < 130
    assert safe_name(serial).strip(".")


def test_evidence_with_a_hostile_name_stays_inside_and_never_overwrites(batch):
    run = batch.run(start())
    first = run.evidence(Step.LINK, {"../../x": "one"})
    second = run.evidence(Step.LINK, {"../../x": "two"})
    paths = [run.folder / p for found in (first, second) for p in found.values()]
    assert [p.read_text() for p in paths] == ["one", "two"]
    assert all(p.parent == run.folder / "evidence" for p in paths)


def test_firmware_backups_have_their_own_folder(batch):
    run = batch.run(start())
    assert run.evidence(Step.FIRMWARE, {"firmware/identity.json": "{}"}) == {
        "firmware/identity.json": "firmware/firmware-identity.json"
    }


def test_the_stop_record_carries_verdict_and_causes(batch):
    run = batch.run(start())
    run.stop("finished", Verdict.FAIL, ["a.b"], [Cause("bridge", ("A1", "A2"), ("e",), "wick")], None)
    stop = json.loads((run.folder / "stop.json").read_text())
    assert stop["verdict"] == "FAIL"
    assert stop["causes"][0]["pins"] == ["A1", "A2"]


def test_attempts_of_the_same_unit_are_counted_and_of_others_not(batch, tmp_path):
    batch.run(start())
    batch.run(start(attempt=2))
    batch.run(start(adapter="A-2"))
    assert attempts_before(tmp_path, start().unit) == 2


def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(UsageError, match="--out"):
        batch_folder(blocked / "below", tmp_path, "demo")
