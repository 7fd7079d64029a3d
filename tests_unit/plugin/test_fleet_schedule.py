"""pytest-xdist's scheduling with workers that only note what they are sent."""

from types import SimpleNamespace

import pytest

from rig.config.plan import Retry
from rig.model import Verdict
from rig.plugin.fleet.hand import KEY, Word
from rig.plugin.fleet.ledger import Ledger
from rig.plugin.fleet.schedule import UnitScheduling
from rig.plugin.order import Insert

NAMES = ["1-A-C", "2-A-C", "3-A-C"]
STEPS = [f"tests_hil/test_{step}.py::test_it[{name}]" for step in ("short", "power") for name in NAMES]
TESTS = [f"{KEY}::open", *STEPS, *(f"{KEY}::end[{name}]" for name in NAMES), f"{KEY}::ready"]
OPENED, PASS = Word(), Word(Verdict.PASS)
ERROR = Word(Verdict.ERROR, "supply: silent")
OUT = Word(Verdict.ERROR, "supply: silent", broken="out of order")


class Node:
    """A worker: it notes what it was sent, and takes its tests one by one as xdist's does."""

    def __init__(self, name):
        self.gateway, self.shutting_down, self.sent = SimpleNamespace(id=name), False, []

    def send_runtest_some(self, indices):
        self.sent += [TESTS[n] for n in indices]

    def shutdown(self):
        self.shutting_down = True

    @property
    def units(self):
        return [t.partition("[")[2][0] for t in self.sent if "::end[" in t]


class Fleet:
    """A scheduler with its workers up."""

    def __init__(self, count):
        self.nodes = [Node(f"gw{n}") for n in range(count)]
        benches = {node.gateway.id: f"bench-{n}" for n, node in enumerate(self.nodes)}
        self.ledger = Ledger([Insert(n) for n in range(3)], Retry(), list(benches.values()))
        config = SimpleNamespace(getvalue=lambda name: ["popen"] * count, option=SimpleNamespace())
        log = SimpleNamespace(loadscopesched=lambda *a: None)
        self.sched = UnitScheduling(config, log, self.ledger, NAMES, benches)

    def up(self, *which):
        for n in which:
            self.sched.add_node(self.nodes[n])
            self.sched.add_node_collection(self.nodes[n], TESTS)
            self.sched.schedule()
        return self

    def opened(self, n, said=OPENED):
        self.say(n, said, f"{KEY}::open")

    def end(self, n, said=PASS):
        for test in self.nodes[n].sent[-4:-2]:
            self.sched.mark_test_complete(self.nodes[n], TESTS.index(test))
        self.say(n, said, self.nodes[n].sent[-2])

    def say(self, n, said, test):
        self.sched.again(self.ledger.said(f"bench-{n}", said))
        self.sched.mark_test_complete(self.nodes[n], TESTS.index(test))
        if self.sched.tests_finished:
            for node in self.sched.nodes:
                node.shutdown()

    def die(self, n):
        self.nodes[n].shutting_down = True
        self.sched.lost(self.nodes[n], "killed")
        self.sched.remove_node(self.nodes[n])


@pytest.fixture
def two():
    fleet = Fleet(2).up(0, 1)
    fleet.opened(0)
    fleet.opened(1)
    return fleet


def test_all_steps_of_a_unit_go_to_one_bench_with_its_end_and_nothing_of_the_next(two):
    assert two.nodes[0].sent == [
        f"{KEY}::open", f"{KEY}::ready",
        "tests_hil/test_short.py::test_it[1-A-C]", "tests_hil/test_power.py::test_it[1-A-C]",
        f"{KEY}::end[1-A-C]", f"{KEY}::ready",
    ]  # fmt: skip
    assert two.nodes[1].units == ["2"]


def test_the_next_unit_goes_to_whoever_is_free_first(two):
    two.end(1)
    assert (two.nodes[0].units, two.nodes[1].units) == (["1"], ["2", "3"])
    two.end(1)
    assert not two.sched.tests_finished and not two.nodes[1].shutting_down
    two.end(0)
    assert two.sched.tests_finished and all(n.shutting_down for n in two.nodes)


def test_a_bench_begins_without_waiting_for_one_that_is_slow_to_come_up():
    fleet = Fleet(2).up(0)
    fleet.opened(0)
    for _ in range(3):
        fleet.end(0)
    assert fleet.nodes[0].units == ["1", "2", "3"] and not fleet.nodes[0].shutting_down
    fleet.up(1)
    assert fleet.sched.tests_finished


def test_a_bench_that_cannot_be_opened_gets_no_unit(two):
    fleet = Fleet(2).up(0, 1)
    fleet.opened(0, Word(error="no answer", broken="no answer"))
    fleet.opened(1)
    assert fleet.nodes[0].units == [] and fleet.nodes[0].shutting_down
    assert fleet.nodes[1].units == ["1"]


def test_a_bench_that_breaks_goes_and_its_unit_is_next_for_another(two):
    two.end(0, OUT)
    assert two.nodes[0].shutting_down and two.ledger.is_out("bench-0")
    two.end(1)
    assert two.nodes[1].units == ["2", "1"]
    two.end(1)
    two.end(1)
    assert two.nodes[1].units == ["2", "1", "3"] and two.sched.tests_finished


def test_a_bench_does_not_get_the_unit_again_that_it_could_not_judge(two):
    two.end(0, ERROR)
    assert two.nodes[0].units == ["1", "3"]
    two.end(1)
    assert two.nodes[1].units == ["2", "1"]


def test_the_unit_of_a_worker_that_is_killed_goes_whole_to_a_bench_that_waits(two):
    two.end(1)
    two.end(1)
    two.die(0)
    assert two.nodes[1].units == ["2", "3", "1"]
    assert two.nodes[1].sent[-4:-2] == ["tests_hil/test_short.py::test_it[1-A-C]",
                                        "tests_hil/test_power.py::test_it[1-A-C]"]  # fmt: skip


def test_with_no_bench_left_it_is_over_with_units_that_nobody_took(two):
    two.end(0, OUT)
    two.die(1)
    two.sched.remove_node(two.nodes[0])
    assert two.sched.tests_finished and not two.sched.has_pending


def test_a_unit_that_only_the_bench_is_left_for_that_could_not_judge_it_does_not_hold_the_end_up():
    fleet = Fleet(1).up(0)
    fleet.opened(0)
    fleet.end(0, ERROR)
    assert fleet.nodes[0].units == ["1", "2"]
    fleet.end(0)
    fleet.end(0)
    assert fleet.sched.tests_finished


def test_the_worker_that_xdist_starts_for_a_dead_one_gets_nothing(two):
    spare = Node("gw9")
    two.sched.add_node(spare)
    two.sched.add_node_collection(spare, TESTS)
    assert spare.sent == [] and spare.shutting_down and spare not in two.sched.nodes
    with pytest.raises(KeyError):
        two.sched.remove_node(spare)


def test_a_bench_whose_worker_found_other_tests_is_out():
    fleet = Fleet(2).up(0)
    fleet.sched.add_node(fleet.nodes[1])
    fleet.sched.add_node_collection(fleet.nodes[1], TESTS[:-2])
    assert fleet.nodes[1].sent == [] and fleet.nodes[1].shutting_down
    assert "other tests" in fleet.ledger.taken_out["bench-1"]


def test_nothing_is_given_once_the_batch_is_cancelled(two):
    two.sched.stopping = True
    two.end(0)
    assert two.nodes[0].units == ["1"] and two.sched.tests_finished
