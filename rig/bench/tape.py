"""What a console printed: kept for whoever reads it later, and filed with the time of every line."""

import bisect
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

KEEP_BYTES = 8 << 20
"""A console that floods for hours does not take the memory of the machine: the oldest text goes."""
TIME_STEP_S = 0.01


class ConsoleTape:
    """Bytes from one writer to one reader, in different threads, and all of them since the mark."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ended: str | None = None
        self._forget(0.0)

    def append(self, data: bytes, time_s: float) -> None:
        """Add what arrived at `time_s` (monotonic)."""
        with self._changed:
            self._data += data
            end = self._dropped + len(self._data)
            if self._times and time_s - self._times[-1] < TIME_STEP_S:
                self._ends[-1] = end
            else:
                self._ends.append(end)
                self._times.append(time_s)
            self._trim()
            self._changed.notify_all()

    def end(self, reason: str) -> None:
        """Nothing more will come; a waiting reader is woken."""
        with self._changed:
            self._ended = reason
            self._changed.notify_all()

    @property
    def ended(self) -> str | None:
        """Why nothing more will come; None while the console is alive."""
        return self._ended

    def take(self, size: int, timeout_s: float, most: int | None = None) -> bytes:
        """At least `size` unread bytes (at most `most`), or what there is after `timeout_s` or at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended is not None or self._unread() >= size, timeout_s)
            start = self._read - self._dropped
            taken = bytes(self._data[start : None if not most else start + most])
            self._read += len(taken)
            return taken

    def mark(self, time_s: float) -> None:
        """Start anew: what was printed before is forgotten, read or not."""
        with self._changed:
            self._forget(time_s)

    def content(self) -> bytes:
        """Everything since the mark that is still kept."""
        with self._changed:
            return bytes(self._data)

    def seen_s(self, pattern: str) -> float | None:
        """Seconds from the mark to the chunk that first completed `pattern` (a regex); None: never."""
        with self._changed:
            found = re.search(pattern.encode(), self._data)
            if found is None:
                return None
            chunk = bisect.bisect_left(self._ends, self._dropped + found.end())
            return self._times[chunk] - self._marked_s

    def _forget(self, time_s: float) -> None:
        self._data = bytearray()
        self._dropped = self._read = 0
        self._ends: list[int] = []
        self._times: list[float] = []
        self._marked_s = time_s

    def _unread(self) -> int:
        return self._dropped + len(self._data) - self._read

    def _trim(self) -> None:
        if len(self._data) > 2 * KEEP_BYTES:
            excess = len(self._data) - KEEP_BYTES
            del self._data[:excess]
            self._dropped += excess
            self._read = max(self._read, self._dropped)
            gone = bisect.bisect_left(self._ends, self._dropped)
            del self._ends[:gone], self._times[:gone]


class ConsoleLog:
    """A file of what a console printed, byte by byte, with the time (UTC) in front of every line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._at_line_start = True

    def write(self, data: bytes, now: datetime | None = None) -> None:
        """Append what arrived `now`; it is on its way to the disk when this returns."""
        when = now or datetime.now(UTC)
        stamp = when.isoformat(timespec="milliseconds").encode() + b" "
        lines = data[:-1].replace(b"\n", b"\n" + stamp) + data[-1:]
        self._file.write(stamp + lines if self._at_line_start else lines)
        self._at_line_start = data.endswith(b"\n")

    def close(self) -> None:
        self._file.close()
