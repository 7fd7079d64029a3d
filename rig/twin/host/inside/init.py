"""Process 1 of the test host: sets up the mounts, hands out the tty and sockets, lets root log in.

Runs as a plain file (`python -I -S init.py FD`) inside fresh user, mount, net, pid, ipc and uts namespaces.
Talks to the twin over the seqpacket socket FD, first of all to be told its configuration as JSON; when that
socket closes the twin is gone and so is the host.
Ref: mount_namespaces(7), pid_namespaces(7), mount_setattr(2), getty(8).
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
import time
from pathlib import Path
from typing import Any, NoReturn

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_AT_FDCWD, _AT_RECURSIVE, _SYS_MOUNT_SETATTR, _MOUNT_ATTR_RDONLY = -100, 0x8000, 442, 1
_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "nix")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_EMPTY_INDEX = struct.pack(">3I", 0xB007F457, 0x00020001, 0)
"""A module index without entries. Ref: kmod libkmod/libkmod-index.c."""
_OF_A_LOGIN = (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGQUIT, signal.SIGTERM)
_TRIES = 3
_CONFIG_BYTES = 1 << 16
_PR_SET_NO_NEW_PRIVS, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_NEW_LISTENER, _BPF_BYTES = 38, 1, 8, 8


def main(fd: int) -> NoReturn:
    channel = socket.socket(fileno=fd)
    channel.set_inheritable(False)
    config = json.loads(channel.recv(_CONFIG_BYTES))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _mounts(config)
        _bring_up(config)
        master = _tty()
    except OSError as e:
        channel.send(f"{e.strerror}: {e.filename or 'setup of the test host'}".encode())
        os._exit(1)
    given = [master, *_trap(config["trap"])]
    socket.send_fds(channel, [b"tty"], given)
    for descriptor in given:
        os.close(descriptor)
    _serve(channel, config)


def _trap(wanted: dict[str, Any] | None) -> list[int]:
    """Listener of a system call filter over every process started from here; empty where this machine has none."""
    if wanted is None:
        return []
    libc, program = _libc(), bytes.fromhex(wanted["program"])
    code = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("@HP", len(program) // _BPF_BYTES, ctypes.addressof(code))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = libc.syscall(wanted["call"], _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_NEW_LISTENER, filter_)
    return [listener] if listener >= 0 else []


# --- mounts ---------------------------------------------------------------------------------------------------


def _mounts(config: dict[str, Any]) -> None:
    """A root of its own: the machine's programs read-only, everything else private and gone with the host."""
    root = Path(config["root"])
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=512m")
    for name in _SYSTEM:
        _system(Path("/", name), root)
    _bind_readonly(Path(config["python"]), root)
    for name in ("proc", "dev", "sys", "root", "home", "run", "var/tmp", "var/log", "mnt", "tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    _mount("proc", root / "proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    _devices(root / "dev")
    _bind(config["sys"], root / "sys")
    tools = root / config["tools_at"].lstrip("/")
    tools.mkdir(parents=True)
    _bind(config["tools"], tools)
    _kernel_texts(config["proc"], root)
    os.chroot(root)
    os.chdir("/root")


def _system(path: Path, root: Path) -> None:
    inside = root / path.name
    if path.name == "lib" and path.is_symlink():
        _library(path, inside)
    elif path.is_symlink():
        inside.symlink_to(path.readlink())
    elif path.is_dir():
        _bind_readonly(path, root)


def _library(path: Path, inside: Path) -> None:
    """/lib with a module folder of its own: lspci complains when the running kernel has none."""
    inside.mkdir()
    for entry in path.resolve().iterdir():
        if entry.name != "modules":
            (inside / entry.name).symlink_to(entry)
    modules = inside / "modules" / os.uname().release
    modules.mkdir(parents=True)
    for name in ("dep", "alias", "symbols", "builtin.alias", "builtin"):
        (modules / f"modules.{name}.bin").write_bytes(_EMPTY_INDEX)


def _bind_readonly(path: Path, root: Path) -> None:
    target = root / path.relative_to("/")
    if target.is_dir():
        return  # below a folder that is there already
    target.mkdir(parents=True)
    _bind(path, target, _MS_REC)
    attributes = struct.pack("=4Q", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    result = _libc().syscall(
        _SYS_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(target), _AT_RECURSIVE, attributes, len(attributes)
    )
    _check(result, target)


def _devices(dev: Path) -> None:
    _mount("tmpfs", dev, "tmpfs", _MS_NOSUID, "mode=755,size=64m")
    for name in _DEVICES:
        (dev / name).touch()
        _bind(f"/dev/{name}", dev / name)
    for folder in ("pts", "shm"):
        (dev / folder).mkdir()
    _mount("devpts", dev / "pts", "devpts", _MS_NOSUID | _MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        (dev / name).symlink_to(target)


def _kernel_texts(texts: dict[str, str], root: Path) -> None:
    """What /proc says of the kernel agrees with the boot log."""
    for name, text in texts.items():
        file = root / "run" / f".{name}"
        file.write_text(text, encoding="utf-8")
        _bind(file, root / "proc" / name)


def _bind(source: Path | str, target: Path | str, flags: int = 0) -> None:
    _mount(source, target, None, _MS_BIND | flags)


def _mount(source: Path | str, target: Path | str, kind: str | None, flags: int, data: str = "") -> None:
    type_ = kind.encode() if kind else None
    _check(_libc().mount(os.fsencode(source), os.fsencode(target), type_, flags, data.encode()), target)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, path: Path | str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))


# --- network and tty ------------------------------------------------------------------------------------------


def _bring_up(config: dict[str, Any]) -> None:
    socket.sethostname(config["hostname"])
    pid = os.posix_spawn(config["ip"], ["ip", "link", "set", "dev", "lo", "up"], {})
    if os.waitpid(pid, 0)[1] != 0:
        raise OSError(0, "ip link set dev lo up failed")


def _tty() -> int:
    """The master of the serial line; its slave is /dev/ttyS0."""
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    name = ctypes.create_string_buffer(64)
    _check(_libc().unlockpt(master), "/dev/ptmx")
    _check(_libc().ptsname_r(master, name, len(name)), "/dev/ptmx")
    Path("/dev/ttyS0").touch()
    _bind(name.value.decode(), "/dev/ttyS0")
    os.open("/dev/ttyS0", os.O_RDWR | os.O_NOCTTY)  # held open, or the master reads an error between two logins
    return master


# --- the loop -------------------------------------------------------------------------------------------------


def _serve(channel: socket.socket, config: dict[str, Any]) -> NoReturn:
    """Answer the twin until it goes away; bury the dead; keep a getty on the line once asked to."""
    getty = _Getty(config)
    signal.signal(signal.SIGCHLD, lambda *_: getty.bury())
    while True:
        select.select([channel], [], [])
        request = channel.recv(64)
        if request == b"getty":
            getty.start()
        elif request == b"socket":
            _hand_out(channel)
        else:
            os._exit(0)


def _hand_out(channel: socket.socket) -> None:
    """A TCP socket made here stays in this network namespace wherever it is connected from."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as fresh:
        channel.sendmsg([b"socket"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fresh.fileno()]))])


class _Getty:
    """One login on the serial line at a time, and again after logout."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._pid = 0

    def start(self) -> None:
        self._pid = self._spawn(0.0)

    def bury(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self._pid = self._spawn(0.1)  # a shell that dies at once must not fill the machine

    def _spawn(self, pause_s: float) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                time.sleep(pause_s)
                _login(self._config)
            finally:
                os._exit(1)
        return pid


def _login(config: dict[str, Any]) -> None:
    # whoever started the rig may ignore some, as a job in the background does; a getty does not
    for number in _OF_A_LOGIN:
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    line = os.open("/dev/ttyS0", os.O_RDWR)
    fcntl.ioctl(line, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(line, fd)
    os.write(1, f"\n{config['issue']} ttyS0\n\n".encode())
    tries = 0
    while not _identified(config):
        os.write(1, b"\nLogin incorrect\n")
        tries += 1
        if tries == _TRIES:
            os._exit(1)
    os.write(1, config["motd"].encode())
    os.execve(config["shell"][0], config["shell"][1:], config["env"])


def _identified(config: dict[str, Any]) -> bool:
    user = b""
    while not user:
        os.write(1, f"{config['hostname']} login: ".encode())
        user = _line()
    if not config["password"]:
        return user == b"root"
    _echo(on=False)  # before the prompt: it also throws away what was typed, and nothing typed in answer may go
    os.write(1, b"Password: ")
    given = _line()
    _echo(on=True)
    os.write(1, b"\n")
    return user == b"root" and given == config["password"].encode()


def _line() -> bytes:
    """One line from the tty; the end of the line (hang-up, ^D) ends this login."""
    got = b""
    while not got.endswith(b"\n"):
        chunk = os.read(0, 4096)
        if not chunk:
            os._exit(1)
        got = (got + chunk)[-4096:]
    return got.strip()


def _echo(*, on: bool) -> None:
    attributes = termios.tcgetattr(0)
    attributes[3] = attributes[3] | termios.ECHO if on else attributes[3] & ~termios.ECHO
    termios.tcsetattr(0, termios.TCSAFLUSH if not on else termios.TCSADRAIN, attributes)


if __name__ == "__main__":
    main(int(sys.argv[1]))
