"""The smallest host that the real mstflint can be run on: one card in a PCI tree, its registers behind a trap.

Not the twin's own host: a fault of that one must not hide a fault of the chip's model.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cx3_child
from cx3_child import AUDIT, FLOCK, PWRITE

from rig.twin.connectx3.chip import Chip
from rig.twin.connectx3.faults import ChipFault
from rig.twin.connectx3.flash import IDEAL, Timing
from rig.twin.connectx3.image import build

BDF = "0000:05:00.0"
SMALL = 0x4000
"""The smallest image: everything is the same, in a tenth of the time."""
TIMEOUT_S = 60
RECEIVE, SEND, SYNC_WAKE_UP = 0xC0502100, 0xC0182101, 0x40082104
CONTINUE = 1
REQUEST = struct.Struct("=QIIiIQ6Q")
SCRIPT = """mount --bind "$LAB" /mnt && mount -t tmpfs none /tmp && mount --bind /mnt/devices /sys/bus/pci/devices &&
{ [ -z "$LOCKED" ] || { mount --bind "$LOCKED" "$LOCKED" && mount -o remount,bind,ro "$LOCKED"; }; } &&
cd /mnt/files && exec "$@" """


def missing() -> str:
    """Why there can be no lab on this machine; empty: it can."""
    if not AUDIT:
        return f"no system call numbers for {platform.machine()}"
    absent = [tool for tool in ("mstflint", "mstconfig", "unshare", "mount") if not shutil.which(tool)]
    if absent:
        return f"not installed: {', '.join(absent)}"
    tried = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "user namespaces are forbidden"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a tool left behind; a negative code is a signal."""

    code: int
    text: str
    """Both its streams, carriage returns kept."""


class Lab:
    """One chip on one host; files of a test lie in `files`, where the tools start."""

    def __init__(
        self, folder: Path, *, faults: Sequence[ChipFault] = (), timing: Timing = IDEAL, part: str = "w25q32",
        pro: bool = False,
    ) -> None:  # fmt: skip
        self.files, self._tree = folder / "files", folder / "devices" / BDF
        self._folder, self._pro = folder, pro
        self.files.mkdir(parents=True)
        self._tree.mkdir(parents=True)
        self.chip = Chip(folder / "card", faults=faults, timing=timing, part=part, pro=pro)
        os.link(self.chip.cr_path, self._tree / "resource0")
        self._memory: tuple[int, int] | None = None

    def close(self) -> None:
        self.chip.close()

    def power_cycle(self, *, hold: bool = False) -> None:
        """The card loses power, comes back, and is enumerated as what it now is."""
        self.chip.power_off()
        working, recovery = (0x1007, 0x01F8) if self._pro else (0x1003, 0x01F6)
        device = working if self.chip.cold_start(hold=hold) else recovery
        (self._tree / "vendor").write_text("0x15b3\n")
        (self._tree / "device").write_text(f"{device:#06x}\n")
        header = struct.pack("<HHHHI", 0x15B3, device, 0x0146, 0x0010, 0x020700 << 8)
        (self._tree / "config").write_bytes(header.ljust(256, b"\0"))

    def flint(self, *arguments: str, **how: object) -> Ran:
        return self.run("mstflint", "-d", BDF, *arguments, **how)

    def config(self, *arguments: str, **how: object) -> Ran:
        return self.run("mstconfig", "-d", BDF, *arguments, **how)

    def run(self, *command: str, answers: bytes = b"", kill_after: int | None = None, locked: bool = True) -> Ran:
        """Run a tool to its end; `answers` is its standard input, `kill_after` is in page programs.

        `locked`: while firmware runs, configuration space cannot be written, so mstconfig takes the quick way.
        """
        config = f"/sys/bus/pci/devices/{BDF}/config" if locked and self.chip.running else ""
        ours, theirs = socket.socketpair()
        output = self._folder / "output"
        with ours, theirs, output.open("wb") as out:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", cx3_child.__file__, str(theirs.fileno()),
                 "unshare", "-rm", "sh", "-c", SCRIPT, "sh", *command],
                stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, pass_fds=(theirs.fileno(),),
                env={**os.environ, "LAB": str(self._folder), "LOCKED": config},
            )  # fmt: skip
            theirs.close()
            assert child.stdin
            child.stdin.write(answers)
            child.stdin.close()
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
            self._serve(child, descriptors[0], kill_after)
        return Ran(child.wait(), output.read_bytes().decode(errors="replace"))

    def _serve(self, child: subprocess.Popen[bytes], listener: int, kill_after: int | None) -> None:
        with contextlib.suppress(OSError):
            fcntl.ioctl(listener, SYNC_WAKE_UP, struct.pack("=Q", 1))
        start, poll = self.chip.page_programs, select.poll()
        poll.register(listener, select.POLLIN)
        config = (self._tree / "config").stat()
        try:
            while events := poll.poll(TIMEOUT_S * 1000):
                if not events[0][1] & select.POLLIN:
                    break
                self._answer(listener, config)
                if kill_after is not None and self.chip.page_programs - start >= kill_after:
                    child.send_signal(signal.SIGKILL)
                    kill_after = None
        finally:
            child.kill()
            os.close(listener)
            self._forget_memory()

    def _answer(self, listener: int, config: os.stat_result) -> None:
        request = bytearray(REQUEST.size)
        with contextlib.suppress(FileNotFoundError):  # the tool was killed meanwhile
            fcntl.ioctl(listener, RECEIVE, request, True)
            identity, pid, _, call, _, _, *arguments = REQUEST.unpack(request)
            value, flags = 0, CONTINUE
            if call == FLOCK:
                self.chip.service()
            elif os.path.samestat(Path(f"/proc/{pid}/fd/{arguments[0]}").stat(), config):
                self._config_access(pid, call == PWRITE, arguments[1], arguments[3])
                value, flags = 4, 0
            fcntl.ioctl(listener, SEND, struct.pack("=QqiI", identity, value, 0, flags))

    def _config_access(self, pid: int, write: bool, pointer: int, offset: int) -> None:
        chip = self.chip
        memory = self._memory_of(pid)
        if write:
            (value,) = struct.unpack("<I", os.pread(memory, 4, pointer))
            (chip.config_write_address if offset == 0x58 else chip.config_write_data)(value)
        else:
            value = chip.config_read_address() if offset == 0x58 else chip.config_read_data()
            os.pwrite(memory, struct.pack("<I", value), pointer)

    def _memory_of(self, pid: int) -> int:
        """One tool at a time: its memory stays open until the next one comes."""
        if self._memory is None or self._memory[0] != pid:
            self._forget_memory()
            self._memory = pid, os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        return self._memory[1]

    def _forget_memory(self) -> None:
        if self._memory:
            os.close(self._memory[1])
            self._memory = None


@contextlib.contextmanager
def lab(folder: Path, **how: object) -> Iterator[Lab]:
    it = Lab(folder, **how)
    try:
        yield it
    finally:
        it.close()


MakeLab = Callable[..., Lab]


def write_images(it: Lab) -> None:
    """`ib-5010.bin`, `eth-5010.bin` and the like."""
    new = (2, 42, 5010)
    images = {
        "ib-5000": build("ib", size=SMALL),
        "ib-5010": build("ib", version=new, size=SMALL),
        "ib-4000": build("ib", version=(2, 42, 4000), size=SMALL),
        "eth-5010": build("eth", version=new, size=SMALL, mac=0x0200000BEEF0),
        "eth-nofs": build("eth", version=new, size=SMALL, failsafe=False),
        "blank-guids": build("ib", version=new, size=SMALL, blank_guids=True),
        "pro": build("ib", version=new, size=SMALL, pro=True),
    }
    for name, image in images.items():
        (it.files / f"{name}.bin").write_bytes(image)
