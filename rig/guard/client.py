"""The rig's end of the guardian: starts it or takes it over, shows it a heartbeat, asks it.

Every call has a deadline. What the guardian raises comes out here as the same class of `rig.errors`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rig.errors import LinkDownError, TripError
from rig.guard import door, held, wire
from rig.guard.config import MAIN, GuardConfig, RailConfig
from rig.guard.held import Adopted, Spawned
from rig.guard.talk import Talk
from rig.guard.wire import Row
from rig.model import Identity, RailAccuracy, Reading, Sample

__all__ = ["GuardClient", "GuardConfig", "RailConfig"]

_START_S = 15.0
_SEND_S = 5.0


class GuardClient:
    """One guardian and the outputs behind it; closing it, in any way, puts them off."""

    def __init__(self, talk: Talk, guardian: Spawned | Adopted) -> None:
        self._talk, self._held = talk, guardian
        self._stop = threading.Event()
        self._heart: threading.Thread | None = None
        self._identities: Mapping[str, Identity] = {}

    @classmethod
    def start(cls, config: GuardConfig, log_dir: Path, max_quiet_s: float | None = None) -> GuardClient:
        """Start a guardian: its supply is identified, every rail is off and verified when this returns.

        `max_quiet_s`: without a call from the caller for so long the heartbeat stops too. UsageError for a
        config that does not fit the supply, ReplyError for another supply than named, LinkDownError for none.
        """
        ours, theirs = socket.socketpair()
        ours.settimeout(_SEND_S)
        with contextlib.ExitStack() as undo:
            undo.enter_context(ours)
            with theirs:
                process = held.spawn(config, theirs, log_dir)
            talk = Talk(config, ours, log_dir)
            client = cls(talk, Spawned(process, talk))
            undo.callback(client._let_go)
            client._begin(max_quiet_s)
            undo.pop_all()
        return client

    @classmethod
    def adopt(cls, path: Path, config: GuardConfig, log_dir: Path) -> GuardClient | None:
        """Take over the guardian that lost its client in a burn and is found at `path`; None: nobody is there.

        Outputs and burn stay as they are; `log_dir` gets its events from now on. UsageError naming what differs
        when it guards another supply or other rails than `config`, BenchError when another run is using it or
        it does not answer: it is left alone then, and no other should be started.
        """
        found = door.knock(path, _SEND_S)
        if found is None:
            return None
        sock, pid = found
        with contextlib.ExitStack() as undo:
            undo.enter_context(sock)
            talk = Talk(config, sock, held.made(log_dir))
            client = cls(talk, Adopted(pid, talk))
            client._take_over(log_dir)
            undo.pop_all()
        return client

    def __enter__(self) -> GuardClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id of the guardian."""
        return self._held.pid

    def identity(self) -> Identity:
        """Who the supply said it is when the session was opened."""
        try:
            return self._identities[MAIN]
        except KeyError:
            raise LinkDownError(self._talk.device, "identity", "the guardian has not started") from None

    def identities(self) -> Mapping[str, Identity]:
        """Instrument (`main`, `second`, `meter`) to who it said it was when its session was opened."""
        return dict(self._identities)

    def accuracy(self) -> Mapping[str, RailAccuracy]:
        """How well each rail is read back."""
        return {name: wire.accuracy_from(row) for name, row in self._talk.ask("accuracy").items()}

    def apply(
        self,
        rail: str,
        voltage_v: float,
        limit_a: float,
        *,
        ovp_v: float | None = None,
        ocp_a: float | None = None,
    ) -> None:
        """Set a rail, read back, put it on; UsageError beyond a ceiling, TripError after a trip.

        OVP is a tenth above `voltage_v`, at least 0.3 V, unless given. OCP stays off unless given: a rail
        that charges a card sits in current limit at first, and OCP would take that for a fault.
        """
        level = round(max(voltage_v * 1.1, voltage_v + 0.3), 4) if ovp_v is None else ovp_v
        self._talk.ask("apply", rail=rail, voltage_v=voltage_v, limit_a=limit_a, ovp_v=level, ocp_a=ocp_a)

    def off(self, rail: str | None = None) -> None:
        """One rail, or all, off and read back; BenchError when that cannot be verified, or while burning."""
        self._talk.ask("off", rail=rail)

    def read(self) -> dict[str, Reading]:
        """One fresh reading of every rail that is on, and of the meter's; TripError after a trip."""
        return dict(wire.sample_from(self._talk.ask("read")).rails)

    def samples(self, since_s: float = 0.0) -> Sequence[Sample]:
        """What the sampler took after `since_s` (wall clock), oldest first; the last 60,000 are kept."""
        found: list[Sample] = []
        while True:
            page = [wire.sample_from(row) for row in self._talk.ask("samples", since_s=since_s)]
            found += page
            # a page that is not full is the last: the sampler adds to the end faster than it could run empty
            if len(page) < wire.PAGE:
                return found
            since_s = page[-1].time_s

    def mark(self, label: str) -> float:
        """Note a step or state among the samples; its wall clock. BenchError when recording broke down."""
        return float(self._talk.ask("mark", label=label))

    def record(self, path: Path | None) -> None:
        """Append samples to `path` (JSON lines) from now on, and events beside it; None: stop."""
        self._talk.ask("record", path=None if path is None else str(path.absolute()))

    def burn(self, on: bool, at: Path | None = None) -> None:
        """While on, the guardian does not cut the power for a lost client, only for over-current.

        `at`: the Unix socket where the next run can adopt it (`door.path_for`); BenchError when there can be none,
        and the burn must not begin.
        """
        self._talk.ask("burn", on=on, at=None if at is None else str(at.absolute()))

    def tripped(self) -> str | None:
        """Why the guardian switched off for good; None: it has not."""
        reason: str | None = self._talk.ask("tripped")
        return reason

    def close(self) -> None:
        """All outputs off and verified, then the guardian ends; BenchError when not, or while burning.

        Can be called again. A guardian that is gone has switched off: `guard.jsonl` says how that went.
        """
        if self._stop.is_set():
            return
        try:
            self._talk.ask("close")
        except (LinkDownError, TripError):
            if not self._held.ended_well():
                raise
        else:
            # the supply is free for another session only then
            self._held.ended_well()
        finally:
            self._let_go()

    # --- beginning and end --------------------------------------------------------------------------------

    def _begin(self, max_quiet_s: float | None) -> None:
        """Wait for the greeting of a new guardian, with the heart beating."""
        self._start_heart(max_quiet_s)
        self._greeted(self._talk.answer(0, "start", _START_S + self._talk.limit_s))

    def _take_over(self, log_dir: Path) -> None:
        """Be the client of a guardian that runs; its own times hold, whatever ours are."""
        self._greeted(self._talk.adopt(log_dir))
        self._start_heart(None)

    def _greeted(self, by: Row) -> None:
        self._identities = {name: Identity(**row) for name, row in by["identities"].items()}
        self._talk.config = GuardConfig.from_json(by["config"])

    def _start_heart(self, max_quiet_s: float | None) -> None:
        self._heart = threading.Thread(target=self._beat, args=(max_quiet_s,), name="guardian heartbeat", daemon=True)
        self._heart.start()

    def _beat(self, max_quiet_s: float | None) -> None:
        while not self._stop.wait(self._talk.config.heartbeat_s / 3):
            if max_quiet_s is not None and time.monotonic() - self._talk.asked_s > max_quiet_s:
                continue
            with contextlib.suppress(OSError):
                self._talk.tell("ping")

    def _let_go(self) -> None:
        """Stop the heart and hang up."""
        self._stop.set()
        if self._heart is not None:
            self._heart.join()
        self._held.let_go()
