"""One unit against a bench of fakes: what is written, what is raised, what a stop leaves behind."""

import json
from types import SimpleNamespace

import pytest

from rig.config.library import default_library
from rig.config.plan import PlanFile
from rig.errors import BenchError, DeadlineError, TripError, UsageError
from rig.expect import Parts
from rig.model import AdapterUnit, CardUnit, Findings, Measurement, Slot, Step, Unit, Verdict
from rig.netlist import Board
from rig.plugin.unitrun import Failed, NotTaken, UnitRun
from rig.record import BatchRecord, Start

LIBRARY = default_library()
UNIT = Unit(AdapterUnit("TobleMiner-revA", "A"), CardUnit("561FLR-T", "C"))
STEPS = ["link", "throughput", "power_profile"]


class FakeBench:
    """Remembers what it was told; `faults` are raised by `safe_off`."""

    def __init__(self, off_fault=None):
        self.told = []
        self.trip = None
        self.supply = SimpleNamespace(record=lambda path: None, mark=self.told.append, tripped=lambda: self.trip)
        self.console = SimpleNamespace(log_to=lambda path: None)
        self.operator = SimpleNamespace(
            insert=lambda unit, bare: self.told.append("bare" if bare else "unit"),
            insert_adapter=lambda unit: self.told.append("adapter"),
        )
        self.strategy = SimpleNamespace(
            transition=self.told.append, safe_off=self.safe_off, status=SimpleNamespace(name="shell")
        )
        self._off_fault = off_fault

    def safe_off(self):
        self.told.append("safe_off")
        if self._off_fault:
            raise self._off_fault


@pytest.fixture
def make(tmp_path):
    def inner(bench=None, steps=STEPS, pairs=()):
        plan = PlanFile(name="p", steps=steps)
        adapter = LIBRARY.adapter("TobleMiner-revA")
        parts = Parts(adapter, LIBRARY.card("561FLR-T"), Slot(3, 8), 10e9, 1, pairs)
        start = Start("b", "id", "bench", True, "p", UNIT, {}, 1, {}, {}, {})
        journal = BatchRecord(tmp_path, {}).run(start)
        bench = bench or FakeBench()
        return UnitRun(bench, parts, Board(adapter, UNIT.adapter), plan, UNIT, journal, lambda about, text: None, None)

    return inner


LINKED = Findings((
    Measurement("link.ports", 2, "1"),
    Measurement("link.port1.carrier", 1, "1"),
    Measurement("link.port1.speed_bps", 10e9, "bit/s"),
    Measurement("pcie.answers", "yes", ""),
))  # fmt: skip
UNPLUGGED = Findings((*LINKED.measurements[:1], Measurement("link.port1.carrier", 0, "1"), *LINKED.measurements[2:]))


def rows(run):
    return [json.loads(line) for line in (run.journal.folder / "judged.jsonl").read_text().splitlines()]


def verdicts(run, step):
    return {r["name"]: r["verdict"] for r in rows(run) if r["step"] == step}


def boom(error):
    def measure():
        raise error

    return measure


def test_a_step_that_passes_returns_and_is_on_disk(make):
    run = make()
    run.take(Step.LINK, lambda: LINKED)
    assert set(verdicts(run, "link").values()) == {"PASS"}


def test_every_measurement_of_a_failing_step_is_on_disk_before_the_step_fails(make):
    run = make()
    with pytest.raises(Failed, match=r"link\.port1\.carrier is 0, wanted at least 1: "):
        run.take(Step.LINK, lambda: UNPLUGGED)
    assert verdicts(run, "link") == {
        "link.ports": "PASS", "link.port1.carrier": "FAIL", "link.port1.speed_bps": "PASS", "pcie.answers": "PASS",
    }  # fmt: skip


def test_steps_after_a_failed_one_are_not_run_and_say_which_stopped_them(make):
    run = make()
    with pytest.raises(Failed):
        run.take(Step.LINK, lambda: UNPLUGGED)
    with pytest.raises(NotTaken, match="link failed"):
        run.take(Step.THROUGHPUT, boom(AssertionError("must not be called")))
    assert verdicts(run, "throughput")["throughput.completed"] == "NOT_RUN"
    outcome = run.close(cancelled=False)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.failed == ("link.port1.carrier",)
    assert outcome.causes[0].title == "no carrier"


def test_a_bench_fault_is_an_error_of_the_bench_and_never_a_fail_of_the_unit(make):
    run = make()
    with pytest.raises(DeadlineError):
        run.take(Step.LINK, boom(DeadlineError("supply", "a reply", 2.0, "nothing")))
    outcome = run.close(cancelled=False)
    assert outcome.verdict is Verdict.ERROR
    assert outcome.failed == ()
    assert "supply" in (outcome.error or "")


def test_a_step_the_guardian_cut_short_names_the_trip_and_not_its_consequence(make):
    bench = FakeBench()
    bench.trip = "12v: 3.1 A, ceiling 2.5 A"
    run = make(bench)
    with pytest.raises(TripError, match=r"3\.1 A"):
        run.take(Step.LINK, boom(DeadlineError("test host", "a reply", 2.0, "nothing")))
    outcome = run.close(cancelled=False)
    assert outcome.verdict is Verdict.ERROR
    assert "3.1 A" in (outcome.error or "")


@pytest.mark.parametrize("error", [AttributeError("x"), UsageError("wrong"), ZeroDivisionError(), AssertionError()])
def test_a_fault_of_the_rig_itself_is_never_taken_for_a_pass(make, error):
    run = make(steps=["link"])
    with pytest.raises(type(error)):
        run.take(Step.LINK, boom(error))
    assert run.close(cancelled=False).verdict is Verdict.ERROR


def test_a_step_no_test_took_is_not_run_and_the_unit_no_pass(make):
    run = make()
    run.take(Step.LINK, lambda: LINKED)
    outcome = run.close(cancelled=False)
    assert outcome.verdict is Verdict.NOT_RUN
    assert verdicts(run, "power_profile")["power_profile.completed"] == "NOT_RUN"


def test_a_cancelled_run_says_so_and_names_the_step_it_was_in(make):
    run = make()
    with pytest.raises(KeyboardInterrupt):
        run.take(Step.LINK, boom(KeyboardInterrupt()))
    run.close(cancelled=True)
    stop = json.loads((run.journal.folder / "stop.json").read_text())
    assert (stop["status"], stop["verdict"]) == ("cancelled", "NOT_RUN")
    assert verdicts(run, "link")["link.completed"] == "NOT_RUN"


def test_power_goes_off_at_the_end_whatever_came_before(make):
    bench = FakeBench()
    run = make(bench)
    with pytest.raises(BenchError):
        run.take(Step.LINK, boom(BenchError("x")))
    run.close(cancelled=False)
    assert bench.told[-1] == "safe_off"


def test_an_off_that_could_not_be_proven_is_an_error_and_the_stop_record_is_still_written(make):
    run = make(FakeBench(off_fault=BenchError("the bench may not be off")))
    run.take(Step.LINK, lambda: LINKED)
    outcome = run.close(cancelled=False)
    assert outcome.verdict is Verdict.ERROR
    assert (run.journal.folder / "stop.json").exists()


def test_a_refused_unit_touches_nothing(make):
    bench = FakeBench()
    run = make(bench)
    run.refuse("the bench is out of order")
    with pytest.raises(NotTaken, match="out of order"):
        run.take(Step.LINK, boom(AssertionError("must not be called")))
    outcome = run.close(cancelled=False)
    assert outcome.verdict is Verdict.NOT_RUN
    assert bench.told == ["safe_off"]
    assert "out of order" in outcome.causes[0].action


def test_a_unit_is_only_inserted_with_the_bench_off_and_only_once(make):
    bench = FakeBench()
    run = make(bench)
    run.bare()
    run.inserted()
    run.inserted()
    assert bench.told == ["off", "bare", "off", "unit"]


def test_the_adapter_alone_goes_in_with_everything_off_and_the_unit_again_after_it(make):
    bench = FakeBench()
    run = make(bench)
    run.adapter_booted()
    run.adapter_booted()
    run.inserted()
    assert bench.told == ["off", "adapter", "shell", "shell", "off", "unit"]


def test_3v3_alone_is_asked_for_with_the_unit_in_the_slot(make):
    bench = FakeBench()
    make(bench).on_aux()
    assert bench.told == ["off", "unit", "aux"]


# --- a short check that could not tell ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "goes_on"),
    [
        (Measurement("short.12V_PERST#.ohm", None, "Ohm", "no relay, and nobody at a terminal"), False),
        (Measurement("short.12V_PERST#.ohm", 5.0, "Ohm", at_least=True), False),
        (Measurement("short.12V_PERST#.ohm", 100.0, "Ohm", at_least=True), True),
    ],
)
def test_a_unit_that_may_have_a_short_never_gets_power(make, measured, goes_on):
    run = make(steps=["short_check", "first_power"], pairs=(("12V", "PERST#"),))
    with pytest.raises(NotTaken):
        run.take(Step.SHORT_CHECK, lambda: Findings((measured,)))
    taken = []
    with pytest.raises(NotTaken) as told:
        run.take(Step.FIRST_POWER, lambda: taken.append(1) or Findings(()))
    assert bool(taken) is goes_on
    assert goes_on or "it is not known whether short.12V_PERST#.ohm is a short" in str(told.value)


def test_nobody_is_asked_to_touch_a_unit_before_off_was_verified(make):
    bench = FakeBench()
    run = make(bench)
    run.bare()
    run.inserted()
    assert bench.told == ["off", "bare", "off", "unit"]
    bench.strategy.transition = boom_at(BenchError("the bench may not be off"))
    with pytest.raises(BenchError, match="may not be off"):
        run.bare()
    assert bench.told == ["off", "bare", "off", "unit"]


def boom_at(error):
    def transition(to):
        raise error

    return transition


@pytest.mark.parametrize(
    ("error", "trip", "why"),
    [
        (DeadlineError("supply", "a reply", 2.0, "nothing"), None, None),
        (None, "12v: 3.1 A", "the guardian switched everything off"),
    ],
)
def test_a_trip_is_nothing_to_try_again_and_another_error_is_the_policys(make, error, trip, why):
    bench = FakeBench()
    bench.trip = trip
    run = make(bench)
    with pytest.raises(BenchError):
        run.take(Step.LINK, boom(error) if error else lambda: LINKED)
    assert run.close(cancelled=False).hands_off == why


def test_a_power_that_may_be_on_is_nothing_to_try_again(make):
    run = make(FakeBench(BenchError("may not be off")))
    assert run.close(cancelled=False).hands_off == "it is not proven that the power is off"
