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
    """First line of what an exception says, or its name if it says nothing."""
    said = str(error).strip().splitlines()
    return said[0] if said else type(error).__name__
