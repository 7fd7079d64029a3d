"""The rig's end of the guardian: starts it, shows it a heartbeat, asks it.

Every call has a deadline. What the guardian raises comes out here as the same class of `rig.errors`.
"""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import rig
from rig.errors import DeadlineError, LinkDownError, TripError, UsageError
from rig.guard import wire
from rig.guard.config import GuardConfig, RailConfig
from rig.guard.wire import Row
from rig.model import Identity, Reading, Sample

__all__ = ["GuardClient", "GuardConfig", "RailConfig"]

_START_S = 15.0
_SLACK_S = 1.0
_END_S = 5.0
_QUERIES = 20
"""More round trips than any one request makes."""
LOG = "guard.log"


class GuardClient:
    """One guardian and the outputs behind it; closing it, in any way, puts them off."""

    def __init__(
        self, config: GuardConfig, process: subprocess.Popen[bytes], sock: socket.socket, log_dir: Path
    ) -> None:
        self._config, self._process, self._sock, self._log_dir = config, process, sock, log_dir
        self._lines = wire.Lines(sock)
        self._arrived: list[Row] = []
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._next_id = 0
        self._bye: str | None = None
        self._asked_s = time.monotonic()
        self._stop = threading.Event()
        self._heart: threading.Thread | None = None
        self._identity: Identity | None = None

    @classmethod
    def start(cls, config: GuardConfig, log_dir: Path, max_quiet_s: float | None = None) -> GuardClient:
        """Start a guardian: its supply is identified, every rail is off and verified when this returns.

        `max_quiet_s`: without a call from the caller for so long the heartbeat stops too. UsageError for a
        config that does not fit the supply, ReplyError for another supply than named, LinkDownError for none.
        """
        ours, theirs = socket.socketpair()
        ours.settimeout(_END_S)
        with contextlib.ExitStack() as undo:
            undo.enter_context(ours)
            with theirs:
                process = _spawn(config, theirs, log_dir)
            client = cls(config, process, ours, log_dir)
            undo.callback(client._let_go)
            client._begin(max_quiet_s)
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
        return self._process.pid

    def identity(self) -> Identity:
        """Who the supply said it is when the session was opened."""
        if self._identity is None:
            raise LinkDownError(self._device, "identity", "the guardian has not started")
        return self._identity

    def accuracy(self) -> Mapping[str, str]:
        """How well each rail is read back, in words for the record."""
        return dict(self._ask("accuracy"))

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
        self._ask("apply", rail=rail, voltage_v=voltage_v, limit_a=limit_a, ovp_v=level, ocp_a=ocp_a)

    def off(self, rail: str | None = None) -> None:
        """One rail, or all, off and read back; BenchError when that cannot be verified, or while burning."""
        self._ask("off", rail=rail)

    def read(self) -> dict[str, Reading]:
        """One fresh reading of every rail that is on; TripError after a trip."""
        return dict(wire.sample_from(self._ask("read")).rails)

    def samples(self, since_s: float = 0.0) -> Sequence[Sample]:
        """What the sampler took after `since_s` (wall clock), oldest first; the last half hour is kept."""
        found: list[Sample] = []
        while True:
            page = [wire.sample_from(row) for row in self._ask("samples", since_s=since_s)]
            found += page
            # a page that is not full is the last: the sampler adds to the end faster than it could run empty
            if len(page) < wire.PAGE:
                return found
            since_s = page[-1].time_s

    def mark(self, label: str) -> float:
        """Note a step or state among the samples; its wall clock. BenchError when recording broke down."""
        return float(self._ask("mark", label=label))

    def record(self, path: Path | None) -> None:
        """Append samples to `path` (JSON lines) from now on, and events beside it; None: stop."""
        self._ask("record", path=None if path is None else str(path.absolute()))

    def burn(self, on: bool) -> None:
        """While on, the guardian does not cut the power for a lost client, only for over-current."""
        self._ask("burn", on=on)

    def tripped(self) -> str | None:
        """Why the guardian switched off for good; None: it has not."""
        reason: str | None = self._ask("tripped")
        return reason

    def close(self) -> None:
        """All outputs off and verified, then the guardian ends; BenchError when not, or while burning.

        Can be called again. A guardian that is gone has switched off: `guard.jsonl` says how that went.
        """
        if self._stop.is_set():
            return
        try:
            self._ask("close")
        except (LinkDownError, TripError):
            if not self._ended_well():
                raise
        finally:
            self._let_go()

    def _ended_well(self) -> bool:
        """Whether the guardian has ended with all outputs verified off."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_END_S) == 0
        return False

    # --- the process --------------------------------------------------------------------------------------

    def _begin(self, max_quiet_s: float | None) -> None:
        """Wait for the guardian's first line, with the heart beating."""
        self._heart = threading.Thread(target=self._beat, args=(max_quiet_s,), name="guardian heartbeat", daemon=True)
        self._heart.start()
        found = self._answer(0, "start", _START_S + self._limit_s)
        self._identity = Identity(**found)

    def _beat(self, max_quiet_s: float | None) -> None:
        while not self._stop.wait(self._config.heartbeat_s / 3):
            if max_quiet_s is not None and time.monotonic() - self._asked_s > max_quiet_s:
                continue
            with contextlib.suppress(OSError), self._sending:
                wire.send(self._sock, {"do": "ping"})

    def _let_go(self) -> None:
        """Stop the heart and hang up; a guardian that is still busy switching off is left to it."""
        self._stop.set()
        if self._heart is not None:
            self._heart.join()
        self._sock.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            threading.Thread(target=self._process.wait, name="guardian's end", daemon=True).start()

    # --- requests -----------------------------------------------------------------------------------------

    @property
    def _device(self) -> str:
        return f"guardian of {self._config.model} at {self._config.address}"

    @property
    def _limit_s(self) -> float:
        """Longest that one request can rightly take."""
        return self._config.off_retry_s + _QUERIES * self._config.timeout_s + _SLACK_S

    def _ask(self, what: str, **args: object) -> Any:
        with self._lock:
            self._asked_s = time.monotonic()
            self._next_id += 1
            number = self._next_id
            try:
                with self._sending:
                    wire.send(self._sock, {"id": number, "do": what, "args": args})
            except OSError:
                self._hear_last()
                raise self._gone(what) from None
            return self._answer(number, what, self._limit_s)

    def _answer(self, number: int, what: str, limit_s: float) -> Any:
        deadline = time.monotonic() + limit_s
        while True:
            # an answer that came too late for its request has another number
            while self._arrived:
                row = self._arrived.pop(0)
                if row.get("id") == number:
                    if "error" in row:
                        raise wire.error_from(row["error"])
                    return row["ok"]
                self._bye = row.get("bye", self._bye)
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not wire.readable(self._sock, left_s):
                raise DeadlineError(self._device, f"the answer to {what!r}", limit_s, "nothing", self._look)
            rows = self._lines.receive()
            if rows is None:
                raise self._gone(what)
            self._arrived += rows

    def _hear_last(self) -> None:
        """Read what the guardian said before it went."""
        while wire.readable(self._sock, 0) and (rows := self._lines.receive()) is not None:
            self._bye = next((row["bye"] for row in rows if "bye" in row), self._bye)

    @property
    def _look(self) -> str:
        return f"see {self._log_dir / 'guard.jsonl'} and {self._log_dir / LOG}; make sure the outputs are off"

    def _gone(self, what: str) -> TripError | LinkDownError:
        if self._bye is not None:
            return TripError(f"{self._device}: {self._bye}")
        return LinkDownError(self._device, what, "the guardian is gone", self._look)


def _spawn(config: GuardConfig, sock: socket.socket, log_dir: Path) -> subprocess.Popen[bytes]:
    """The guardian in a session of its own: Ctrl-C at the terminal must not end it before its work."""
    with _log(log_dir) as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rig.guard", str(sock.fileno()), str(log_dir.absolute())],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[sock.fileno()],
            start_new_session=True,
            # where this very package lies: a module of the user's folder must not stand in for one of ours
            cwd=Path(rig.__file__).parent.parent,
        )
    with contextlib.suppress(BrokenPipeError), contextlib.closing(process.stdin or io.BytesIO()) as stdin:
        stdin.write(config.to_json().encode())
    return process


def _log(log_dir: Path) -> IO[bytes]:
    try:
        log_dir.mkdir(parents=True, exist_ok=True)
        return (log_dir / LOG).open("ab")
    except OSError as e:
        raise UsageError(f"{log_dir}: the guardian cannot write its log there: {e.strerror}") from e
