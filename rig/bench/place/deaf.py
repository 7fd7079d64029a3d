"""What a process does that has its work after the job it serves is gone."""

from __future__ import annotations

import signal


def deaf() -> None:
    """Heed none of the signals by which a job is cancelled: they go to its whole group."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
