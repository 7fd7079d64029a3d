import asyncio

import pytest
from place_fakes import FakeCoordinator

from rig.bench.place import waiting
from rig.bench.place.query import parse
from rig.errors import DeadlineError, UsageError

ALICE = "desk/alice"
JOB = "other/rig-ci-77-abcdef"


@pytest.fixture(autouse=True)
def at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("RIG_LEASES", str(tmp_path / "leases"))
    monkeypatch.setattr(waiting, "_POLL_S", 0.005)
    monkeypatch.setattr(waiting, "_TWICE_S", 0.05)


def wait(link, query, *, wait_s=5.0, take_over=False, said=None):
    words = [] if said is None else said

    async def beat():
        return None

    return asyncio.run(waiting.Queue(link, parse(query), take_over, link.me).wait(wait_s, beat, words.append))


def test_a_free_place_is_given_at_once():
    link = FakeCoordinator(a={"lanes": "8"}, b={"lanes": "16"})
    assert wait(link, "lanes=16").name == "b"


def test_of_places_that_do_the_one_that_is_free_is_taken_and_no_other_reservation_is_left():
    link = FakeCoordinator(a={"lanes": "8"}, b={"lanes": "16"}, c={"lanes": "4"})
    link.hold("a", ALICE)
    place = wait(link, "lanes>=8")
    assert place.name == "b"
    assert list(link.waiting) == [place.reservation]


def test_the_end_of_the_wait_says_who_has_the_place_and_since_when_and_leaves_no_reservation():
    link = FakeCoordinator(a={})
    link.hold("a", ALICE)
    said = []
    with pytest.raises(DeadlineError, match=rf"a held by {ALICE} since \d\d:\d\d:\d\d \(4 min\)"):
        wait(link, "name=a", wait_s=0.05, said=said)
    assert [w.event for w in said] == ["place_waiting"]
    assert ALICE in said[0].text
    assert link.waiting == {}


def test_a_query_that_no_place_meets_is_no_wait():
    with pytest.raises(UsageError, match=r"no place meets 'lanes=32'; there are: a \(lanes=8\)"):
        wait(FakeCoordinator(a={"lanes": "8"}), "lanes=32")


def test_a_job_that_gives_no_sign_of_life_is_taken_over_from_and_that_is_on_record():
    link = FakeCoordinator(a={})
    link.hold("a", JOB)
    said = []
    assert wait(link, "name=a", said=said).name == "a"
    assert link.dropped == [("a", JOB)]
    (event,) = [w for w in said if w.event == "place_taken_over"]
    assert (event.fields["place"], event.fields["taken_from"]) == ("a", JOB)
    assert "no sign of life" in event.fields["why"]


@pytest.mark.parametrize(("holder", "beats"), [(JOB, True), (ALICE, False)])
def test_neither_a_job_that_lives_nor_a_person_is_taken_over_from_unless_told(holder, beats):
    link = FakeCoordinator(a={})
    link.hold("a", holder, beats=beats)
    with pytest.raises(DeadlineError):
        wait(link, "name=a", wait_s=0.2)
    assert link.dropped == []
    assert wait(link, "name=a", take_over=True).name == "a"
    assert link.dropped == [("a", holder)]
