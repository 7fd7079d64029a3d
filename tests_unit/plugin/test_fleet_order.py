"""One order for several benches: what they share, what each has, and how a batch of several is gone on with."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from rig.config.library import project_root
from rig.errors import UsageError
from rig.model import AdapterUnit, CardUnit, Unit, Verdict
from rig.plugin import order
from rig.plugin.campaign import Campaign, Part
from rig.plugin.choice import Choice
from rig.plugin.fleet.hand import Hand, packed, unpacked
from rig.plugin.fleet.seats import seats
from rig.plugin.fleet.worker import Worker
from rig.plugin.unitrun import Outcome
from rig.plugin.workshop import Workshop

VIRTUAL = project_root() / "configs" / "benches" / "virtual.yaml"
OUTCOME = Outcome(Unit(AdapterUnit("d", "A"), CardUnit("m", "C")), Verdict.NOT_RUN, (), (), None, Path("x"))
EXAMPLE = project_root() / "configs" / "batches" / "example.yaml"


@pytest.fixture
def made(tmp_path):
    return lambda n=2, **choice: order.make(
        EXAMPLE, VIRTUAL, out=tmp_path / "out", choice=Choice(**choice), seats=seats([str(VIRTUAL)], n) if n > 1 else ()
    )


def test_files_of_a_bench_are_on_record_with_its_runs_and_not_with_the_batch(made):
    shared = made()
    one = order.for_seat(shared, shared.benches[1])
    assert VIRTUAL not in shared.files and VIRTUAL in one.files
    assert (one.bench.name, one.seat, one.benches) == ("virtual-2", "virtual-2", ())
    assert set(shared.hashes()) < set(one.hashes())


def test_a_burn_on_one_virtual_bench_is_not_the_others(made):
    shared = made()
    keys = {Workshop(order.for_seat(shared, seat), None, None).key for seat in shared.benches}
    assert len(keys) == 2


def test_a_worker_is_handed_all_of_its_part(made, tmp_path):
    shared = made()
    hand = Hand(order.for_seat(shared, shared.benches[0]), Part(tmp_path / "out", "id"))
    there = unpacked(packed(hand))
    assert there.part == hand.part and there.order.units == shared.units
    assert there.order.inserts == shared.inserts and there.order.hashes() == hand.order.hashes()
    campaign = Campaign(there.order, lambda about, text: None, there.part)
    campaign.close()
    assert campaign.batch_id == "id" and not (tmp_path / "out" / "batch_stop.json").exists()


def test_a_batch_of_several_benches_goes_on_with_fewer_or_more_and_that_of_one_with_that_one(made, tmp_path):
    Campaign(made(), lambda about, text: None).close()
    row = json.loads((tmp_path / "out" / "batch.json").read_text())
    assert (row["bench"], row["benches"]) == ("virtual-1, virtual-2", ["virtual-1", "virtual-2"])
    out = tmp_path / "out"
    assert [s.name for s in made(3, resume=out).benches] == ["virtual-1", "virtual-2", "virtual-3"]
    assert [s.name for s in made(1, resume=out).benches] == ["virtual"]
    (out / "batch.json").unlink()
    Campaign(made(1), lambda about, text: None).close()
    with pytest.raises(UsageError, match="the bench was 'virtual' and is 'virtual-1, virtual-2'"):
        made(2, resume=out)


def test_a_session_that_ends_with_a_unit_on_the_bench_was_broken_off(made, tmp_path):
    shared = made()
    running = Campaign(
        order.for_seat(shared, shared.benches[0]), lambda about, text: None, Part(tmp_path / "out", "id")
    )
    ended = []
    running._running = SimpleNamespace(close=lambda cancelled: ended.append(cancelled) or OUTCOME)
    worker = Worker(SimpleNamespace(order=shared), running)
    session = SimpleNamespace(config=SimpleNamespace(workeroutput={"exitstatus": 3}))
    finish = worker.pytest_sessionfinish(session, 3)
    next(finish)
    with pytest.raises(StopIteration):
        finish.send(None)
    assert ended == [True] and session.config.workeroutput["rig_fleet"] == ""
