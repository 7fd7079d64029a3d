"""Whether KVM works here, tried by a child process with a deadline: on some machines /dev/kvm exists and hangs.

First a machine whose only instructions switch it off, then the guest's kernel: a nested KVM was seen that ran the
former, and even a BIOS, and stood still for ever as soon as a 64-bit kernel began.
Ref: Intel SDM vol. 3A 10.1.4 (the first instruction is at 0xFFFFFFF0); QEMU hw/misc/debugexit.c (it exits with
twice the value plus one).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

KVM, TCG = "kvm", "tcg"
_DEVICE = Path("/dev/kvm")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_DEADLINE_S = 5.0
_BOOT_S = 10.0
"""A kernel that has no file system to start from takes 1 s to find out."""
_GRACE_S = 0.5
_TRIED = "instructions and a kernel"
_ROM_BYTES = 65536
_RESET_AT = 0xFFF0
_RESET_CODE = bytes.fromhex("b010 e6f4 f4")
"""mov al, 0x10; out 0xf4, al; hlt"""
_EXIT_CODE = 0x10 * 2 + 1
_abandoned: list[subprocess.Popen[bytes]] = []
"""Children in a system call that no signal ends."""


def accelerator(cache: Path, command: Sequence[str], kernel: Callable[[], Path]) -> str:
    """`kvm` where this QEMU really runs a machine and a kernel with it, else `tcg`; tried once for each boot.

    `kernel` is asked for an ELF kernel only when the rest worked.
    """
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return TCG
    key = hashlib.sha256("\0".join([_TRIED, _BOOT_ID.read_text(), str(os.getuid()), *command]).encode()).hexdigest()[
        :16
    ]
    remembered = cache / "accelerator" / f"{key}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(remembered.read_text(encoding="utf-8"))["accelerator"])
    found = KVM if runs(command, KVM) and boots(command, KVM, kernel()) else TCG
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time alone
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_text(json.dumps({"accelerator": found}), encoding="utf-8")
    return found


def runs(command: Sequence[str], accel: str, deadline_s: float = _DEADLINE_S) -> bool:
    """Whether a machine whose first instructions switch it off again does so before the deadline."""
    with tempfile.TemporaryDirectory(prefix="rig-accel-") as folder:
        rom = Path(folder, "exit.bin")
        rom.write_bytes((bytes(_RESET_AT) + _RESET_CODE).ljust(_ROM_BYTES, b"\0"))
        process = _started(
            command, accel, "-machine", "pc", "-m", "16", "-bios", str(rom), "-device", "isa-debug-exit,iobase=0xf4"
        )
        return _code(process, deadline_s) == _EXIT_CODE


def boots(command: Sequence[str], accel: str, kernel: Path, deadline_s: float = _BOOT_S) -> bool:
    """Whether a kernel gets before the deadline to where it has no file system to start from, and ends."""
    with tempfile.TemporaryDirectory(prefix="rig-accel-") as folder:
        log = Path(folder, "console.log")
        log.touch()
        process = _started(
            command, accel, "-machine", "q35", "-cpu", "max", "-m", "192", "-no-reboot", "-serial", f"file:{log}",
            "-kernel", str(kernel), "-append", "console=ttyS0 panic=-1 quiet",
        )  # fmt: skip
        return _code(process, deadline_s) == 0 and b"Kernel panic" in log.read_bytes()


def _started(command: Sequence[str], accel: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*command, "-accel", accel, "-nodefaults", "-no-user-config", "-display", "none", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _code(process: subprocess.Popen[bytes], deadline_s: float) -> int | None:
    """Its exit code; None: it had to be killed, or cannot even be killed and is left alone."""
    # not wait(timeout): a child that hangs in the kernel is not there to be waited for after its death either
    deadline = time.monotonic() + deadline_s
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    code = process.poll()
    if code is None:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        if process.poll() is None:
            _abandoned.append(process)
    return code
