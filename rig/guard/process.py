"""The guardian's process: requests first, then a sample, then whether anybody is still there.

Started by `client.GuardClient.start` with its config on stdin and one end of a socket pair. While firmware is
burned another client may come in by the `door`, once the first is lost.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rig.errors import BenchError, RigError, UsageError
from rig.guard import bank, wire
from rig.guard.config import GuardConfig
from rig.guard.door import Caller, Door
from rig.guard.guardian import Guardian
from rig.guard.journal import Journal
from rig.guard.wire import Row

_IDLE_S = 0.1
_SEND_S = 2.0
_SWITCH_S = 5e-4
"""An instrument's thread does not wait longer for this one, which looks at its last reading."""


def wall_clock() -> Callable[[], float]:
    """Wall clock seconds that never step back: read once, then counted on."""
    offset = time.time() - time.monotonic()
    return lambda: round(time.monotonic() + offset, 6)


class Process:
    """The loop around one guardian; ends with all outputs off, or says loudly that they are not."""

    def __init__(self, config: GuardConfig, sock: socket.socket, guardian: Guardian, journal: Journal) -> None:
        self._config, self._sock, self._guardian, self._journal = config, sock, guardian, journal
        self._lines = wire.Lines(sock)
        self._door = Door()
        self._open = True
        self._closing = False
        self._terminated = False
        self._heard_s = time.monotonic()
        self._lost_s: float | None = None

    def terminate(self, *_: object) -> None:
        """Signal handler: whoever asks politely gets what a lost client gets."""
        self._terminated = True

    def begin(self) -> None:
        """Identify the supply, all off, and tell the client so; raises what `Guardian.start` raises."""
        self._guardian.start()
        self._send(self._greeting())

    def run(self) -> bool:
        """Serve until there is nobody to serve; True when all outputs are verified off."""
        reason = "the guardian failed"
        self._heard_s = time.monotonic()
        try:
            # judged right after serving: heartbeats that wait unread must not count as missing
            while (found := self._served()) is None:
                self._guardian.tick()
            reason = found
        finally:
            self._journal.event("ending", text=reason)
            off = self._all_off(reason)
            # not before: a run that finds nobody starts a guardian of its own, and two would switch the outputs
            self._door.close()
        return off

    def _served(self) -> str | None:
        self._serve()
        return self._why_end()

    def _serve(self) -> None:
        wait_s = self._guardian.wait_s()
        wait_s = _IDLE_S if wait_s is None else min(wait_s, _IDLE_S)
        client = [self._sock] if self._open else []
        wire.readable([*client, *self._door.socks()], wait_s)
        # everything that is already there, so that a heartbeat is never judged by an old one
        while self._open and wire.readable([self._sock], 0.0):
            self._receive()
        for caller, row in self._door.requests():
            self._meet(caller, row)

    def _receive(self) -> None:
        rows = self._lines.receive()
        if rows is None:
            self._hang_up()
            return
        self._heard_s = time.monotonic()
        try:
            for row in rows:
                if row["do"] != "ping":
                    self._answer(row)
        except (KeyError, TypeError, ValueError) as e:
            if not self._guardian.burning:
                raise
            # an adopter of another version may ask what nobody here understands: it is lost, the burn is not
            self._journal.alarm(f"a request was not understood: {type(e).__name__}: {e}")
            self._hang_up()

    def _hang_up(self) -> None:
        self._open = False
        self._sock.close()

    def _answer(self, row: Row) -> None:
        try:
            result = self._do(row["do"], row["args"])
        except RigError as e:
            self._send({"id": row["id"], "error": wire.error_row(e)})
        else:
            self._send({"id": row["id"], "ok": result})

    def _do(self, what: str, args: dict[str, Any]) -> object:
        guardian = self._guardian
        match what:
            case "read":
                return wire.sample_row(guardian.read(), at=True)
            case "samples":
                return [wire.sample_row(s, at=True) for s in guardian.samples(**args)]
            case "record":
                guardian.record(Path(args["path"]) if args["path"] is not None else None)
                return None
            case "tripped":
                return guardian.tripped
            case "close":
                self._close()
                return None
            case "burn":
                self._burn(**args)
                return None
            case "accuracy":
                return {name: asdict(accuracy) for name, accuracy in guardian.accuracy().items()}
            case "apply" | "off" | "mark":
                return getattr(guardian, what)(**args)
        raise BenchError(f"the guardian does not know {what!r}: client and guardian differ in version")

    def _burn(self, on: bool, at: str | None = None) -> None:
        """The door is open before the burn begins, and until it is over."""
        if on and at is not None:
            self._guardian.check_trip()
            self._door.open(Path(at))
        self._guardian.burn(on)
        if not on:
            self._door.close()

    def _close(self) -> None:
        if self._guardian.burning:
            raise BenchError(
                "firmware is being burned: the guardian stays on guard and keeps the outputs on for up to "
                f"{self._config.burn_max_s:g} s"
            )
        self._closing = True
        self._guardian.all_off("closed")

    def _send(self, row: Row) -> None:
        try:
            wire.send(self._sock, row)
        except OSError:
            self._open = False

    # --- another client -----------------------------------------------------------------------------------

    def _meet(self, caller: Caller, row: Row) -> None:
        """Take a caller for the client, or tell it why not."""
        try:
            self._journal.follow(self._checked(row))
        except RigError as e:
            with contextlib.suppress(OSError):
                wire.send(caller.sock, {"id": 0, "error": wire.error_row(e)})
            caller.sock.close()
            return
        self._hang_up()
        self._sock, self._lines, self._open = caller.sock, caller.lines, True
        self._sock.settimeout(_SEND_S)
        self._heard_s, self._lost_s = time.monotonic(), None
        self._journal.event("client_adopted", pid=caller.pid, started_in=str(self._journal.log_dir))
        self._send(self._greeting())

    def _checked(self, row: Row) -> Path:
        """The log folder of whoever may adopt this guardian; BenchError or UsageError for all others."""
        if self._why_gone() is None:
            raise BenchError(f"{self._config.address}: another run is using this guardian")
        try:
            told, log_dir = GuardConfig.from_json(row["args"]["config"]), Path(row["args"]["log_dir"])
            wrong = self._config.differences(told)
        except (KeyError, TypeError, RecursionError) as e:
            raise UsageError(f"a guardian can be adopted and nothing else: {type(e).__name__}") from e
        if wrong:
            raise UsageError(f"the guardian that was left in a burn guards another bench: {'; '.join(wrong)}")
        return log_dir

    def _greeting(self) -> Row:
        identities = {name: asdict(identity) for name, identity in self._guardian.identities.items()}
        return {"id": 0, "ok": {"identities": identities, "config": self._config.to_json()}}

    # --- is anybody there ---------------------------------------------------------------------------------

    def _why_end(self) -> str | None:
        """The reason to switch off and end; None: go on."""
        if self._closing:
            return "closed"
        lost = self._why_lost()
        if lost is None:
            self._found_again()
            return None
        return self._lost_in_burn(lost) if self._guardian.burning or self._is_due_a_word else lost

    @property
    def _is_due_a_word(self) -> bool:
        """Whether a trip in a burn is still to be told to the run that comes for this guardian."""
        return self._door.is_open and not self._terminated

    def _why_lost(self) -> str | None:
        if self._terminated:
            return "the guardian was asked to end (SIGTERM)"
        return self._why_gone()

    def _why_gone(self) -> str | None:
        """What shows that the client is no more."""
        if not self._open:
            return "the client ended without closing"
        if (quiet_s := time.monotonic() - self._heard_s) > self._config.heartbeat_s:
            return f"heartbeat lost: nothing from the client for {quiet_s:.1f} s"
        return None

    def _found_again(self) -> None:
        if self._lost_s is not None:
            self._lost_s = None
            self._journal.event("client_back")

    def _lost_in_burn(self, lost: str) -> str | None:
        now = time.monotonic()
        if self._lost_s is None:
            self._lost_s = now
            now_on = "firmware is being burned, outputs stay on"
            was_cut = f"the burn was cut by a trip: {self._guardian.tripped}"
            self._journal.alarm(f"{lost}; {now_on if self._guardian.burning else was_cut}")
        if now - self._lost_s > self._config.burn_max_s:
            return f"{lost}, and the burn had {self._config.burn_max_s:g} s more"
        return None

    def _all_off(self, reason: str) -> bool:
        if self._lost_s is not None and self._guardian.is_cut:
            # verified at the trip; what is on by now belongs to another run, which has a guardian of its own
            return True
        try:
            self._guardian.all_off(reason)
        except BenchError as e:
            self._send({"bye": f"{reason}; {e}", "off": False})
            return False
        self._send({"bye": f"{reason}; outputs verified off", "off": True})
        return True


def main(fd: int, log_dir: Path) -> int:
    """Guard what the config on stdin says, for the client on socket `fd`.

    Exit code 0: outputs verified off; 1: they may be on; 3: it could not start.
    """
    sys.setswitchinterval(_SWITCH_S)
    # Ctrl-C and a closed terminal are the client's business; the guardian sees the client go
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with socket.socket(fileno=fd) as sock:
        sock.settimeout(_SEND_S)
        now = wall_clock()
        journal = Journal(log_dir, now)
        try:
            process = _made(sock, journal, now)
            process.begin()
        except RigError as e:
            journal.event("not_started", text=str(e))
            with contextlib.suppress(OSError):
                wire.send(sock, {"id": 0, "error": wire.error_row(e)})
            return 3
        return 0 if process.run() else 1


def _made(sock: socket.socket, journal: Journal, now: Callable[[], float]) -> Process:
    """The process around the instruments of the config on stdin, not yet talked to."""
    config = GuardConfig.from_json(sys.stdin.read())
    guardian = Guardian(config, bank.opened(config, now), journal)
    process = Process(config, sock, guardian, journal)
    signal.signal(signal.SIGTERM, process.terminate)
    return process
