"""The test host's shell, over its console.

Ref: labgrid `ShellDriver`; Linux termios(3), canonical mode: a line is at most 4095 bytes.
"""

import re
import shlex

import attr
from labgrid import target_factory
from labgrid.binding import BindingState
from labgrid.driver import Driver, ShellDriver
from labgrid.util import gen_marker
from pexpect import TIMEOUT

from rig.bench.edge import edge
from rig.errors import BenchError, DeadlineError, UsageError
from rig.model import Reply
from rig.ports import HostPort

LINE_BYTES = 3000
RESYNC_S = 4.0
INTERRUPT, QUIT = b"\x03", b"\x1c"
REMEDY = "the host may hang: look at console.log, and switch it off and on"

# to a terminal a control character is a key: a tab completes, an escape edits; quoting does not help
_KEYS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


@target_factory.reg_driver
@attr.s(eq=False)
class ConsoleHostDriver(Driver, HostPort):
    """One shell command at a time on the test host; active from login on."""

    bindings = {"shell": ShellDriver}

    def on_activate(self):
        self._lost: str | None = None
        login = self.shell
        self._boot_s: float | None = login.console.seen_s(f"(?:{login.login_prompt})|(?:{login.prompt})")

    def run(self, command: str, timeout_s: float = 30.0) -> Reply:
        """Run one command; DeadlineError after `timeout_s`, the command is then interrupted.

        UsageError: too long for a terminal's line once quoted, with control characters, or before the login.
        """
        self._refuse(command)
        try:
            with edge("test host", f"run {command!r}", REMEDY):
                lines, _, code = self._run(command, timeout_s)
        except DeadlineError:
            self._lost = None if self._resync() else f"did not come back from {command!r}"
            seen = self.shell.console.tail()
            raise DeadlineError("test host", f"the end of {command!r}", timeout_s, seen, REMEDY) from None
        return Reply(command, "\n".join(lines), code)

    def boot_s(self) -> float:
        """Seconds from mains on to the login prompt, of the last boot; BenchError if it was on already."""
        if self._boot_s is None:
            raise BenchError("test host: its boot was not seen on the console; switch it on through the strategy")
        return self._boot_s

    def console_text(self) -> str:
        """What the console printed since mains came on; works in every state."""
        return str(self.shell.console.text())

    def _run(self, command: str, timeout_s: float) -> tuple[list[str], list[str], int]:
        # 30 s of labgrid's own patience would pass before it notices that the shell is gone
        if self._lost:
            raise BenchError(f"test host: {self._lost}; {REMEDY}")
        result: tuple[list[str], list[str], int] = self.shell.run(
            command, timeout=timeout_s, decodeerrors="backslashreplace"
        )
        return result

    def _refuse(self, command: str) -> None:
        if self.state is not BindingState.active:
            raise UsageError(f"test host: {command!r} asked before the login; transition('shell') first")
        if found := _KEYS.search(command):
            raise UsageError(f"test host: {command!r} holds the control character {found[0]!r}, a key to a terminal")
        size = len(shlex.quote(command).encode())
        if size > LINE_BYTES:
            raise UsageError(
                f"test host: a command of {size} bytes, but {LINE_BYTES} fit a terminal's line; send parts"
            )

    def _resync(self) -> bool:
        """Interrupt what runs; True when the prompt is back."""
        console = self.shell.console
        for key in (INTERRUPT, QUIT):
            marker = gen_marker()
            console.write(key)
            console.sendline(f"echo '{marker[:4]}''{marker[4:]}'")
            try:
                console.expect(rf"{marker}\s+{self.shell.prompt}", timeout=RESYNC_S / 2)
            except TIMEOUT:
                continue
            return True
        return False
