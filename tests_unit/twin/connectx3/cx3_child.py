"""What becomes the tool: installs the trap's filter, hands its listener out, and executes. Standard library only."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
import sys
from collections.abc import Sequence

_NUMBERS = {"x86_64": (0xC000003E, 317, 73, 17, 18), "aarch64": (0xC00000B7, 277, 32, 67, 68)}
AUDIT, SECCOMP, FLOCK, PREAD, PWRITE = _NUMBERS.get(platform.machine(), (0, 0, 0, 0, 0))


def _filter() -> bytes:
    load, equal, any_bit, back, allow, notify = 0x20, 0x15, 0x45, 0x06, 0x7FFF0000, 0x7FC00000
    rows = [
        (load, 0, 0, 4), (equal, 1, 0, AUDIT), (back, 0, 0, allow), (load, 0, 0, 0),
        (equal, 0, 4, FLOCK), (load, 0, 0, 24), (any_bit, 1, 0, 8), (back, 0, 0, notify), (back, 0, 0, allow),
        (equal, 1, 0, PREAD), (equal, 0, 5, PWRITE), (load, 0, 0, 32), (equal, 0, 3, 4),
        (load, 0, 0, 40), (equal, 2, 0, 0x58), (equal, 1, 0, 0x5C), (back, 0, 0, allow), (back, 0, 0, notify),
    ]  # fmt: skip
    return b"".join(struct.pack("=HBBI", *row) for row in rows)


def _become(channel: int, command: Sequence[str]) -> None:
    program = _filter()
    text = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(text)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or (listener := libc.syscall(SECCOMP, 1, 8, head)) < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    with socket.socket(fileno=channel) as to_lab:
        socket.send_fds(to_lab, [b"x"], [listener])
    os.close(listener)
    os.environ.pop("CONNECTX_FLUSH", None)
    os.execvp(command[0], command)


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
