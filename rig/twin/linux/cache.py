"""A folder for what is fetched or built once, shared by every process of this user and safe to delete at any time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rig.errors import BenchError, DeadlineError

Tell = Callable[[str], None]
"""Takes one line of progress for a person."""
_LOCK_S = 600.0
_LOOK_S = 0.1


def cache_folder() -> Path:
    """$RIG_CACHE, else $XDG_CACHE_HOME/rig, else ~/.cache/rig; not made here.

    Ref: XDG Base Directory Specification 0.8: a relative path there is to be ignored.
    """
    if own := os.environ.get("RIG_CACHE"):
        return Path(own).absolute()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "rig"


@contextlib.contextmanager
def locked(cache: Path, name: str, tell: Tell, timeout_s: float = _LOCK_S) -> Iterator[None]:
    """Hold the cache's lock `name`, which a killed process lets go of too; DeadlineError after `timeout_s`.

    Ref: flock(2).
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        file = (cache / f"{name}.lock").open("w")
    except OSError as e:
        raise BenchError(f"cache {cache}: {e.strerror}; point RIG_CACHE to a folder that can be written") from e
    with file:
        _lock(file.fileno(), cache / f"{name}.lock", tell, timeout_s)
        yield


def _lock(fd: int, path: Path, tell: Tell, timeout_s: float) -> None:
    deadline, told = time.monotonic() + timeout_s, False
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DeadlineError("cache", f"the lock {path}", timeout_s, "another process builds") from None
            if not told:
                tell("another process is fetching or building it: waiting")
                told = True
            time.sleep(_LOOK_S)
        else:
            return


@contextlib.contextmanager
def building(final: Path) -> Iterator[Path]:
    """A fresh folder to fill; it becomes `final` at the end of the block, and nothing at all if the block fails."""
    final.parent.mkdir(parents=True, exist_ok=True)
    _sweep(final)
    part = Path(tempfile.mkdtemp(prefix=_prefix(final), dir=final.parent))
    try:
        yield part
        part.chmod(0o755)
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sweep(final: Path) -> None:
    """What a killed build left; the caller holds the lock."""
    for left in final.parent.glob(f"{_prefix(final)}*"):
        shutil.rmtree(left, ignore_errors=True)


def _prefix(final: Path) -> str:
    return f".{final.name}.part-"
