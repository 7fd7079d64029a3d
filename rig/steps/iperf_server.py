"""An iperf3 server on the test host for as long as a step needs it."""

from __future__ import annotations

import contextlib
import re
import shlex
import time
from collections.abc import Iterator

from rig.errors import BenchError, DeadlineError, ReplyError
from rig.ports import HostPort

_START_S = 5.0
_PATH = re.compile(r"^/[\w./-]+$", re.MULTILINE)


@contextlib.contextmanager
def serving(host: HostPort, port: int) -> Iterator[None]:
    """`iperf3 -s` listens on `port` of the test host inside the block and is gone after it."""
    pidfile = shlex.quote(_pidfile(host))
    reply = host.run(f"iperf3 -s -D -p {port:d} -I {pidfile}")
    if reply.code != 0:
        raise BenchError(
            f"test host: {reply.command!r} ended with {reply.code}: {reply.text.strip()[-200:]!r}; install iperf3 on it"
        )
    try:
        _await_listening(host, port)
        yield
    finally:
        host.run(f"kill $(tr -d '\\000' <{pidfile}) 2>/dev/null; rm -f {pidfile}")


def _pidfile(host: HostPort) -> str:
    reply = host.run("mktemp")
    found = _PATH.search(reply.text)
    if reply.code != 0 or not found:
        raise ReplyError("test host", "mktemp", reply.text.strip()[-200:], "it needs a writable /tmp")
    return found[0]


def _await_listening(host: HostPort, port: int) -> None:
    """Look for the socket in LISTEN (0A) in /proc/net/tcp*, which every Linux has; `ss` it may not."""
    asked = f"grep -qi ':{port:04X} 0*:0000 0A' /proc/net/tcp /proc/net/tcp6"
    deadline = time.monotonic() + _START_S
    while host.run(asked).code != 0:
        if time.monotonic() > deadline:
            raise DeadlineError("test host", f"iperf3 to listen on port {port}", _START_S, "no such socket")
        time.sleep(0.05)
