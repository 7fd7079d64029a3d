"""A bare QEMU with the guest in it, for tests of the guest itself: its two serial lines and nothing else."""

from __future__ import annotations

import re
import select
import socket
import subprocess
import time
from collections.abc import Sequence
from types import TracebackType

from rig.twin.linux.commandline import command_line
from rig.twin.linux.image import Image
from rig.twin.linux.qemu import Qemu

DEADLINE_S = 100.0
"""Generous: a boot of 3 s takes half a minute on a machine that does ten other things."""
PROMPT = r"root@duthost:\S*# "


class Line:
    """One end of a serial line; remembers everything.

    While one waits all lines are read: an unread console stalls its machine.
    """

    def __init__(self, end: socket.socket, lines: list[Line]) -> None:
        self._end, self.text, self._at, self._lines = end, "", 0, lines
        self.ended = False
        lines.append(self)

    def expect(self, pattern: str, timeout_s: float = DEADLINE_S) -> str:
        """What comes up to the end of `pattern`; AssertionError with the tail when it does not come."""
        deadline = time.monotonic() + timeout_s
        while (found := re.compile(pattern).search(self.text, self._at)) is None:
            left_s = deadline - time.monotonic()
            assert left_s > 0 and not self.ended, f"{pattern!r} not seen, but {self.text[-800:]!r}"
            self._take(left_s)
        before, self._at = self.text[self._at : found.end()], found.end()
        return before

    def until_end(self, timeout_s: float = DEADLINE_S) -> str:
        """Everything until QEMU is gone."""
        deadline = time.monotonic() + timeout_s
        while not self.ended and time.monotonic() < deadline:
            self._take(deadline - time.monotonic())
        return self.text

    def send(self, text: str) -> None:
        self._end.sendall(text.encode())

    def close(self) -> None:
        self._end.close()

    def _take(self, timeout_s: float) -> None:
        there = {line._end: line for line in self._lines if not line.ended}
        for end in select.select(list(there), [], [], timeout_s)[0]:
            there[end]._read()

    def _read(self) -> None:
        try:
            data = self._end.recv(65536)
        except ConnectionResetError:
            data = b""
        self.ended = not data
        self.text += data.decode(errors="replace").replace("\r", "")


class Guest:
    """Started at once; use as a context manager."""

    def __init__(
        self, qemu: Qemu, image: Image, *options: str, arguments: Sequence[str] = ("-no-reboot",), firmware: bool = True
    ) -> None:
        (console, console_far), (hand, hand_far) = socket.socketpair(), socket.socketpair()
        lines: list[Line] = []
        self.console, self.hand = Line(console, lines), Line(hand, lines)
        serial = [
            word
            for name, end in (("console", console_far), ("hand", hand_far))
            for word in ("-chardev", f"socket,id={name},fd={end.fileno()}", "-serial", f"chardev:{name}")
        ]
        small = ["-bios", "qboot.rom"] if qemu.qboot and firmware else []
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            [
                *qemu.command, "-machine", "q35", "-accel", qemu.accelerator, "-cpu", "max", "-m", "256", "-nodefaults",
                "-no-user-config", "-display", "none", *small, *serial, "-kernel", str(image.kernel),
                "-initrd", str(image.initrd), "-append", command_line(*options), *arguments,
            ],
            pass_fds=(console_far.fileno(), hand_far.fileno()), stdin=subprocess.DEVNULL,
        )  # fmt: skip
        console_far.close()
        hand_far.close()

    def log_in(self) -> float:
        """As root; seconds from the start to the login prompt."""
        self.console.expect("duthost login: ")
        took_s = time.monotonic() - self.started_s
        self.console.send("root\n")
        self.console.expect(PROMPT)
        return took_s

    def run(self, command: str, timeout_s: float = DEADLINE_S) -> str:
        """What a command prints at the prompt, without its echo."""
        self.console.send(f"{command}\n")
        return self.console.expect(PROMPT, timeout_s).partition("\n")[2].rpartition("root@")[0]

    def tell_hand(self, command: str) -> str:
        """What the hidden hand answers."""
        self.hand.send(f"{command}\n")
        return self.hand.expect(r"(ok|error[^\n]*)\n").split("\n")[-2]

    def __enter__(self) -> Guest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.console.close()
        self.hand.close()
