"""The other end of the serial line: reads until something is there, never longer than a deadline."""

from __future__ import annotations

import re
import socket
import time

DEADLINE_S = 20.0
PROMPT = re.compile(rb"root@duthost:[^ ]*# $")


class Line:
    def __init__(self, address: tuple[str, int]) -> None:
        self._line = socket.create_connection(address, timeout=5.0)
        self.seen = b""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def send(self, data: bytes) -> None:
        self._line.sendall(data)

    def until(self, pattern: bytes | re.Pattern[bytes]) -> bytes:
        """What came up to and with `pattern`; an AssertionError shows what came instead."""
        wanted = re.compile(re.escape(pattern)) if isinstance(pattern, bytes) else pattern
        deadline = time.monotonic() + DEADLINE_S
        while not (found := wanted.search(self.seen)):
            left = deadline - time.monotonic()
            assert left > 0, f"waited for {wanted.pattern!r}, got {self.seen[-2000:]!r}"
            self.seen += self.receive(left)
        text, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return text

    def silent(self, quiet_s: float = 0.3) -> bool:
        """Nothing comes for so long."""
        return not self.seen and not self.receive(quiet_s)

    def drain(self) -> None:
        """Read until nothing comes any more."""
        self.seen = b""
        while self.receive(0.2):
            continue

    def receive(self, timeout_s: float) -> bytes:
        self._line.settimeout(timeout_s)
        try:
            return self._line.recv(65536)
        except TimeoutError:
            return b""


class Shell(Line):
    """A root shell on the test host."""

    def log_in(self) -> None:
        self.until(b"duthost login: ")
        self.send(b"root\n")
        self.until(PROMPT)
        self.run("dmesg -n 1")

    def run(self, command: str) -> tuple[str, int]:
        """Output (stdout and stderr, lines by \\n) and exit code of one command."""
        self.send(f"{command}\necho MA''RK $?\n".encode())
        text = self.until(re.compile(rb"MARK (\d+)\r\n")).decode()
        self.until(PROMPT)
        lines = text.replace("\r\n", "\n").split("\n")
        code = int(lines[-2].split()[-1])
        return "\n".join(line for line in lines[:-2] if not re.search(r"^root@duthost:[^ ]*# |^MARK|echo MA''RK", line)
                         and line != command).strip("\n"), code  # fmt: skip
