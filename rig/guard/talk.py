"""Requests to a guardian over its socket, one at a time; every one has a deadline."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

from rig.errors import DeadlineError, LinkDownError, TripError
from rig.guard import wire
from rig.guard.config import GuardConfig
from rig.guard.journal import EVENTS
from rig.guard.wire import Row

LOG = "guard.log"
_SLACK_S = 1.0
_QUERIES = 20
"""More round trips than any one request makes."""


class Talk:
    """One socket to one guardian; what it raises comes out here as the same class of `rig.errors`."""

    def __init__(self, config: GuardConfig, sock: socket.socket, log_dir: Path) -> None:
        self.config = config
        self._sock, self._log_dir = sock, log_dir
        self._lines = wire.Lines(sock)
        self._arrived: list[Row] = []
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._next_id = 0
        self._bye: Row | None = None
        self.asked_s = time.monotonic()

    @property
    def device(self) -> str:
        return f"guardian of {self.config.model} at {self.config.address}"

    @property
    def limit_s(self) -> float:
        """Longest that one request can rightly take."""
        return self.config.off_retry_s + _QUERIES * self.config.timeout_s + _SLACK_S

    @property
    def ended_off(self) -> bool:
        """Whether the guardian said at its end that all outputs are verified off."""
        return self._bye is not None and self._bye.get("off") is True

    def ask(self, what: str, **args: object) -> Any:
        """What the guardian answers; TripError or LinkDownError when it has gone, DeadlineError when it hangs."""
        with self._lock:
            self.asked_s = time.monotonic()
            self._next_id += 1
            number = self._next_id
            try:
                self.tell(what, id=number, args=args)
            except OSError:
                self.heard_end(0.0)
                raise self._gone(what) from None
            return self.answer(number, what, self.limit_s)

    def adopt(self, log_dir: Path) -> Any:
        """Ask a guardian to take this socket for its client's; its greeting."""
        with contextlib.suppress(OSError):  # one that has gone, or refuses, is heard below
            self.tell("adopt", args={"config": self.config.to_json(), "log_dir": str(log_dir.absolute())})
        return self.answer(0, "adopt", self.limit_s)

    def tell(self, what: str, **more: object) -> None:
        """Send one row; OSError when nobody takes it."""
        with self._sending:
            wire.send(self._sock, {"do": what, **more})

    def answer(self, number: int, what: str, limit_s: float) -> Any:
        """The answer with this number, raised when it is an error; number 0 is the guardian's greeting."""
        deadline = time.monotonic() + limit_s
        while True:
            # an answer that came too late for its request has another number
            while self._arrived:
                row = self._arrived.pop(0)
                if row.get("id") == number:
                    if "error" in row:
                        raise wire.error_from(row["error"])
                    return row["ok"]
                self._note(row)
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not wire.readable([self._sock], left_s):
                raise DeadlineError(self.device, f"the answer to {what!r}", limit_s, "nothing", self._look)
            rows = self._lines.receive()
            if rows is None:
                raise self._gone(what)
            self._arrived += rows

    def heard_end(self, wait_s: float) -> bool:
        """Read what the guardian says before it goes; whether it went within `wait_s`."""
        deadline = time.monotonic() + wait_s
        while wire.readable([self._sock], deadline - time.monotonic()):
            rows = self._lines.receive()
            if rows is None:
                return True
            for row in rows:
                self._note(row)
        return False

    def hang_up(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _note(self, row: Row) -> None:
        if "bye" in row:
            self._bye = row

    @property
    def _look(self) -> str:
        return f"see {self._log_dir / EVENTS} and {self._log_dir / LOG}; make sure the outputs are off"

    def _gone(self, what: str) -> TripError | LinkDownError:
        if self._bye is not None:
            return TripError(f"{self.device}: {self._bye['bye']}")
        return LinkDownError(self.device, what, "the guardian is gone", self._look)
