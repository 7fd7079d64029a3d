"""A place for one job: waited for, held by a keeper, given back whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from rig.bench.place import folder as folders
from rig.bench.place import free, resolved
from rig.bench.place.folder import LeaseFolder, Trace
from rig.bench.place.local import watched
from rig.errors import BenchError, UsageError
from rig.guard import wire
from rig.guard.outlive import environment

__all__ = ["Lease", "Reached", "Terms", "leased"]

Tell = Callable[[str], None]
WAIT_S = 600.0
_START_S = 30.0
_RELEASE_S = 15.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a place is waited for, and whether one that is held is taken all the same."""

    wait_s: float = WAIT_S
    take_over: bool = False


def _stop_job() -> None:
    """As Ctrl-C does: everything off, records written."""
    os.kill(os.getpid(), signal.SIGINT)


class Lease:
    """The place of the bench file at `path`, from `with` to its end; `bench_path` is the file to open meanwhile.

    Raises DeadlineError naming the holder when the wait is over, LinkDownError without a coordinator. `journal` is the
    batch's folder, for what goes on record. When the place is lost, `lost` says why and `stop` is called once.
    """

    def __init__(
        self,
        path: Path,
        terms: Terms | None = None,
        journal: Path | None = None,
        tell: Tell = lambda text: None,
        stop: Callable[[], None] = _stop_job,
    ) -> None:
        found = resolved.remote(path)
        if found is None:
            raise UsageError(f"{path}: its bench is no place: there is no RemotePlace in its resources")
        self._remote, self._path, self._terms, self._tell = found, path, terms or Terms(), tell
        self._journal, self._stop = journal, stop
        self._folder: LeaseFolder | None = None
        self._process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None
        self._releasing = threading.Event()
        self._released = threading.Event()
        self.place = ""
        self.tags: Mapping[str, str] = {}
        self.owner = ""
        self.lost: str | None = None

    @property
    def bench_path(self) -> Path:
        """The bench file with the place's resources in it; UsageError before the place is acquired."""
        if self._folder is None or not self.place:
            raise UsageError(f"{self._path}: its place is not acquired")
        return self._folder.bench

    def __enter__(self) -> Lease:
        self._folder = folder = folders.made()
        try:
            self._start(folder)
            row = self._acquired(folder)
            resolved.resolve(self._path, row["resources"], folder.bench)
            self.tags, self.place = row["tags"], str(row["acquired"])
        except BaseException:
            self._close()
            raise
        os.environ[folders.LEASE] = folder.token
        self._listener = threading.Thread(target=self._listen, name=f"place {self.place}", daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.environ.pop(folders.LEASE, None)
        self._close()

    def _start(self, folder: LeaseFolder) -> None:
        host, user = folders.identity(folder.token)
        self.owner = f"{host}/{user}"
        journal = str(self._journal.resolve()) if self._journal else None
        folder.write(Trace(self.owner, self._remote.coordinator, os.getpid(), journal))
        names = {"LG_HOSTNAME": host, "LG_USERNAME": user, "GRPC_ENABLE_FORK_SUPPORT": "0"}
        with folder.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rig.bench.place.keeper", str(folder.path), str(folder.descriptor)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                pass_fds=(folder.descriptor,),
                env=environment() | names,
                start_new_session=True,
            )
        query, token = self._remote.query, self._remote.token
        self._say(
            {
                "coordinator": self._remote.coordinator,
                "place": self._remote.name if query is None and token is None else None,
                "query": None if query is None else query.text,
                "token": token,
                "person": folders.person(),
                "owner": self.owner,
                "journal": journal,
                **asdict(self._terms),
            }
        )

    def _acquired(self, folder: LeaseFolder) -> Mapping[str, Any]:
        """The keeper's word that the place is ours; it has a deadline of its own for every wait."""
        while (row := self._heard()) is not None:
            if "acquired" in row:
                return row
            if "error" in row:
                raise wire.error_from(row["error"])
            if "say" in row:
                self._tell(row["say"])
        said = folder.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise BenchError(f"place {self._remote.name}: its keeper ended: {said[-1] if said else 'without a word'}")

    def _listen(self) -> None:
        """What the keeper says while the job is at work; runs in a thread of its own."""
        with _pipe(self._process.stdout if self._process else None):
            self._hear_out()

    def _hear_out(self) -> None:
        while (row := self._heard()) is not None:
            if "lost" in row and not self._releasing.is_set():
                self._lose(str(row["lost"]))
            if "late" in row:
                self._tell(f"place {self.place} is not released yet: {row['late']}; its keeper goes on trying")
                self._released.set()
            if "released" in row:
                self._released.set()
        self._released.set()
        if not self._releasing.is_set():
            self._lose(f"the keeper of place {self.place} ended; nobody holds the place for this job any more")

    def _lose(self, why: str) -> None:
        if self.lost is None:
            self.lost = why
            self._stop()

    def _heard(self) -> dict[str, Any] | None:
        line = _pipe(self._process.stdout if self._process else None).readline()
        row = json.loads(line) if line else None
        return row if isinstance(row, dict) else None

    def _say(self, row: Mapping[str, object] | str) -> None:
        # a keeper that is gone shows at its other end
        with contextlib.suppress(OSError, ValueError):
            pipe = _pipe(self._process.stdin if self._process else None)
            pipe.write((row if isinstance(row, str) else json.dumps(row)) + "\n")
            pipe.flush()

    def _close(self) -> None:
        """Give the place back; the keeper goes on by itself where the coordinator cannot be told now."""
        self._releasing.set()
        process, folder = self._process, self._folder
        if process is not None and folder is not None:
            self._say("release")
            if self._listener is not None:
                self._released.wait(_RELEASE_S)
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_RELEASE_S)
            with contextlib.suppress(OSError):
                _pipe(process.stdin).close()
            if process.poll() not in (None, 0) and folder.path.is_dir():
                free.start(folder)
        if folder is not None:
            folder.close()
        self._process = None


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise BenchError("the keeper has no pipe")
    return pipe


class Reached(Protocol):
    """A bench while it is this job's."""

    @property
    def bench_path(self) -> Path:
        """The file to open."""

    @property
    def place(self) -> str:
        """Its name; empty: it is none of a coordinator's."""

    @property
    def lost(self) -> str | None:
        """Why it is this job's no more."""


@dataclass(frozen=True, slots=True)
class _Own:
    """A bench file of this machine, which nobody can take away."""

    bench_path: Path
    place: str = ""
    lost: str | None = None


@contextlib.contextmanager
def leased(
    path: Path,
    terms: Terms | None = None,
    journal: Path | None = None,
    tell: Tell = lambda text: None,
    *,
    watch: bool = True,
) -> Iterator[Reached]:
    """The bench of the file at `path`: its own, watched where `watch` says so, or its place's, leased meanwhile."""
    if resolved.remote(path) is not None:
        with Lease(path, terms, journal, tell) as lease:
            yield lease
        return
    wait_s = WAIT_S if terms is None else terms.wait_s
    with watched(path, wait_s, journal, tell) if watch else contextlib.nullcontext():
        yield _Own(path)
