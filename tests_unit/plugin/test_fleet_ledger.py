"""Which bench has which unit, and what is taken again: the rules, without pytest."""

import pytest

from rig.config.plan import Retry
from rig.model import Verdict
from rig.plugin.fleet.hand import Word, word
from rig.plugin.fleet.ledger import Ledger
from rig.plugin.order import Insert

ONCE = [Insert(n) for n in range(4)]
TWICE = [Insert(n, again) for n in range(2) for again in (0, 1)]
PASS, ERROR = Word(Verdict.PASS), Word(Verdict.ERROR, "supply: silent")
OUT = Word(Verdict.ERROR, "supply: silent", broken="the bench is out of order")


@pytest.fixture
def ledger():
    return Ledger(ONCE, Retry(), ["a", "b", "c"])


def take(ledger, bench, insert, said):
    ledger.given(bench, insert)
    return ledger.said(bench, said)


def test_a_unit_that_was_judged_is_done(ledger):
    assert ledger.first == [0, 1, 2, 3]
    assert take(ledger, "a", 0, PASS) == [] and take(ledger, "a", 1, Word(Verdict.FAIL)) == []
    assert ledger.taken_out == {} and not ledger.is_busy("a")


def test_what_one_bench_cannot_judge_goes_to_another_and_to_a_third_never(ledger):
    assert take(ledger, "a", 0, ERROR) == [0]
    assert not ledger.may("a", 0) and ledger.may("b", 0)
    assert take(ledger, "b", 0, ERROR) == []
    assert ledger.taken_out == {}


def test_a_bench_that_breaks_is_out_and_what_it_left_goes_to_another_once(ledger):
    assert take(ledger, "a", 0, ERROR) == [0]
    assert take(ledger, "a", 1, OUT) == [1]
    assert ledger.taken_out == {"a": "the bench is out of order"} and ledger.is_out("a")


def test_a_unit_that_another_bench_judged_meanwhile_does_not_come_back(ledger):
    take(ledger, "a", 0, ERROR)
    take(ledger, "b", 0, PASS)
    assert take(ledger, "a", 1, OUT) == [1]


def test_a_bench_that_cannot_be_opened_is_out_with_no_unit_lost(ledger):
    assert ledger.said("a", Word(error="no answer", broken="no answer")) == []
    assert ledger.taken_out == {"a": "no answer"}


def test_the_unit_of_a_worker_that_died_goes_to_another_and_twice_dead_to_nobody(ledger):
    ledger.given("a", 2)
    assert ledger.lost("a", "killed") == [2]
    ledger.given("b", 2)
    assert ledger.lost("b", "killed") == []
    assert set(ledger.taken_out) == {"a", "b"}


def test_a_worker_that_dies_without_a_unit_takes_none_with_it(ledger):
    assert ledger.lost("a", "killed") == [] and ledger.is_out("a")


def test_the_plans_retry_comes_after_its_first_try_and_before_another_bench():
    ledger = Ledger(TWICE, Retry(attempts=1, on=["ERROR"]), ["a", "b"])
    assert ledger.first == [0, 2]
    assert take(ledger, "a", 0, ERROR) == [1]
    assert ledger.may("a", 1)
    assert take(ledger, "a", 1, ERROR) == [1]
    assert not ledger.may("a", 1) and ledger.may("b", 1)


def test_what_is_not_to_be_touched_again_is_not_retried():
    ledger = Ledger(TWICE, Retry(attempts=1, on=["ERROR", "FAIL"]), ["a"])
    assert take(ledger, "a", 0, Word(Verdict.FAIL, hands_off="its short check failed")) == []
    assert take(ledger, "a", 2, Word(Verdict.FAIL)) == [3]
    assert take(ledger, "a", 3, Word(Verdict.FAIL)) == []


def test_a_retry_that_waits_when_its_bench_breaks_is_there_once():
    ledger = Ledger([*TWICE, Insert(2)], Retry(attempts=1, on=["ERROR"]), ["a", "b"])
    assert take(ledger, "a", 0, ERROR) == [1]
    assert take(ledger, "a", 4, OUT) == [4]


def test_a_word_survives_the_way_through_a_report():
    for said in (Word(), PASS, OUT, Word(Verdict.FAIL, None, "hands off")):
        assert word([("other", 1), said.property()]) == said
    assert word([("other", 1)]) is None
