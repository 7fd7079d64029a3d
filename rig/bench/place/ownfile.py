"""A bench file of this machine between the job that died on it and the next: who may switch is settled here.

A job writes its trace and then looks for one that is DOWN; whoever brings a bench down says DOWN and then looks for a
job. So at least one of two that come at the same time sees the other, and it is the job that goes first.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rig.bench.load import locked
from rig.bench.place.folder import DOWN, GONE, JOB, LeaseFolder, Trace, others
from rig.errors import BenchError

_LOOK_S = 0.2


class OwnFile:
    """The bench file of a dead job, for whoever holds the lock of that job's trace."""

    def __init__(self, folder: LeaseFolder, trace: Trace, bench: Path) -> None:
        self._folder, self._trace, self._bench = folder, trace, bench
        self._say(GONE)

    def is_anothers(self) -> bool:
        """Whether a job that lives has it."""
        return any(trace.stage == JOB for trace in others(self._folder, str(self._bench)))

    def claimed(self) -> bool:
        """Whether it is ours now, and the next job waits; False: a job came first."""
        self._say(DOWN)
        if self.is_anothers():
            self._say(GONE)
            return False
        return True

    @contextlib.contextmanager
    def locked(self, within_s: float) -> Iterator[None]:
        """The file's own lock, as every job has it; BenchError when another process has it so long."""
        with contextlib.ExitStack() as closing:
            deadline = time.monotonic() + within_s
            while True:
                try:
                    closing.enter_context(locked(self._bench))
                    break
                except FileNotFoundError:  # removed since, with the job's workspace: nobody can have it
                    break
                except BenchError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(_LOOK_S)
            yield

    def _say(self, stage: str) -> None:
        self._folder.write(replace(self._trace, stage=stage))
