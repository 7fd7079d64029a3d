"""The namespaces of the test host: started, asked for sockets, gone without a trace.

Ref: unshare(1), pid_namespaces(7), unix(7) for SCM_CREDENTIALS.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from rig.errors import BenchError, DeadlineError

_ALWAYS = ("--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child")
_WITH_USER = ("--user", "--map-root-user")
_PROBE_S = 10.0
_START_S = 20.0
_REPLY_S = 5.0
_INIT = Path(__file__).parent / "inside" / "init.py"
_REMEDY = (
    "allow unprivileged user namespaces (`sysctl kernel.unprivileged_userns_clone=1`; on Ubuntu 24.04 "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`), or run with sudo"
)


def probe() -> tuple[str, ...]:
    """The `unshare` options that work here; BenchError with the remedy when none do."""
    unshare = tool("unshare", "util-linux")
    complaints = []
    for options in ((*_WITH_USER, *_ALWAYS), _ALWAYS):
        try:
            done = subprocess.run(
                [unshare, *options, "--mount-proc", "--", "true"],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_PROBE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as e:
            raise DeadlineError("twin host", "`unshare ... true` to end", _PROBE_S, "still running") from e
        if done.returncode == 0:
            return options
        complaints.append(done.stderr.decode(errors="replace").strip())
    raise BenchError(f"twin host: this machine gives it no namespaces to live in ({complaints[0]!r}): {_REMEDY}")


def tool(name: str, package: str) -> str:
    """Where a program of this machine is; BenchError names the package that brings it."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    if found is None:
        raise BenchError(f"twin host: program {name!r} is not on this machine: install {package}")
    return found


class Machine:
    """One power-on of the test host: its namespaces and everything that runs in them."""

    def __init__(self, options: Sequence[str], config: Mapping[str, object], environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        number = str(theirs.fileno())
        command = [tool("unshare", "util-linux"), *options, "--", sys.executable, "-I", "-S", str(_INIT), number]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command,
                    pass_fds=[theirs.fileno()],
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            self._channel.send(json.dumps(config).encode())
        except OSError:
            self._channel.close()
            raise
        self.init_pid, self.tty, self.listener = self._await_tty()
        """The listener of its system call filter; None: this machine refuses one."""

    def getty(self) -> None:
        """Print the login prompt on the serial line, and again after each logout."""
        self._channel.send(b"getty")

    def socket(self) -> socket.socket:
        """A fresh TCP socket that lives in the test host's network namespace."""
        with self._lock:
            try:
                self._channel.settimeout(_REPLY_S)
                self._channel.send(b"socket")
                _, fds, _, _ = _receive(self._channel)
            except OSError as e:
                raise BenchError(f"twin host: asked its process 1 for a socket: {e}; power it off and on") from e
        if len(fds) != 1:
            raise BenchError("twin host: asked its process 1 for a socket, it is gone; power the host off and on")
        return socket.socket(fileno=fds[0])

    def kill(self) -> None:
        """End every process of the test host; returns when they are gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.init_pid, signal.SIGKILL)
        with self._lock:
            self._channel.close()
        self._bury()
        os.close(self.tty)

    def _await_tty(self) -> tuple[int, int, int | None]:
        self._channel.settimeout(_START_S)
        try:
            text, fds, _, pid = _receive(self._channel)
        except TimeoutError as e:
            self._abandon()
            raise DeadlineError("twin host", "its process 1 to set up the mounts", _START_S, "silence") from e
        if text == b"tty" and fds and pid:
            return pid, fds[0], (*fds[1:], None)[0]
        complaint = text.decode(errors="replace") or self._abandon()
        self._abandon()
        raise BenchError(f"twin host: it cannot be set up ({complaint!r}): {_REMEDY}")

    def _abandon(self) -> str:
        """End what was started half; what it complained of."""
        self._channel.close()
        self._process.kill()
        return self._bury()

    def _bury(self) -> str:
        if self._process.stderr is None or self._process.stderr.closed:
            return ""
        _, complaint = self._process.communicate(timeout=_START_S)
        return str(complaint.decode(errors="replace").strip())


def _receive(channel: socket.socket) -> tuple[bytes, list[int], int, int]:
    """One message: text, descriptors, flags, and the sender's process id as seen from here."""
    size = socket.CMSG_SPACE(4 * 4) + socket.CMSG_SPACE(struct.calcsize("3i"))
    text, ancillary, flags, _ = channel.recvmsg(4096, size, socket.MSG_CMSG_CLOEXEC)
    fds: list[int] = []
    pid = 0
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds += [number for (number,) in struct.iter_unpack("i", data[: len(data) // 4 * 4])]
        elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            pid = struct.unpack("3i", data)[0]
    return text, fds, flags, pid
