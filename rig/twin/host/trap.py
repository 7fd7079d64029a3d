"""Where a tool's register accesses reach the card's model: a few system calls of the test host wait for an answer.

mstflint maps BAR 0 and takes an advisory lock between writing a command and polling for its end, so the model runs
exactly there; its other way is 4-byte reads and writes of configuration space at 0x58 (address) and 0x5c (data).
Ref: seccomp_unotify(2), linux/seccomp.h, linux/filter.h; Linux 5.14 or newer.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import select
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rig.twin.view import Gateway

ADDRESS, DATA = 0x58, 0x5C
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_SYNC_WAKE_UP = 0x40082104
"""Ioctl of Linux 6.6: switch to the one who waits at once; older kernels refuse it and are a little slower."""
_CONTINUE = 1
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_LOCK_UN = 8
_REQUEST = struct.Struct("=QIIiIQ6Q")


@dataclass(frozen=True, slots=True)
class _Calls:
    """System call numbers of one machine."""

    audit: int
    seccomp: int
    flock: int
    pread: int
    pwrite: int


_MACHINES = {
    "x86_64": _Calls(0xC000003E, 317, 73, 17, 18),
    "aarch64": _Calls(0xC00000B7, 277, 32, 67, 68),
}
_CALLS = _MACHINES.get(platform.machine())


def filter_for_init() -> dict[str, object] | None:
    """What process 1 needs to install the filter: a BPF program in hex and a call number; None: not on this machine."""
    return None if _CALLS is None else {"program": _program(_CALLS).hex(), "call": _CALLS.seccomp}


def _program(calls: _Calls) -> bytes:
    """Notify on a flock that locks, and on a pread or pwrite of 4 bytes at the gateway's two offsets."""
    rows = [
        (_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, calls.audit), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 4, calls.flock), (_LOAD, 0, 0, _argument(1)), (_ANY_BIT, 1, 0, _LOCK_UN),
        (_RETURN, 0, 0, _NOTIFY), (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 1, 0, calls.pread), (_EQUAL, 0, 5, calls.pwrite),
        (_LOAD, 0, 0, _argument(2)), (_EQUAL, 0, 3, 4),
        (_LOAD, 0, 0, _argument(3)), (_EQUAL, 2, 0, ADDRESS), (_EQUAL, 1, 0, DATA),
        (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOTIFY),
    ]  # fmt: skip
    return b"".join(struct.pack("=HBBI", *row) for row in rows)


def _argument(number: int) -> int:
    """Offset of the low word of an argument."""
    return _ARGUMENTS + 8 * number


class Trap:
    """Answers the calls of one power-on of the test host until its last process is gone."""

    def __init__(
        self, listener: int, gateway: Callable[[], Gateway | None], is_config: Callable[[os.stat_result], bool]
    ) -> None:
        if _CALLS is None:
            raise ValueError(f"no system call numbers for {platform.machine()}")
        self._listener, self._gateway, self._is_config = listener, gateway, is_config
        self._calls = _CALLS
        self._memory: tuple[int, int] | None = None
        self._cpu = max(os.sched_getaffinity(0))
        self._beside = 0
        with contextlib.suppress(OSError):
            fcntl.ioctl(listener, _SYNC_WAKE_UP, struct.pack("=Q", 1))
        self._thread = threading.Thread(target=self._run, name="twin card registers", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end; every process of the host must be gone."""
        self._thread.join()

    def _run(self) -> None:
        os.sched_setaffinity(0, {self._cpu})
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        try:
            while poll.poll()[0][1] & select.POLLIN:
                self._one()
        finally:
            self._forget()
            os.close(self._listener)

    def _one(self) -> None:
        request = bytearray(_REQUEST.size)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, request, True)
        except OSError:
            return  # the caller was killed meanwhile
        number, pid, _, call, _, _, *arguments = _REQUEST.unpack(request)
        value, flags = 0, _CONTINUE
        try:
            self._beside_us(pid)
            value, flags = self._answer(pid, call, arguments)
        except OSError:
            return  # the caller was killed meanwhile: nobody waits for the reply
        finally:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._listener, _SEND, struct.pack("=QqiI", number, value, 0, flags))

    def _beside_us(self, pid: int) -> None:
        """Caller and answer on one processor: to wake the other one, twice a call, takes four times as long."""
        if pid != self._beside:
            os.sched_setaffinity(pid, {self._cpu})
            self._beside = pid

    def _answer(self, pid: int, call: int, arguments: list[int]) -> tuple[int, int]:
        """Return value and flags of the reply."""
        gateway = self._gateway()
        if gateway is None:
            return 0, _CONTINUE
        if call == self._calls.flock:
            gateway.service()
            return 0, _CONTINUE
        descriptor, at, _, offset = arguments[:4]
        if not self._is_config(Path(f"/proc/{pid}/fd/{descriptor}").stat()):
            return 0, _CONTINUE
        if call == self._calls.pwrite:
            self._written(gateway, offset, struct.unpack("<I", self._access(pid, at, None))[0])
        else:
            read = gateway.config_read_address if offset == ADDRESS else gateway.config_read_data
            self._access(pid, at, struct.pack("<I", read()))
        return 4, 0

    @staticmethod
    def _written(gateway: Gateway, offset: int, value: int) -> None:
        if offset == ADDRESS:
            gateway.config_write_address(value)
        else:
            gateway.config_write_data(value)

    def _access(self, pid: int, at: int, data: bytes | None) -> bytes:
        """Read 4 bytes of the process' memory, or write `data` there."""
        for fresh in (False, True):
            memory = self._memory_of(pid, fresh=fresh)
            with contextlib.suppress(OSError):
                if data is not None and os.pwrite(memory, data, at) == len(data):
                    return data
                if data is None and len(got := os.pread(memory, 4, at)) == 4:
                    return got
        raise OSError(f"memory of process {pid} at {at:#x} cannot be reached")

    def _memory_of(self, pid: int, *, fresh: bool) -> int:
        """Kept open from call to call; opened anew for another process, or for another program of the same one."""
        if fresh or self._memory is None or self._memory[0] != pid:
            self._forget()
            self._memory = (pid, os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC))
        return self._memory[1]

    def _forget(self) -> None:
        if self._memory is not None:
            os.close(self._memory[1])
            self._memory = None
