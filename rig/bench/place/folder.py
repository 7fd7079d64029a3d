"""The trace a lease leaves on its own machine: a locked folder that outlives a kill and a reboot.

`lock` is held by the job and by its keeper, on one open file (Ref: flock(2): the lock goes with the last descriptor),
so whoever can take it knows that both are gone, without pids that could be another's by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import secrets
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rig.errors import BenchError, UsageError
from rig.record import write_whole

LEASE = "RIG_LEASE"
"""Environment variable that every process started under a lease carries: its token."""
STATE = "RIG_LEASES"
"""Environment variable: the folder of the leases instead of the machine's own."""
_MARK = "rig-"
_BURN = "burn"
JOB, GONE, DOWN = "job", "gone", "down"
"""A bench file's job lives; it is gone; its bench is being brought down, and the next job has to wait."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What has to be known to free a bench after its job died; `place` is None until there is one."""

    owner: str
    """`host/user` at the coordinator; of a bench file of this machine its job, for people."""
    coordinator: str | None
    pid: int
    journal: str | None
    """Folder of the batch, for what is to be on record."""
    place: str | None = None
    reservation: str | None = None
    heartbeat: str | None = None
    bench: str | None = None
    """Bench file of this machine, which no coordinator knows; None: the bench is a place."""
    stage: str = JOB


class LeaseFolder:
    """One lease's folder; `descriptor` holds its lock."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor

    @property
    def token(self) -> str:
        return self.path.name

    @property
    def bench(self) -> Path:
        """The bench file with the place's own resources in it; there once a place was acquired."""
        return self.path / "bench.yaml"

    @property
    def log(self) -> Path:
        """What the keeper says on standard error."""
        return self.path / "keeper.log"

    def write(self, trace: Trace) -> None:
        """Put the trace on disk, whole."""
        write_whole(self.path / "lease.json", json.dumps(asdict(trace)).encode())

    def read(self) -> Trace | None:
        """The trace; None: the job died before it wrote one, or another version of the rig did."""
        return _trace(self.path)

    def note(self, place: str | None, reservation: str | None, heartbeat: str | None) -> None:
        """Add what the coordinator gave."""
        if (trace := self.read()) is not None:
            self.write(replace(trace, place=place, reservation=reservation, heartbeat=heartbeat))

    def burn_left_s(self, most_s: float) -> float:
        """Seconds for which the job's burn may still go on, 0 without one; never more than `most_s`."""
        try:
            until_s = float((self.path / _BURN).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0.0
        # a clock that a reboot set back must not keep a bench under power for ever
        return max(0.0, min(until_s - time.time(), most_s))

    def close(self) -> None:
        """Let go of the lock; the trace stays."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)

    def remove(self) -> None:
        """The lease is over: nothing is left to free."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.close()


def made() -> LeaseFolder:
    """A new lease's folder, locked by this process; UsageError where none can be."""
    path = leases() / secrets.token_hex(6)
    making = path.with_name(f".{path.name}")
    try:
        making.mkdir(0o700)
        descriptor = os.open(making / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # locked before it can be found: without a lock it would be a dead job's
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        making.rename(path)
    except OSError as e:
        raise UsageError(f"{path}: the trace of a lease cannot be kept there: {e.strerror}") from e
    return LeaseFolder(path, descriptor)


def note_burn(most_s: float | None) -> None:
    """Put on disk that the bench of this process's lease burns firmware from now on, `most_s` at most; None: no longer.

    Who comes after a reboot finds no guardian that says so. Without a lease nothing is noted. BenchError: not on disk.
    """
    token = os.environ.get(LEASE)
    if token is None or not (lease := leases() / token).is_dir():
        return
    try:
        if most_s is None:
            (lease / _BURN).unlink(missing_ok=True)
        else:
            write_whole(lease / _BURN, f"{time.time() + most_s:.0f}".encode("ascii"))
    except OSError as e:
        raise BenchError(f"{lease}: that firmware is burned cannot be noted there: {e.strerror}") from e


def taken(path: Path) -> LeaseFolder | None:
    """A lease's folder, locked by this process as its job and keeper are gone; None: they live, or it is not there."""
    try:
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    if not (path / "lock").exists():  # freed by somebody else meanwhile
        os.close(descriptor)
        return None
    return LeaseFolder(path, descriptor)


def dead() -> Iterator[LeaseFolder]:
    """Every lease of this user on this machine whose job and keeper are gone, locked while it is looked at."""
    for path in _all():
        if (found := taken(path)) is not None:
            yield found


def beside(mine: LeaseFolder, bench: str) -> Iterator[tuple[Path, Trace]]:
    """Folders and traces on the same bench file that are another's, whoever of them lives."""
    for path in _all():
        trace = _trace(path)
        if path != mine.path and trace is not None and trace.bench == bench:
            yield path, trace


def others(mine: LeaseFolder, bench: str) -> Iterator[Trace]:
    """Traces on the same bench file that are another's, whose job or keeper lives."""
    for path, trace in beside(mine, bench):
        if (found := taken(path)) is not None:
            found.close()
        else:
            yield trace


def is_burning(lease: Path) -> bool:
    """Whether the lease in that folder notes a burn."""
    return (lease / _BURN).exists()


def forget_dead(bench: Path) -> None:
    """Remove what dead jobs left of a bench file of this machine, whose bench is off by now."""
    name = str(bench.resolve())
    for found in dead():
        trace = found.read()
        if trace is not None and trace.bench == name:
            found.remove()
        else:
            found.close()


def of_owner(owner: str) -> LeaseFolder | None:
    """The folder of a dead owner of this machine, locked; None: it lives, or is another machine's or user's."""
    user = owner.partition("/")[2]
    token = user.rpartition("-")[2]
    if not is_rig(owner) or not token.isalnum():
        return None
    return taken(leases() / token)


def _all() -> list[Path]:
    return sorted(path for path in leases().iterdir() if not path.name.startswith("."))


def _trace(path: Path) -> Trace | None:
    try:
        return Trace(**json.loads((path / "lease.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_rig(owner: str) -> bool:
    """Whether the holder of a place is a job of the rig, which has a heartbeat, and not a person."""
    return owner.partition("/")[2].startswith(_MARK)


def identity(token: str) -> tuple[str, str]:
    """Host and user under which a lease is known: unique a job, as labgrid tells owners apart by these alone."""
    host, user = person().split("/", 1)
    return host, f"{_MARK}{user}-{os.getpid()}-{token}"


def person() -> str:
    """Who this process is for labgrid's own client: `host/user`."""
    host = os.environ.get("LG_HOSTNAME", socket.gethostname())
    user = os.environ.get("LG_USERNAME") or getpass.getuser()
    return f"{host.replace('/', '_')}/{user.replace('/', '_')}"


def leases() -> Path:
    """Where the leases of this user lie, made if needed; UsageError when others could write there."""
    given = os.environ.get(STATE)
    # /var/tmp outlives a reboot; what is to be switched off then is known from here
    base = Path("/var", "tmp")
    base = base if base.is_dir() else Path(tempfile.gettempdir())
    folder = Path(given) if given else base / f"rig-leases-{os.getuid()}"
    try:
        folder.mkdir(0o700, exist_ok=True, parents=bool(given))
        found = folder.lstat()
    except OSError as e:
        raise UsageError(f"{folder}: leases cannot be kept there: {e.strerror}; name another folder in {STATE}") from e
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise UsageError(f"{folder}: leases cannot be kept there: others may write it; remove it, or set {STATE}")
    return folder
