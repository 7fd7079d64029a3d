"""What the guardian writes: events always, samples when told where; no failed write stops the guarding."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from rig.errors import BenchError, UsageError
from rig.guard.wire import sample_row
from rig.model import Sample

EVENTS = "guard.jsonl"


class Journal:
    """Events go to `guard.jsonl` in the log folder and, while recording, also beside the samples."""

    def __init__(self, log_dir: Path, now: Callable[[], float]) -> None:
        self.log_dir = log_dir
        self._events = [log_dir / EVENTS]
        self._now = now
        self._path: Path | None = None
        self._file: TextIO | None = None
        self._fault: str | None = None

    def follow(self, log_dir: Path) -> None:
        """Write events to `log_dir` too from now on; UsageError when that is no folder."""
        try:
            found = log_dir.is_dir()
        except OSError:  # a name too long, a folder above that is not ours to read
            found = False
        if not found:
            raise UsageError(f"{log_dir}: the guardian cannot write its record there: it is no folder")
        self._events.append(log_dir.absolute() / EVENTS)

    def record(self, path: Path | None) -> None:
        """Append samples to `path` from now on, or stop; BenchError when it cannot, or could not so far."""
        fault = self._close()
        if path is not None:
            self._fault = None
            try:
                self._file = path.open("a", encoding="utf-8")
            except OSError as e:
                raise BenchError(f"{path}: power samples cannot be written: {e.strerror}") from e
            self._path = path
        elif fault is not None:
            raise BenchError(fault)

    @property
    def is_recording(self) -> bool:
        return self._file is not None

    def event(self, name: str, **fields: object) -> None:
        """Append what happened; a disk that takes nothing is told on standard error."""
        row = json.dumps({"event": name, "time_s": self._now(), **fields}) + "\n"
        beside = [self._path.with_name(EVENTS)] if self._path else []
        for path in dict.fromkeys([*self._events, *beside]):
            try:
                with path.open("a", encoding="utf-8") as f:
                    f.write(row)
            except OSError as e:
                _say(f"{path}: {e.strerror}: {row}")

    def alarm(self, text: str) -> None:
        """An event that somebody should look at: told on standard error too, which is `guard.log`."""
        self.event("alarm", text=text)
        _say(f"ALARM: {text}\n")

    def sample(self, sample: Sample) -> None:
        """Append one sample while recording."""
        if self._file is not None:
            self._append(sample_row(sample))

    def mark(self, label: str) -> float:
        """Append a label with the wall clock it returns; BenchError when samples were lost."""
        time_s = self._now()
        if self._file is not None:
            self._append({"time_s": time_s, "rails": {}, "mark": label})
        if self._fault is not None:
            raise BenchError(self._fault)
        return time_s

    def close(self) -> None:
        self._close()

    def _append(self, row: dict[str, object]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(row, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as e:
            text = f"{self._path}: power samples cannot be written: {e.strerror}; free the disk, then run again"
            self._close()
            self._fault = text
            self.event("record_failed", text=text)

    def _close(self) -> str | None:
        """Stop recording; returns what went wrong while it was going on."""
        file, self._file, self._path = self._file, None, None
        if file is not None:
            try:
                file.close()
            except OSError as e:
                self._fault = f"{file.name}: power samples cannot be written: {e.strerror}"
        return self._fault


def _say(line: str) -> None:
    # standard error is a file on the same disk: when that is full, guarding goes on in silence
    with contextlib.suppress(OSError):
        sys.stderr.write(line)
        sys.stderr.flush()
