"""What of a batch is left to do, what may be done again, and what rework taught."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from rig import record
from rig.config.library import default_library, project_root
from rig.config.plan import PlanFile
from rig.errors import UsageError
from rig.model import Cause, Judged, Measurement, Step, Verdict
from rig.plugin import order
from rig.plugin.campaign import Campaign
from rig.plugin.choice import Choice
from rig.plugin.past import Past, book_root, cured_joint
from rig.plugin.session import run_order, stored
from rig.plugin.standing import standing
from rig.plugin.unitrun import Outcome
from rig.report import journal
from rig.report import rework as book
from rig.report.summary import latest, outcomes, tally

LIBRARY = default_library()
VIRTUAL = project_root() / "configs" / "benches" / "virtual.yaml"
PLAN = "name: p\nsteps: [short_check, first_power]\n"
SHORT = [(Step.SHORT_CHECK, Verdict.PASS)]
GOOD = [*SHORT, (Step.FIRST_POWER, Verdict.PASS)]


class Bench:
    """A batch of three units and its folder, with runs written as the rig writes them."""

    def __init__(self, folder):
        self.folder = folder
        self.out = folder / "out"
        self.batch = folder / "batch.yaml"
        self.plan = folder / "plan.yaml"
        self.batch.write_text("name: b\nplan: plan.yaml\nunits:\n" + "".join(
            f"- {{adapter: {{design: TobleMiner-revA, serial: A-{n}}}, card: {{model: 561FLR-T, serial: C-{n}}}}}\n"
            for n in range(3)
        ))  # fmt: skip
        self.plan.write_text(PLAN)

    def order(self, resume=True, out=None, **choice):
        return order.make(
            self.batch, VIRTUAL, out=out or self.out, choice=Choice(self.out if resume else None, **choice)
        )

    def begin(self):
        made = self.order(resume=False)
        campaign = Campaign(made, lambda about, text: None)
        campaign.close()
        self.units = made.units
        self.batch_id = campaign.batch_id
        return self

    def run(self, n, rows=GOOD, status="finished", steps=(), causes=(), batch_id=None):
        """A run of unit `n`; `status` None: it was killed."""
        unit = self.units[n]
        start = record.Start(
            "b", batch_id or self.batch_id, "virtual", True, "p", unit, {},
            record.attempts_before(self.out, unit) + 1, {}, {}, {}, steps,
        )  # fmt: skip
        made = record.RunRecord(self.out / f"run-{n}-{time.monotonic_ns()}", start)
        for step, verdict in rows:
            made.judged(step, [Judged(Measurement(f"{step}.x", 1.0, "1"), verdict, "why")])
        if status:
            worst = next((v for _, v in rows if v is not Verdict.PASS), Verdict.PASS)
            made.stop(status, worst, [], causes, None)
        return made


@pytest.fixture(autouse=True)
def one_library(monkeypatch):
    """The layouts are read once for all of these tests."""
    monkeypatch.setattr(order, "default_library", lambda: LIBRARY)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path).begin()


def test_finished_units_stay_finished_and_all_others_are_taken(bench):
    bench.run(0)
    bench.run(1, rows=SHORT, status=None)
    assert bench.order().todo == (1, 2)
    bench.run(1, status="error")
    bench.run(2, status="cancelled")
    assert bench.order().todo == (1, 2)
    bench.run(1, rows=[(Step.SHORT_CHECK, Verdict.FAIL)])
    assert bench.order().todo == (2,)
    assert bench.order(resume=False).todo == (0, 1, 2)


def test_the_last_whole_run_decides_and_a_run_of_some_steps_does_not(bench):
    bench.run(0)
    bench.run(0, rows=SHORT, status=None)
    assert bench.order().todo == (0, 1, 2)
    bench.run(0)
    bench.run(0, rows=SHORT, status=None, steps=("short_check",))
    assert bench.order().todo == (1, 2)


def test_runs_of_an_earlier_batch_in_the_folder_are_not_this_batchs(bench):
    bench.run(0, batch_id="yesterday")
    assert bench.order().todo == (0, 1, 2)


def test_a_torn_or_missing_line_of_the_journal_leaves_the_unit_to_do(bench):
    torn = bench.run(0, status=None)
    with (torn.folder / "judged.jsonl").open("a") as file:
        file.write('{"step": "first_po')
    (bench.out / "120000-A-1-C-1-1").mkdir()
    (bench.run(2).folder / "stop.json").write_text('{"status": "fin')
    assert bench.order().todo == (0, 1, 2)


def test_another_batch_plan_or_bench_is_refused_with_what_differs(bench):
    bench.plan.write_text(PLAN + "# changed\n")
    with pytest.raises(UsageError, match=r"not the batch that was begun there: plan\.yaml has changed; begin another"):
        bench.order()
    bench.plan.write_text(PLAN)
    other = bench.folder / "bench.yaml"
    other.write_text(VIRTUAL.read_text().replace("../twins", str(VIRTUAL.parent.parent / "twins")))
    with pytest.raises(UsageError, match=r"bench\.yaml is new; virtual\.yaml was part of it"):
        order.make(bench.batch, other, choice=Choice(bench.out))
    bench.batch.write_text(bench.batch.read_text().replace("name: b", "name: c"))
    with pytest.raises(UsageError, match=r"the batch was 'b' and is 'c'; batch\.yaml has changed"):
        bench.order()


def test_the_same_files_from_another_folder_are_the_same_batch(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    made = order.make(Path("batch.yaml"), VIRTUAL, choice=Choice(Path("out")))
    assert made.todo == (0, 1, 2)


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_folder_without_a_readable_batch_is_refused(bench, text):
    if text is None:
        (bench.out / "batch.json").unlink()
    else:
        (bench.out / "batch.json").write_text(text)
    with pytest.raises(UsageError, match=r"no batch to go on with: .*leave --resume out"):
        bench.order()


def test_a_batch_at_which_another_rig_works_is_refused(bench):
    going = Campaign(bench.order(), lambda about, text: None)
    with pytest.raises(UsageError, match="another rig is at work on this batch"):
        Campaign(bench.order(), lambda about, text: None)
    going.close()
    Campaign(bench.order(), lambda about, text: None).close()


def test_going_on_keeps_id_and_start_and_says_how_it_had_stopped(bench):
    before = (bench.out / "batch.json").read_bytes()
    (bench.out / "batch_stop.json").write_text('{"status": "cancelled", "ended_s": 1.0}')
    going = Campaign(bench.order(), lambda about, text: None)
    assert not (bench.out / "batch_stop.json").exists()
    (row,) = [json.loads(line) for line in (bench.out / "resumes.jsonl").read_text().splitlines()]
    assert (row["stopped"]["status"], len(row["units"])) == ("cancelled", 3)
    assert going.batch_id == bench.batch_id and (bench.out / "batch.json").read_bytes() == before
    going.close()
    (batch,) = journal.read(bench.out).batches
    assert batch.stop is not None and batch.stop.status == "finished"


def test_a_batch_with_nothing_left_opens_no_bench_and_gives_every_units_outcome(bench):
    bench.run(0)
    bench.run(1, rows=[(Step.SHORT_CHECK, Verdict.FAIL)], causes=[Cause("bridge 12V to 3V3", ("A1", "A2"))])
    bench.run(2)
    result = run_order(bench.order())
    assert [o.verdict for o in result.outcomes] == [Verdict.PASS, Verdict.FAIL, Verdict.PASS]
    assert result.outcomes[1].causes[0].pins == ("A1", "A2")


def test_a_run_that_crashed_is_not_run_and_says_so(bench):
    bench.run(0, status=None)
    (run,) = standing(bench.out).runs
    outcome = stored(run)
    assert outcome.verdict is Verdict.NOT_RUN
    assert outcome.causes[0].action == "crashed: no stop record"


# --- one unit, one step -----------------------------------------------------------------------------------------------


def test_one_unit_by_either_serial_is_taken_again_though_it_is_done(bench):
    bench.run(1)
    assert bench.order(units=("C-1",)).todo == (1,)
    assert bench.order(units=("A-2", "A-1", "C-1")).todo == (1, 2)
    with pytest.raises(UsageError, match=r"--unit X: no adapter and no card of the batch .*A-0, A-1, A-2"):
        bench.order(units=("X",))


def test_a_unit_asked_for_in_a_folder_with_a_batch_goes_on_with_that_batch(bench):
    again = bench.order(resume=False, units=("A-1",))
    assert again.then is not None and again.then.start.batch_id == bench.batch_id
    assert bench.order(resume=False, out=bench.folder / "new", units=("A-1",)).then is None


def test_steps_are_taken_in_the_plans_order_and_all_of_them_are_a_whole_run(bench):
    assert bench.order(steps=("short_check",)).steps == ("short_check",)
    assert bench.order(steps=("first_power", "short_check")).asked == ()
    with pytest.raises(UsageError, match=r"--step link: the plan has no such step \(it has short_check, first_power\)"):
        bench.order(steps=("link",))


@pytest.mark.parametrize(
    ("rows", "status", "why"),
    [
        (None, None, "it has none in this folder"),
        ([(Step.SHORT_CHECK, Verdict.FAIL)], "finished", "it is FAIL"),
        ([(Step.SHORT_CHECK, Verdict.NOT_RUN)], "finished", "it is NOT_RUN"),
        ([], None, "not on record: that run crashed"),
    ],
)
def test_a_step_gives_no_power_to_a_board_that_is_not_known_to_be_free_of_shorts(bench, rows, status, why):
    if rows is not None:
        bench.run(0)
        bench.run(0, rows=rows, status=status)
    with pytest.raises(UsageError, match=f"would power adapter A-0, whose last short check is not a PASS .*{why}"):
        bench.order(units=("A-0",), steps=("first_power",))
    assert bench.order(units=("A-0",), steps=("short_check",)).todo == (0,)


def test_a_step_gives_power_after_a_short_check_that_passed_but_not_after_soldering(bench):
    bench.run(0)
    bench.run(0, rows=[(Step.FIRST_POWER, Verdict.FAIL)], steps=("first_power",))
    assert bench.order(units=("A-0",), steps=("first_power",)).asked == ("first_power",)
    book.write(bench.out, "A-0", "reflowed", ["A35"], "reflow", time.time() + 1)
    with pytest.raises(UsageError, match="the board was reworked since"):
        bench.order(units=("A-0",), steps=("first_power",))


def test_a_step_that_passes_does_not_make_a_failed_unit_good_and_one_that_fails_counts(bench):
    bench.run(0, rows=[*SHORT, (Step.FIRST_POWER, Verdict.FAIL)])
    bench.run(0, rows=[*SHORT, (Step.FIRST_POWER, Verdict.NOT_RUN)], steps=("short_check",))
    bench.run(1)
    bench.run(1, rows=[*SHORT, (Step.FIRST_POWER, Verdict.NOT_RUN)], steps=("short_check",))
    bench.run(2)
    bench.run(2, rows=[(Step.FIRST_POWER, Verdict.FAIL)], steps=("first_power",))
    found = outcomes(journal.read(bench.out))
    verdicts = {o.adapter.serial: o.verdict for o in latest(found)}
    assert verdicts == {"A-0": Verdict.FAIL, "A-1": Verdict.PASS, "A-2": Verdict.FAIL}
    assert (tally(found).units, tally(found).runs) == (3, 6)


# --- retries ----------------------------------------------------------------------------------------------------------


def retried(bench, policy, verdict, hands_off=None, error=None):
    """Why there is no second try after a first that came to this; None: there is one."""
    bench.plan.write_text(PLAN + f"retry: {policy}\n")
    campaign = Campaign(bench.order(resume=False), lambda about, text: None)
    unit = campaign.order.units[0]
    campaign.outcomes.append(Outcome(unit, verdict, (), (), error, bench.out, hands_off))
    campaign.close()
    return campaign.not_due(0), campaign.not_due(1)


@pytest.mark.parametrize(
    ("on", "verdict", "why"),
    [
        ("[ERROR]", Verdict.ERROR, None),
        ("[ERROR]", Verdict.FAIL, "no retry: the last attempt is FAIL"),
        ("[FAIL, NOT_RUN]", Verdict.NOT_RUN, None),
        ("[FAIL]", Verdict.PASS, "no retry: the last attempt is PASS"),
    ],
)
def test_a_retry_is_taken_where_the_plans_policy_wants_it(bench, on, verdict, why):
    assert retried(bench, f"{{attempts: 1, on: {on}}}", verdict) == (None, why)


@pytest.mark.parametrize("why", ["the guardian switched everything off", "its short check failed"])
def test_nothing_is_retried_after_a_trip_or_a_short(bench, why):
    assert retried(bench, "{attempts: 2, on: [ERROR, FAIL]}", Verdict.ERROR, why) == (None, f"no retry: {why}")


def test_without_a_policy_every_unit_is_put_in_once_and_with_one_as_often_as_it_says(bench):
    assert [(i.unit, i.again) for i in bench.order().inserts] == [(0, 0), (1, 0), (2, 0)]
    bench.plan.write_text(PLAN + "retry: {attempts: 1}\n")
    assert [(i.unit, i.again) for i in bench.order(resume=False, units=("A-1",), out=bench.folder / "x").inserts] == [
        (1, 0),
        (1, 1),
    ]


def test_a_unit_that_errs_twice_is_one_unit_and_does_not_stop_the_bench(bench):
    campaign = Campaign(bench.order(), lambda about, text: None)
    campaign._bench = SimpleNamespace(strategy=SimpleNamespace(fresh_start=lambda: None))
    first, second, _ = campaign.order.units
    for unit, stops in ((first, False), (first, False), (second, True)):
        campaign._count_errors(Outcome(unit, Verdict.ERROR, (), (), "no reply", bench.out))
        assert (campaign.error is not None) is stops
    campaign.close()


def test_a_wrong_policy_is_refused():
    for wrong in ({"attempts": 11}, {"attempts": -1}, {"on": []}, {"on": ["PASS"]}, {"n": 1}):
        with pytest.raises(ValueError, match="retry"):
            PlanFile.model_validate({"name": "p", "retry": wrong})


# --- rework -----------------------------------------------------------------------------------------------------------


def fixed(bench, n, pins, cause, action="reflow"):
    bench.run(n, rows=[(Step.SHORT_CHECK, Verdict.FAIL)], causes=[cause])
    book.write(bench.out, f"A-{n}", "done", pins, action, time.time())
    bench.run(n)


def test_rework_that_made_a_board_good_is_the_joint_suspected_most_or_the_bridge(bench):
    lane = Cause("joint open, lane 4", ("A35", "A36"), probability=0.8, shares=(0.2, 0.6))
    fixed(bench, 0, ["A35", "A36"], lane)
    fixed(bench, 1, ["A1", "A2"], Cause("bridge 12V to 3V3", ("A1", "A2"), probability=0.9), "wick")
    bench.run(2)
    history = Past(bench.out, virtual=True).of("TobleMiner-revA")
    assert history is not None
    assert (history.boards, history.cured) == (3, {"A36": 1, "A1-A2": 1})
    assert Past(bench.out, virtual=False).of("TobleMiner-revA") is None
    assert Past(bench.out, virtual=True).of("TobleMiner-revB") is None


def test_what_nobody_can_say_is_not_counted(bench):
    cause = Cause("no carrier")
    fixed(bench, 0, ["A35", "A36"], cause)
    bench.run(1, rows=[(Step.SHORT_CHECK, Verdict.FAIL)], causes=[Cause("joint open", ("A35",), probability=0.9)])
    book.write(bench.out, "A-1", "one", ["A35"], "reflow", time.time())
    book.write(bench.out, "A-1", "two", ["A36"], "reflow", time.time())
    bench.run(1)
    history = Past(bench.out, virtual=True).of("TobleMiner-revA")
    assert history is not None and history.cured == {}
    assert cured_joint(SimpleNamespace(fixed=False, together=0, before=None, pins=("A35",))) is None


def test_without_a_book_of_rework_nothing_is_read(bench, monkeypatch):
    monkeypatch.setattr(journal, "read", lambda root: pytest.fail("the journal was read"))
    assert Past(bench.out, virtual=True).of("TobleMiner-revA") is None


def test_the_book_may_lie_with_the_batch_or_above_it_up_to_the_results(tmp_path):
    day = tmp_path / "results" / "2026-11-27" / "120000-b"
    day.mkdir(parents=True)
    (tmp_path / book.FILE).touch()
    assert book_root(day) is None
    (day / book.FILE).touch()
    assert book_root(day) == day
    (tmp_path / "results" / book.FILE).touch()
    assert book_root(day) == tmp_path / "results"
    assert book_root(tmp_path / "elsewhere") is None


def test_a_scanned_tray_is_found_again_and_a_stale_one_is_not_taken(bench, tmp_path):
    (bench.out / order.TRAY).write_text("adapter_serial\n")
    assert len(bench.order().units) == 3
    out = tmp_path / "scanned"

    def scan(batch, folder):
        file = folder / order.TRAY
        file.write_text("adapter_design,adapter_serial,card_model,card_serial\nTobleMiner-revA,A-7,561FLR-T,C-7\n")
        return file

    Campaign(bench.order(resume=False, out=out, scan=scan), lambda about, text: None).close()
    again = order.make(bench.batch, VIRTUAL, choice=Choice(out, scan=lambda batch, folder: pytest.fail("asked again")))
    assert [u.adapter.serial for u in again.units] == ["A-7"]
