"""A program of the test host whose answer comes from the twin: sends its arguments, prints the reply.

Runs as a plain file: `python -I -S standin.py SOCKET TOOL ARG...`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

_DEADLINE_S = 20.0


def main(path: str, argv: list[str]) -> int:
    arguments = [os.fsencode(a).decode("utf-8", "replace") for a in argv]
    try:
        reply = _ask(path, json.dumps(arguments).encode() + b"\n")
    except (OSError, ValueError) as e:
        sys.stderr.write(f"{arguments[0]}: cannot reach the kernel: {e}\n")
        return 1
    real = reply.get("exec")
    if real:
        os.execv(real, [real, *argv[1:]])
    try:
        _print(reply)
    except BrokenPipeError:
        os._exit(141)
    if reply.get("hold"):
        signal.pause()
    return int(reply["code"])


def _ask(path: str, request: bytes) -> dict[str, str]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(_DEADLINE_S)
        line.connect(path)
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        parts = []
        while part := line.recv(65536):
            parts.append(part)
    answer: dict[str, str] = json.loads(b"".join(parts))
    return answer


def _print(reply: dict[str, str]) -> None:
    for fd, key in ((1, "out"), (2, "err")):
        rest = reply[key].encode()
        while rest:
            rest = rest[os.write(fd, rest) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
