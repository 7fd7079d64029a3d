"""One instrument in a thread of its own: while it hangs, nothing else has to wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from rig.errors import BenchError, DeadlineError, ReplyError
from rig.guard.config import GuardConfig
from rig.model import Identity, Reading

T = TypeVar("T")
_QUERIES = 20
"""More round trips than any one call makes."""
_PATIENCE_S = 0.25
_PATIENCE = 3.0
"""A reading is late when it takes so many times as long as usual, and `_PATIENCE_S` at least."""
_FORGETS = 0.9
_REMEDY = "check that it is on, and its cable"


class Late(DeadlineError):
    """A reading takes longer than usual and is still awaited: nothing is lost yet."""


class Instrument(Protocol):
    """Whatever says who it is and is read: a supply, or a meter."""

    @property
    def device(self) -> str: ...

    @property
    def sessions(self) -> int:
        """How many sessions were opened so far."""

    def identify(self, config: GuardConfig) -> Identity: ...

    def read(self, numbers: Iterable[int]) -> dict[int, Reading]: ...

    def close(self) -> None: ...


AnInstrument = TypeVar("AnInstrument", bound=Instrument)


class Hand(Generic[AnInstrument]):
    """Jobs for one instrument, one after the other; whoever answers in a new session is asked who it is."""

    def __init__(
        self, instrument: AnInstrument, config: GuardConfig, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self.instrument, self._config, self._elapsed = instrument, config, elapsed
        self.identity: Identity | None = None
        self._doubted, self._sessions = False, 0
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._reading: Future[dict[int, Reading]] | None = None
        self._next: Future[dict[int, Reading]] | None = None
        self._asked_s, self._is_late, self._goes_on = 0.0, False, False
        self._usual_s: float | None = None
        self._fault: str | None = None
        """What went wrong with the readings since the last good one."""
        # daemon: an instrument that never answers must not keep the guardian from its end
        threading.Thread(target=self._work, name=config.address, daemon=True).start()

    def do(self, what: Callable[[AnInstrument], T], *, doubtful: bool = False) -> Future[T]:
        """Queue a call; `doubtful`: it is made before a new session is asked who it is with, not after."""
        future: Future[T] = Future()
        self._jobs.put(lambda: self._run(future, what, doubtful))
        return future

    def call(self, what: Callable[[AnInstrument], T]) -> T:
        """The result of a call; DeadlineError when it does not come, else what the call raises."""
        return self.outcome(self.do(what), "its answer", _QUERIES * self._config.timeout_s)

    def outcome(self, future: Future[T], awaited: str, limit_s: float) -> T:
        """What became of a queued call; DeadlineError when it is not done within `limit_s`."""
        try:
            return future.result(limit_s)
        except NotYet:
            raise DeadlineError(self.instrument.device, awaited, limit_s, "nothing", _REMEDY) from None

    def meet(self) -> Future[Identity]:
        """Ask who it is, for the first time."""
        return self.do(lambda instrument: self._met(instrument.identify(self._config)))

    def close(self) -> None:
        """Close the session when the work is done; outputs stay as they are."""
        self._jobs.put(self.instrument.close)
        self._jobs.put(None)

    # --- readings -----------------------------------------------------------------------------------------

    def ask(self, numbers: Iterable[int], *, go_on: bool = False) -> None:
        """Start a reading of these channels, unless one that was asked for before is still awaited.

        `go_on`: the one after it begins as soon as it is there, while it is still being looked at.
        """
        self._goes_on = go_on
        self._is_late = self._reading is not None
        if not self._is_late:
            begun, self._next = self._next, None
            self._asked_s = self._elapsed()
            self._reading = begun or self._begun(list(numbers))

    def answer(self) -> dict[int, Reading]:
        """The reading asked for; Late while it takes longer than usual: a later call brings it then."""
        reading = self._reading
        if reading is None:
            return {}
        try:
            found = reading.result(0.0 if self._is_late else self._patience_s)
        except NotYet:
            waited_s, seen = self._elapsed() - self._asked_s, self._fault or "nothing"
            raise Late(self.instrument.device, "a reading", waited_s, seen, _REMEDY) from None
        except BenchError as e:
            self._fault = str(e)
            raise
        finally:
            if reading.done():
                self._reading = None
        self._fault = None
        # the slower it was, the more patience it gets: a supply may have more to answer than before
        self._usual_s = max(self._elapsed() - self._asked_s, (self._usual_s or 0.0) * _FORGETS)
        return found

    def forget(self) -> None:
        """A reading that began by itself is of before something is switched; one that only waits is not made."""
        begun, self._next, self._goes_on = self._next, None, False
        if begun is not None:
            begun.cancel()

    def read(self, numbers: Iterable[int]) -> dict[int, Reading]:
        """A reading begun after this call, however long it takes."""
        wanted = list(numbers)
        return self.call(lambda instrument: instrument.read(wanted))

    @property
    def _patience_s(self) -> float:
        limit_s = _QUERIES * self._config.timeout_s
        return limit_s if self._usual_s is None else min(limit_s, max(_PATIENCE_S, _PATIENCE * self._usual_s))

    def _begun(self, numbers: list[int]) -> Future[dict[int, Reading]]:
        return self.do(lambda instrument: self._read(instrument, numbers))

    # --- in the thread ------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _read(self, instrument: AnInstrument, numbers: list[int]) -> dict[int, Reading]:
        found = instrument.read(numbers)
        if self._goes_on:
            # behind whatever else waits; it may take the place of a `forget` that came in between, which is harmless
            self._goes_on = False
            self._next = self._begun(numbers)
        return found

    def _run(self, future: Future[T], what: Callable[[AnInstrument], T], doubtful: bool) -> None:
        if not future.set_running_or_notify_cancel():
            return
        result: Any = None
        try:
            result = self._made_sure(what, doubtful)
        # whatever it is, it is the business of whoever awaits the result
        except BaseException as e:
            future.set_exception(e)
            if not isinstance(e, Exception):
                raise
        else:
            future.set_result(result)

    def _made_sure(self, what: Callable[[AnInstrument], T], doubtful: bool) -> T:
        if self._doubted and not doubtful:
            self._meet_again()
        try:
            result = what(self.instrument)
        except BenchError:
            self._doubted = True
            raise
        if self._doubted or self.instrument.sessions != self._sessions:
            self._meet_again()
        return result

    def _meet_again(self) -> None:
        self._doubted = True
        if self.identity is not None:
            self._met(self.instrument.identify(self._config))
        self._doubted, self._sessions = False, self.instrument.sessions

    def _met(self, found: Identity) -> Identity:
        known = self.identity or found
        if (found.model, found.serial) != (known.model, known.serial):
            was = f"{known.model} with serial {known.serial} answered before"
            raise ReplyError(self.instrument.device, "*IDN?", found.raw, f"another instrument: {was}")
        self.identity = found
        return found
