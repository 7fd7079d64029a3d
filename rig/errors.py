"""Every error the rig raises on purpose.

RigError
├── UsageError         the call or a file is wrong: fix it, a retry will not help (exit 2)
│   └── ConfigError    a file says something that cannot be; carries file and line
└── BenchError         the bench or a tool around it misbehaved: look at the bench (exit 3)
    ├── ReplyError     a device answered, but not what its manual allows
    ├── DeadlineError  a device did not get there in time
    ├── LinkDownError  a device cannot be reached, or went away
    └── TripError      the guardian switched the outputs off
"""

from __future__ import annotations

from pathlib import Path


class RigError(Exception):
    """Root of every error that the rig raises on purpose; its text is one sentence for the operator."""


class UsageError(RigError):
    """The call is wrong; a retry will not help."""


class ConfigError(UsageError):
    """A file says something that cannot be: `file:line: what, expected what`."""

    def __init__(self, path: Path | str, line: int | None, message: str) -> None:
        self.path, self.line, self.message = str(path), line, message
        where = self.path if line is None else f"{self.path}:{line}"
        super().__init__(f"{where}: {message}")


class BenchError(RigError):
    """The bench is wrong; the verdict is ERROR, never FAIL."""


class ReplyError(BenchError):
    """A device answered something that its manual does not allow."""

    def __init__(self, device: str, asked: str, got: object, remedy: str = "") -> None:
        self.device, self.asked, self.got = device, asked, got
        tail = f"; {remedy}" if remedy else ""
        super().__init__(f"{device}: asked {asked!r}, got {got!r}{tail}")


class DeadlineError(BenchError):
    """A device did not reach a state in time: says what was awaited, how long, what was last seen."""

    def __init__(self, device: str, awaited: str, waited_s: float, last_seen: object, remedy: str = "") -> None:
        self.device, self.awaited, self.waited_s, self.last_seen = device, awaited, waited_s, last_seen
        tail = f"; {remedy}" if remedy else ""
        super().__init__(f"{device}: waited {waited_s:.1f} s for {awaited}, last saw {last_seen!r}{tail}")


class LinkDownError(BenchError):
    """A device cannot be reached, or went away while it was asked."""

    def __init__(self, device: str, asked: str, reason: str, remedy: str = "") -> None:
        self.device, self.asked, self.reason = device, asked, reason
        tail = f"; {remedy}" if remedy else ""
        super().__init__(f"{device}: {asked}: {reason}{tail}")


class TripError(BenchError):
    """The guardian switched the outputs off; nothing retries by itself after that."""
