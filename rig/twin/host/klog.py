"""The kernel's log: a ring of time-stamped lines, some of which reach the console.

Ref: Linux 6.1 kernel/printk/printk.c; Documentation/core-api/printk-basics.rst for the levels.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable
from dataclasses import dataclass

RELEASE = "6.1.0-56-amd64"
VERSION = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-10-18)"

EMERG, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG = range(8)
DEFAULT_CONSOLE_LEVEL = 7
_KEPT = 8192


@dataclass(frozen=True, slots=True)
class Record:
    """One line: seconds since the kernel started, level, text."""

    time_s: float
    level: int
    text: str

    def __str__(self) -> str:
        return f"[{self.time_s:12.6f}] {self.text}"


class KernelLog:
    """Lines since the kernel started; those below `console_level` are also printed through `emit`."""

    def __init__(self, emit: Callable[[bytes], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._emit, self._clock = emit, clock
        self._records = collections.deque[Record](maxlen=_KEPT)
        self._cleared = 0
        self._written = 0
        self._epoch_s = 0.0
        self.console_level = DEFAULT_CONSOLE_LEVEL
        self.started_at_s = 0.0
        """Wall clock of the kernel's time 0."""

    def restart(self) -> None:
        """A new kernel: the ring is empty, time is 0, the console prints all but debug."""
        self._records.clear()
        self._cleared = self._written = 0
        self._epoch_s = self._clock()
        self.started_at_s = time.time()
        self.console_level = DEFAULT_CONSOLE_LEVEL

    def write(self, text: str, level: int = INFO, at_s: float | None = None) -> None:
        """One line, stamped now or `at_s` seconds after the kernel's start."""
        record = Record(self._clock() - self._epoch_s if at_s is None else at_s, level, text)
        self._records.append(record)
        self._written += 1
        if level < self.console_level:
            self._emit(f"{record}\r\n".encode())

    def read(self) -> tuple[Record, ...]:
        """What `dmesg` shows: lines after the last clear, oldest first."""
        skipped = max(0, self._cleared - (self._written - len(self._records)))
        return tuple(self._records)[skipped:]

    def clear(self) -> None:
        """Hide what was written so far from `read`."""
        self._cleared = self._written
