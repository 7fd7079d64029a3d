"""The newest QEMU that can be had, and what it is able to do.

A Debian release newer than the machine's is unpacked beside it, with its own libraries and loader.
Ref: qemu-system-x86_64(1); QEMU docs/system/devices/vfio-user.rst (10.1 and newer), docs/system/multi-process.rst.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rig.errors import BenchError, RigError
from rig.twin.linux.accel import TCG, accelerator
from rig.twin.linux.cache import Tell, building, locked
from rig.twin.linux.image import guest_image
from rig.twin.linux.packages import Packages, machines_mirror
from rig.twin.linux.unpack import unpack

QEMU = "RIG_QEMU"
"""Environment variable: a command line (quoted as for a shell) that starts the QEMU to use."""
PROGRAM = "qemu-system-x86_64"
RELEASE, SUITE = "trixie", "trixie-backports"
_PACKAGES = ("qemu-system-x86", "seabios")
_ASK_S = 20.0
_TRY_AGAIN_S = 3600.0
_PROXY_DIES = (8, 2, 0)
"""From here on x-pci-proxy-dev hands its interrupt to KVM unasked, and QEMU dies of it under TCG (10.0.13: seen).

Ref: QEMU accel/kvm/kvm-all.c, kvm_irqchip_assign_irqfd.
"""
_VERSION = re.compile(r"QEMU emulator version (\d+)\.(\d+)\.(\d+)")
_LIBRARIES, _LOADER = "usr/lib/x86_64-linux-gnu", "lib64/ld-linux-x86-64.so.2"


@dataclass(frozen=True, slots=True)
class Qemu:
    """A QEMU that starts, and its abilities as it tells them itself."""

    command: tuple[str, ...]
    """Begin of the argument list; what it executes becomes QEMU itself, same process."""
    version: tuple[int, int, int]
    vfio_user: bool
    """Has the device vfio-user-pci."""
    proxy: bool
    """Has the device x-pci-proxy-dev, and lives with it."""
    qboot: bool
    """Starts a kernel from the small firmware qboot.rom: not beside two x-pci-proxy-dev (7.2.22: no word, ever)."""
    accelerator: str
    """`kvm` where it was shown to work, else `tcg`."""
    what_is_missing: tuple[str, ...]
    """Sentences: what a machine of this QEMU cannot show."""

    @property
    def version_text(self) -> str:
        """As people write it: 11.1.3."""
        return ".".join(map(str, self.version))


def newest_qemu(cache: Path, tell: Tell) -> Qemu:
    """The newest of $RIG_QEMU (then only that), PATH and the cache; fetched into the cache where none has vfio-user.

    BenchError, with what to do, when there is none that works or that takes a modelled card.
    """
    own = os.environ.get(QEMU)
    found = asked(tuple(shlex.split(own)), f"{QEMU}={own}") if own else _best(cache, tell)
    found = _with_kvm(cache, tell, found)
    if not found.vfio_user and not found.proxy:
        raise BenchError(f"twin host: {'; '.join(found.what_is_missing)}; install QEMU 10.1 or newer")
    for sentence in found.what_is_missing:
        tell(sentence)
    return found


def _best(cache: Path, tell: Tell) -> Qemu:
    """Of this machine's and the cache's; fetched where neither has vfio-user."""
    found = newest([*_on_path(tell), *_in_cache(cache, tell)])
    return found if found is not None and found.vfio_user else _after_fetching(cache, tell, found)


def _with_kvm(cache: Path, tell: Tell, found: Qemu) -> Qemu:
    """With the accelerator that works; only the one that is used is tried."""
    kind = accelerator(cache, found.command, lambda: guest_image(cache, tell).kernel)
    proxy = found.proxy and (kind != TCG or found.version < _PROXY_DIES)
    return replace(
        found,
        accelerator=kind,
        proxy=proxy,
        what_is_missing=missing(found.version, vfio_user=found.vfio_user, proxy=proxy),
    )


def newest(candidates: Sequence[Qemu]) -> Qemu | None:
    """The most able, then the newest; None: there is none."""
    return max(candidates, key=lambda q: (q.vfio_user, q.proxy, q.version), default=None)


def _on_path(tell: Tell) -> list[Qemu]:
    program = shutil.which(PROGRAM)
    return [] if program is None else _working((program,), tell)


def _in_cache(cache: Path, tell: Tell) -> list[Qemu]:
    root = cache / "qemu" / RELEASE
    return _working(unpacked_command(root), tell) if (root / "usr/bin" / PROGRAM).exists() else []


def _working(command: tuple[str, ...], tell: Tell) -> list[Qemu]:
    try:
        return [asked(command, command[-1])]
    except BenchError as e:
        tell(f"not used: {e}")
        return []


def _after_fetching(cache: Path, tell: Tell, other: Qemu | None) -> Qemu:
    """The fetched one; `other` when that fails, and for an hour after it failed."""
    failed = cache / "qemu" / "failed"
    try:
        if other is not None and failed.exists() and time.time() - failed.stat().st_mtime < _TRY_AGAIN_S:
            raise BenchError(failed.read_text(encoding="utf-8"))
        fetched = _fetched(cache, tell)
    except RigError as e:
        if other is None:
            raise BenchError(f"{e}; or install {PROGRAM} (Debian and Ubuntu: apt-get install qemu-system-x86)") from e
        tell(f"QEMU {other.version_text} of this machine is used, because a newer one cannot be had: {e}")
        if not failed.exists() or time.time() - failed.stat().st_mtime >= _TRY_AGAIN_S:
            failed.parent.mkdir(parents=True, exist_ok=True)
            failed.write_text(str(e), encoding="utf-8")
        return other
    return newest([fetched, *([other] if other else [])]) or fetched


def _fetched(cache: Path, tell: Tell) -> Qemu:
    root = cache / "qemu" / RELEASE
    with locked(cache, "qemu", tell):
        if not (root / "usr/bin" / PROGRAM).exists():
            fetch(root, RELEASE, SUITE, tell)
    return asked(unpacked_command(root), f"QEMU of Debian {SUITE}")


def fetch(root: Path, release: str, suite: str, tell: Tell) -> None:
    """QEMU of `suite` (the release itself, or its backports) unpacked into `root`; BenchError when it cannot be had."""
    with building(root) as part:
        tell(f"fetching QEMU of Debian {suite}: 40 MB, once, beside what is installed")
        packages = Packages(part / "apt", machines_mirror(), release, [suite] if suite != release else [])
        packages.update()
        files = packages.download_with_dependencies(_PACKAGES, suite)
        tell(f"unpacking {len(files)} packages")
        for file in files:
            unpack(file, part)
        shutil.rmtree(part / "apt")


def unpacked_command(root: Path) -> tuple[str, ...]:
    """How a QEMU is started from packages unpacked below `root`: with their own loader, libraries and firmware."""
    libraries = root / _LIBRARIES
    # Debian 12 has part of its libraries, and the loader, outside of usr still
    loader = next((p for p in (root / "usr" / _LOADER, root / _LOADER) if p.exists()), root / "usr" / _LOADER)
    return (
        "/usr/bin/env", f"QEMU_MODULE_DIR={libraries / 'qemu'}",
        str(loader), "--library-path", f"{libraries}:{root / 'lib/x86_64-linux-gnu'}", "--argv0", PROGRAM,
        str(root / "usr/bin" / PROGRAM), "-L", str(root / "usr/share/qemu"), "-L", str(root / "usr/share/seabios"),
    )  # fmt: skip


def asked(command: tuple[str, ...], name: str) -> Qemu:
    """Its abilities, asked of itself, but for KVM; BenchError when it does not start."""
    version = _VERSION.search(_said(command, ["--version"], name))
    if version is None:
        raise BenchError(f"QEMU: {name} does not tell its version as a QEMU does: is it a {PROGRAM}?")
    # -machine none: all it has is listed, without a machine being made
    devices = _said(command, ["-machine", "none", "-device", "help"], name)
    folders = _said(command, ["-L", "help"], name).split("\n")
    number = (int(version[1]), int(version[2]), int(version[3]))
    vfio_user, proxy = '"vfio-user-pci"' in devices, '"x-pci-proxy-dev"' in devices
    return Qemu(
        command,
        number,
        vfio_user,
        proxy,
        vfio_user and any(Path(f, "qboot.rom").exists() for f in folders if f),
        TCG,
        missing(number, vfio_user=vfio_user, proxy=proxy),
    )


def _said(command: Sequence[str], arguments: Sequence[str], name: str) -> str:
    try:
        done = subprocess.run(
            [*command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=_ASK_S, check=False
        )
    except subprocess.TimeoutExpired as e:
        raise BenchError(f"QEMU: {name} {shlex.join(arguments)} did not end within {_ASK_S:.0f} s") from e
    except OSError as e:
        raise BenchError(f"QEMU: {name} cannot be started: {e.strerror}; install it or correct {QEMU}") from e
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())[:300]
        raise BenchError(
            f"QEMU: {name} {shlex.join(arguments)} ended with {done.returncode}: {said!r}; install it anew"
        )
    return done.stdout.decode(errors="replace")


def missing(version: tuple[int, int, int], *, vfio_user: bool, proxy: bool) -> tuple[str, ...]:
    """Sentences on what a machine of such a QEMU cannot show of a modelled card."""
    name = ".".join(map(str, version))
    if vfio_user:
        return ()
    if not proxy:
        return (f"QEMU {name} has no vfio-user-pci, and no x-pci-proxy-dev that works here: it takes no modelled card",)
    return (
        f"QEMU {name} shows 256 bytes of a card's configuration space: no AER registers, no serial number, "
        "no lane errors",
        f"QEMU {name} brings no interrupts from a modelled card: its driver moves no traffic, and the steps link, "
        "throughput, power_profile and soak are not run",
        f"QEMU {name} gives a modelled card 32-bit BARs of at most 1 GiB",
        f"QEMU {name} raises errors of the link at the root port alone",
    )
