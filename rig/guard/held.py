"""How this process came by a guardian, and therefore how it learns of that guardian's end."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import rig
from rig.errors import UsageError
from rig.guard.config import GuardConfig
from rig.guard.outlive import environment
from rig.guard.talk import LOG, Talk

_END_S = 5.0


class Spawned:
    """A guardian that is a child of this process."""

    def __init__(self, process: subprocess.Popen[bytes], talk: Talk) -> None:
        self._process, self._talk = process, talk
        self.pid = process.pid

    def ended_well(self) -> bool:
        """Whether the guardian has ended with all outputs verified off."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_END_S) == 0
        return False

    def let_go(self) -> None:
        """Hang up; a guardian that is still busy switching off is left to it."""
        self._talk.hang_up()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            threading.Thread(target=self._process.wait, name="guardian's end", daemon=True).start()


class Adopted:
    """A guardian that another process started: its end is the end of its socket."""

    def __init__(self, pid: int, talk: Talk) -> None:
        self._talk = talk
        self.pid = pid

    def ended_well(self) -> bool:
        """Whether the guardian has ended with all outputs verified off."""
        return self._talk.heard_end(_END_S) and self._talk.ended_off

    def let_go(self) -> None:
        """Hang up; a guardian that still burns, or is busy switching off, is left to it."""
        self._talk.hang_up()


def spawn(config: GuardConfig, sock: socket.socket, log_dir: Path) -> subprocess.Popen[bytes]:
    """The guardian in a session of its own: Ctrl-C at the terminal must not end it before its work.

    UsageError when it cannot write its log.
    """
    with _log(log_dir) as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rig.guard", str(sock.fileno()), str(log_dir.absolute())],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[sock.fileno()],
            start_new_session=True,
            env=environment(),
            # where this very package lies: a module of the user's folder must not stand in for one of ours
            cwd=Path(rig.__file__).parent.parent,
        )
    with contextlib.suppress(BrokenPipeError), contextlib.closing(process.stdin or io.BytesIO()) as stdin:
        stdin.write(config.to_json().encode())
    return process


def _log(log_dir: Path) -> IO[bytes]:
    made(log_dir)
    try:
        return (log_dir / LOG).open("ab")
    except OSError as e:
        raise _unwritable(log_dir, e) from e


def made(log_dir: Path) -> Path:
    """`log_dir`, made if need be; UsageError when it cannot be."""
    try:
        log_dir.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _unwritable(log_dir, e) from e
    return log_dir


def _unwritable(log_dir: Path, e: OSError) -> UsageError:
    return UsageError(f"{log_dir}: the guardian cannot write its log there: {e.strerror}")
