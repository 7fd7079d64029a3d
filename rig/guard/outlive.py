"""What a process does that has its work after the job it serves is gone."""

from __future__ import annotations

import os
import signal

_RUNNER_MARK = "RUNNER_TRACKING_ID"
"""GitHub's runner kills every process that has it in its environment when a job ends."""


def deaf() -> None:
    """Heed none of the signals by which a job is cancelled: they go to its whole group."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def environment() -> dict[str, str]:
    """This process's own, for a child that a CI runner is not to find and kill with the job."""
    return {**os.environ, _RUNNER_MARK: ""}
