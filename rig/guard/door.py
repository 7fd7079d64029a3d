"""Where a guardian that lost its client in a burn can be found by the next run: a Unix socket of its own user.

Ref: Linux unix(7): a path has at most 107 bytes; `SO_PEERCRED` is who connected, or who listens.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import stat
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rig.errors import BenchError, LinkDownError, UsageError
from rig.guard.wire import Lines, Row, readable

_LONGEST_PATH = 107
_CALLERS = 8
"""Callers that are heard at a time; more wait outside."""
_PATIENCE_S = 2.0
"""A caller that has said nothing for so long is sent away."""
_LONGEST_REQUEST = 1 << 16
_CREDENTIALS = struct.Struct("3i")


def path_for(address: str) -> Path:
    """Where this process lets its guardian of the supply at `address` be found; its folder is made.

    UsageError when that folder cannot be trusted, or its path is too long for a socket.
    """
    folder = _folder()
    path = folder / f"{_name(address)}-{os.getpid()}.sock"
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise UsageError(f"{path}: too long for a socket; set TMPDIR to a shorter folder")
    return path


def answering(address: str) -> Path | None:
    """Where a guardian of the supply at `address` waits to be taken over, whoever left it; None: nobody does."""
    for path in sorted(_folder().glob(f"{_name(address)}-*.sock")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            if probe.connect_ex(os.fspath(path)) == 0:
                return path
    return None


def _name(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:12]


def knock(path: Path, timeout_s: float) -> tuple[socket.socket, int] | None:
    """A connection to the guardian at `path`, and its pid; None: nobody is there.

    LinkDownError when that cannot be told, or when somebody else's process is there.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    try:
        sock.connect(os.fspath(path))
        pid, uid = _peer(sock)
    except (FileNotFoundError, ConnectionRefusedError):
        sock.close()
        return None
    except OSError as e:
        sock.close()
        raise LinkDownError(f"guardian at {path}", "connect", str(e), "see whether it still runs") from e
    if uid != os.getuid():
        sock.close()
        raise LinkDownError(f"guardian at {path}", "connect", f"it belongs to user {uid}", "run as that user")
    return sock, pid


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who came to the door and has not been let in."""

    sock: socket.socket
    lines: Lines
    pid: int
    until_s: float


class Door:
    """Closed until told where to open; nobody at it can hold up the guardian."""

    def __init__(self, uid: int | None = None, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._uid = os.getuid() if uid is None else uid
        self._elapsed = elapsed
        self._path: Path | None = None
        self._listener: socket.socket | None = None
        self._callers: list[Caller] = []

    @property
    def is_open(self) -> bool:
        return self._listener is not None

    def open(self, path: Path) -> None:
        """Be found at `path` and nowhere else; BenchError when that cannot be, then all stays as it was."""
        if path == self._path:
            return
        listener = _listening(path)
        self.close()
        self._path, self._listener = path, listener

    def close(self) -> None:
        """Send all callers away and remove the socket's file."""
        for caller in list(self._callers):
            self._send_away(caller)
        if self._listener is not None and self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._listener.close()
        self._path = self._listener = None

    def socks(self) -> list[socket.socket]:
        """What to wait for."""
        more = [self._listener] if self._listener is not None and len(self._callers) < _CALLERS else []
        return [*more, *(caller.sock for caller in self._callers)]

    def requests(self) -> Iterator[tuple[Caller, Row]]:
        """Callers with the first row they sent; a caller is the business of whoever takes it from here."""
        self._let_come()
        for caller in list(self._callers):
            if readable([caller.sock], 0.0):
                rows = caller.lines.receive()
                if rows:
                    self._callers.remove(caller)
                    yield caller, rows[0]
                elif rows is None:
                    self._send_away(caller)
            elif self._elapsed() > caller.until_s:
                self._send_away(caller)

    def _let_come(self) -> None:
        if self._listener is None:
            return
        # bounded, for whoever comes again and again: the guardian has samples to take
        for _ in range(_CALLERS - len(self._callers)):
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._hear(sock)

    def _hear(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        pid, uid = _peer(sock)
        if uid != self._uid:
            sock.close()
            return
        lines = Lines(sock, _LONGEST_REQUEST)
        self._callers.append(Caller(sock, lines, pid, self._elapsed() + _PATIENCE_S))

    def _send_away(self, caller: Caller) -> None:
        self._callers.remove(caller)
        caller.sock.close()


def _folder() -> Path:
    # not XDG_RUNTIME_DIR: that goes with the user's last session, and a guardian stays
    folder = Path(tempfile.gettempdir()) / f"rig-{os.getuid()}"
    try:
        folder.mkdir(0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as e:
        raise UsageError(f"{folder}: the guardian's socket cannot be there: {e.strerror}") from e
    if not stat.S_ISDIR(found.st_mode):
        raise UsageError(f"{folder}: the guardian's socket cannot be there: it is no folder; remove it")
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise UsageError(f"{folder}: the guardian's socket cannot be there: others may write or read it; remove it")
    return folder


def _listening(path: Path) -> socket.socket:
    """A socket at `path` for its own user; BenchError when there can be none."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    try:
        _forget_dead(path)
        listener.bind(os.fspath(path))
        listener.listen(_CALLERS)
    except OSError as e:
        listener.close()
        raise BenchError(f"{path}: the guardian could not be found there after a kill: {e}") from e
    finally:
        os.umask(umask)
    listener.setblocking(False)
    return listener


def _forget_dead(path: Path) -> None:
    """Remove the socket of a guardian that was killed; one that answers is left, and `bind` will say so."""
    if path.is_socket():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            if probe.connect_ex(os.fspath(path)) == errno.ECONNREFUSED:
                path.unlink()


def _peer(sock: socket.socket) -> tuple[int, int]:
    """Process and user at the other end."""
    pid, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid
