"""A program on the test host that goes on whatever becomes of the rig and of the console.

It runs in a session of its own, writes to a file, reads its answers from a FIFO and leaves its exit code in a file,
so a rig that died can be followed by another that looks what came of it.
Ref: POSIX.1-2017 shell command language; setsid(1) of util-linux and busybox; systemd-inhibit(1).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass

from rig.errors import BenchError, DeadlineError, ReplyError, UsageError
from rig.ports import HostPort

ROOT = "/run/rig-firmware"
PROMPT = re.compile(r"\(y/n\) \[n\] : ?")
POLL_S = 0.2
_START_LOOKS = 50
_DEAF_S = 1.0
_CHUNK = 24_000
_CODE = re.compile(r"rig-code:(\d{1,3}|running|gone) (\d{1,9})\s*\Z")
_INHIBIT = "systemd-inhibit --what=shutdown:sleep --who=rig --why=firmware"
_FOLDER = re.compile(rf"{ROOT}/[A-Za-z0-9-]{{1,64}}")
MAKE_ROOT = f"mkdir -p {ROOT} && chmod 700 {ROOT}"
"""The folder on the test host that jobs and files are in; root's alone, and gone with its next boot."""


class NotStartedError(ReplyError):
    """Nothing runs: the test host could not even begin."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program printed, carriage returns and all, and its exit code; None: it vanished without one."""

    text: str
    code: int | None


class Job:
    """One program on the test host, by its folder there."""

    def __init__(self, host: HostPort, folder: str) -> None:
        if not _FOLDER.fullmatch(folder):
            raise UsageError(f"{folder!r} is no folder of a job below {ROOT}")
        self._host, self.folder = host, folder
        self._seen = b""

    @classmethod
    def start(cls, host: HostPort, name: str, command: str) -> Job:
        """Start a shell command line; NotStartedError when nothing runs then."""
        job = cls(host, f"{ROOT}/{name}")
        inner = (
            f"cd {job.folder} || exit; echo $$ >pid; exec 3<>in; "
            f"i=; {_INHIBIT} true 2>/dev/null && i={shlex.quote(_INHIBIT)}; "
            f"$i {command} <&3 >out 2>&1 3>&- & echo $! >tool; wait $!; echo $? >new; mv new code"
        )
        reply = host.run(
            f"{MAKE_ROOT} && rm -rf {job.folder} && mkdir {job.folder} && "
            f"mkfifo {job.folder}/in && : >{job.folder}/out && "
            f"(setsid sh -c {shlex.quote(inner)} </dev/null >/dev/null 2>&1 &); "
            f"n=0; until [ -e {job.folder}/pid ] || [ $n -ge {_START_LOOKS} ]; do sleep 0.1; n=$((n+1)); done; "
            # without its folder one that comes late cannot begin
            f"[ -e {job.folder}/pid ] || {{ rm -rf {job.folder}; false; }}"
        )
        if reply.code != 0:
            said = reply.text.strip()[-300:]
            raise NotStartedError("test host", f"start {command!r}", said, f"is {ROOT} writable? setsid, mkfifo?")
        return job

    def poll(self) -> Ended | None:
        """Take in what it printed since the last time; what came of it once it has ended."""
        reply = self._host.run(
            # the end is looked for before the text, or the last words of a program that ends just now are lost
            f"cd {self.folder} 2>/dev/null && {{ r=gone; "
            # the shell around the tool may have been killed, and the tool still writes to the flash
            'if [ ! -s pid ] || kill -0 "$(cat pid)" 2>/dev/null || kill -0 "$(cat tool)" 2>/dev/null; '
            "then r=running; fi; "
            f"c=$(cat code 2>/dev/null || echo $r); n=$(wc -c <out); "
            f"tail -c +{len(self._seen) + 1} out | head -c {_CHUNK} | base64; "
            'echo "rig-code:$c $n"; } || echo rig-code:gone 0'
        )
        code = _CODE.search(reply.text)
        try:
            fresh = base64.b64decode("".join(reply.text[: code.start() if code else 0].split()), validate=True)
        except (binascii.Error, ValueError):
            code = None
        if code is None or len(fresh) < min(_CHUNK, int(code[2]) - len(self._seen)):
            return None  # a kernel message in between, or lost characters: the next look brings it whole
        self._seen += fresh
        if code[1] == "running" or len(fresh) >= _CHUNK:
            return None
        return Ended(self.text, int(code[1]) if code[1].isdigit() else None)

    @property
    def text(self) -> str:
        """Everything it printed up to the last poll."""
        return self._seen.decode("utf-8", "backslashreplace")

    def answer(self, word: str) -> None:
        """Type a line to it; lost when it has ended."""
        # for reading too: opened for writing alone, a FIFO that nobody reads any more never opens
        self._host.run(f"echo {shlex.quote(word)} 1<>{self.folder}/in")

    def _heard(self, deadline: float) -> Ended | None:
        """`poll`, through a console that fails for a while: the program does not need it."""
        try:
            return self.poll()
        except BenchError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_DEAF_S)
            return None

    def follow(self, answer: Callable[[str], str], progress: Callable[[str], None], deadline_s: float) -> Ended:
        """Until it ends: `answer` gives the word for each question's text, `progress` sees all that was printed.

        DeadlineError when it does not end; it is left running.
        """
        deadline = time.monotonic() + deadline_s
        asked_to = 0
        while (ended := self._heard(deadline)) is None:
            text = self.text
            progress(text)
            questions = list(PROMPT.finditer(text, asked_to))
            if questions and not text[questions[-1].end() :].strip():
                word = answer(text[asked_to : questions[-1].end()])
                # a console that is deaf now is tried again at the next look: the tool waits
                with contextlib.suppress(BenchError):
                    self.answer(word)
                    asked_to = questions[-1].end()
            if time.monotonic() > deadline:
                raise DeadlineError("test host", f"the end of {self.folder}", deadline_s, text[-200:])
            time.sleep(POLL_S)
        progress(ended.text)
        return ended
