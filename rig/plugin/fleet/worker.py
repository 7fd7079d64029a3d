"""One bench of several: a pytest-xdist worker that opens it, takes units as they are given, and closes it.

xdist's worker takes a test only once it knows the next one. So a unit's steps are followed by `end`, which closes its
run, and `ready`, which does nothing: the worker stands at `ready`, its bench off, until it is given another unit.
"""

from __future__ import annotations

import signal
from collections.abc import Generator
from pathlib import Path
from types import FrameType

import pytest

from rig.errors import RigError
from rig.plugin.campaign import Campaign
from rig.plugin.fleet.hand import KEY, Hand, Word, unpacked
from rig.plugin.order import insert_id
from rig.plugin.progress import Progress
from rig.plugin.stash import CAMPAIGN, ORDER
from rig.plugin.unitrun import NOT_OFF

OPEN, READY, END = "open", "ready", "end"
_INTERRUPTED = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""By which a job is cancelled."""


def join(config: pytest.Config) -> bool:
    """Take the part that a controller handed this process; False: it is no worker of a fleet."""
    data = getattr(config, "workerinput", {}).get(KEY)
    if data is None:
        return False
    if not data:
        config.pluginmanager.register(_Spare())
        return True
    hand = unpacked(data)
    _cancel_once()
    running = Campaign(hand.order, Progress(hand.order.seat).tell, hand.part)
    config.stash[ORDER], config.stash[CAMPAIGN] = hand.order, running
    config.pluginmanager.register(Worker(hand, running))
    return True


class _Spare:
    """xdist starts a worker for one that died; the dead one's bench is out, so there is nothing for it."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self) -> bool:
        return True


def _cancel_once() -> None:
    """The first signal cancels; terminal and controller may both send one, and the second must not cut the end."""
    told = False

    def cancel(number: int, frame: FrameType | None) -> None:
        nonlocal told
        if not told:
            told = True
            signal.default_int_handler(number, frame)

    for number in SIGNALS:
        signal.signal(number, cancel)


class _Mark(pytest.Item):
    """A place between two units."""

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name

    def runtest(self) -> None:
        """Nothing is taken here."""


class _Open(_Mark):
    def runtest(self) -> None:
        """Open the bench; what keeps it shut is said, not raised."""
        try:
            self.config.stash[CAMPAIGN].open()
        except RigError as e:
            self._say(Word(error=str(e), broken=str(e)))
        else:
            self._say(Word())

    def _say(self, word: Word) -> None:
        self.user_properties.append(word.property())


class _End(_Mark):
    def runtest(self) -> None:
        """Close the run of the unit: power off, judged, on record."""
        running = self.config.stash[CAMPAIGN]
        outcome = running.end()
        if outcome is None:
            said = Word(error="its run could not be begun", broken=running.error or "the unit's run could not be begun")
        else:
            # nobody shall be sent to a slot that may be under power
            not_off = outcome.error if outcome.hands_off == NOT_OFF else None
            said = Word(outcome.verdict, outcome.error, outcome.hands_off, running.error or running.lost or not_off)
        self.user_properties.append(said.property())


class Worker:
    """The bench of this process, from its first test to its last."""

    def __init__(self, hand: Hand, running: Campaign) -> None:
        self._order, self._running, self._config = hand.order, running, None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        ids = [insert_id(self._order, insert) for insert in self._order.inserts]
        items[:] = [
            _mark(session, _Open, OPEN),
            *items,
            *(_mark(session, _End, f"{END}[{name}]") for name in ids),
            _mark(session, _Mark, READY),
        ]

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._running.cancelled = self._running.lost is None
        del excinfo

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, object, object]:
        """After the fixtures of the last unit: the bench off and free, and the controller told what became of it."""
        # a session that ends with a unit on the bench was broken off: its controller died, or xdist gave up
        self._running.cancelled |= self._running.is_at_unit and self._running.lost is None
        try:
            return (yield)
        finally:
            self._running.end()
            error = _closed(self._running)
            output: dict[str, object] = getattr(session.config, "workeroutput", {})
            output[KEY] = error or ""
            if exitstatus == _INTERRUPTED:
                # xdist takes an interrupted worker for the end of the session: whether it is, the controller knows
                output["exitstatus"] = 1


def _closed(running: Campaign) -> str | None:
    try:
        running.close()
    except RigError as e:
        running.tell("error", str(e))
        return str(e)
    return None


def _mark(session: pytest.Session, kind: type[_Mark], name: str) -> pytest.Item:
    item: pytest.Item = kind.from_parent(session, name=name, nodeid=f"{KEY}::{name}")
    return item
