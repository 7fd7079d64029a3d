"""Where foreign exceptions become the rig's own, once."""

import contextlib
import time
from collections.abc import Callable, Iterator

from pexpect import TIMEOUT

from rig.errors import DeadlineError, LinkDownError, RigError


@contextlib.contextmanager
def edge(device: str, asked: str, remedy: str = "", last_seen: Callable[[], str] = lambda: "silence") -> Iterator[None]:
    """Whatever a library raises inside becomes a BenchError that names `device` and what was asked of it."""
    start_s = time.monotonic()
    try:
        yield
    except RigError:
        raise
    except TIMEOUT as e:
        raise DeadlineError(device, asked, time.monotonic() - start_s, last_seen(), remedy) from e
    # labgrid's drivers raise what their libraries raise: HTTP, JSON, assertions, subprocesses, sockets
    except Exception as e:
        raise LinkDownError(device, asked, reason(e), remedy) from e


def reason(error: Exception) -> str:
    """What went wrong, in the words of the system call below it where there is one, else the first line it says."""
    inner = _innermost(error)
    said = str(inner.strerror or inner if isinstance(inner, OSError) else error).strip().splitlines()
    return said[0] if said else type(error).__name__


def _innermost(error: BaseException) -> BaseException:
    """The exception at the bottom of the chain: libraries wrap a refused connection several times."""
    below = error.__cause__ or error.__context__
    return _innermost(below) if below is not None else error
