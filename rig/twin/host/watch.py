"""Wakes up when a guest's program writes into the tree, so that the answer is there before its next command.

Ref: inotify(7).
"""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Iterable
from pathlib import Path

_IN_MODIFY, _IN_CLOSE_WRITE = 0x2, 0x8


class Watch:
    """Waits for writes to files in a set of folders, or for a poke from another thread."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._wake, self._poke = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._watched: dict[Path, int] = {}

    def folders(self, paths: Iterable[Path]) -> None:
        """Watch exactly these folders; one that was made anew is watched anew."""
        wanted = {path for path in paths if path.is_dir()}
        for path in [p for p in self._watched if p not in wanted]:
            self._libc.inotify_rm_watch(self._fd, self._watched.pop(path))
        for path in wanted:
            number = self._libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_MODIFY | _IN_CLOSE_WRITE)
            if number >= 0:
                self._watched[path] = number

    def wait(self, timeout_s: float) -> None:
        """Return after a write, a poke or the time, whichever is first."""
        ready, _, _ = select.select([self._fd, self._wake], [], [], timeout_s)
        for fd in ready:
            try:
                os.read(fd, 65536)
            except BlockingIOError:
                continue

    def poke(self) -> None:
        try:
            os.write(self._poke, b"x")
        except BlockingIOError:
            return  # the pipe is full of pokes already

    def close(self) -> None:
        for fd in (self._fd, self._wake, self._poke):
            os.close(fd)
