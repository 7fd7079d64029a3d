"""Small stand-ins for a bench: a console with a real shell behind it, ports that keep a diary."""

import os
import pty
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import attr
from labgrid import Target, target_factory
from labgrid.driver import Driver
from labgrid.protocol import PowerProtocol

from rig.errors import BenchError
from rig.model import Identity, Reading
from rig.ports import HostPort, SupplyPort

PROMPT = "root@duthost:~# "
LOGIN = "duthost login: "


class ConsoleServer:
    """A raw TCP console: bytes pushed with `say`, bytes typed are kept in `typed`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()[:2]
        self.typed = b""
        self._client: socket.socket | None = None
        self._connected = threading.Event()
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def say(self, data: bytes) -> None:
        assert self._connected.wait(5)
        assert self._client is not None
        self._client.sendall(data)

    def hang_up(self) -> None:
        assert self._connected.wait(5)
        assert self._client is not None
        self._client.shutdown(socket.SHUT_RDWR)

    def on_bytes(self, data: bytes) -> None:
        self.typed += data

    def extra_fds(self) -> list[int]:
        return []

    def on_extra(self, fd: int) -> None:
        raise AssertionError(fd)

    def close(self) -> None:
        os.write(self._stop_write, b"x")
        self._thread.join(5)
        for fd in (self._stop_read, self._stop_write):
            os.close(fd)
        self._listener.close()
        if self._client is not None:
            self._client.close()

    def _serve(self) -> None:
        while True:
            watched = [self._stop_read, self._listener, *self.extra_fds()]
            if self._client is not None:
                watched.append(self._client)
            for ready in select.select(watched, [], [])[0]:
                if ready == self._stop_read:
                    return
                self._handle(ready)

    def _handle(self, ready) -> None:
        if ready is self._listener:
            if self._client is not None:
                self._client.close()
            self._client = self._listener.accept()[0]
            self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connected.set()
        elif ready is self._client:
            try:
                data = self._client.recv(65536)
            except OSError:
                data = b""
            if data:
                self.on_bytes(data)
            else:
                self._client.close()
                self._client = None
                self._connected.clear()
        else:
            self.on_extra(ready)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class ShellServer(ConsoleServer):
    """Behind the console: a boot log and a login when power comes on, then a real shell on a pty."""

    def __init__(self, boots: bool = True) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        self._pty: int | None = None
        self._at_login = False
        self._watching = False
        self._mains: threading.Thread | None = None
        self.boots = boots
        super().__init__()

    def power(self, on: bool) -> None:
        if not on:
            self._end_shell()
            self._at_login = False
        else:
            self.say(b"[    0.000000] Linux version 6.1.0\r\n")
            if self.boots:
                self.say(b"Debian GNU/Linux 12 duthost ttyS0\r\n\r\n" + LOGIN.encode())
                self._at_login = True

    def power_by_file(self, path: Path) -> None:
        """Mains that somebody switches by writing `on` or `off` into a file."""
        path.write_text("off\n")
        self._mains = threading.Thread(target=self._watch, args=(path,), daemon=True)
        self._watching = True
        self._mains.start()

    def _watch(self, path: Path) -> None:
        was = "off"
        while self._watching:
            now = path.read_text().strip() or was
            if now != was:
                self.power(now == "on")
                was = now
            time.sleep(0.02)

    def on_bytes(self, data: bytes) -> None:
        super().on_bytes(data)
        if self._pty is not None:
            os.write(self._pty, data)
        elif self._at_login and b"\n" in data:
            self._at_login = False
            self.say(b"\r\n")
            self._start_shell()

    def extra_fds(self) -> list[int]:
        return [] if self._pty is None else [self._pty]

    def on_extra(self, fd: int) -> None:
        try:
            data = os.read(fd, 65536)
        except OSError:
            os.close(fd)
            self._pty = None
            return
        if self._client is not None:
            self._client.sendall(data)

    def _start_shell(self) -> None:
        self._pty, slave = pty.openpty()
        env = {"PATH": os.environ["PATH"], "PS1": PROMPT, "TERM": "vt100", "INPUTRC": "/dev/null"}
        self._shell = subprocess.Popen(
            # who runs the tests in the background ignores INT and QUIT; no login does
            ["env", "--default-signal=INT,QUIT", "setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
        )
        os.close(slave)
        os.write(self._pty, b"bind 'set enable-bracketed-paste off' 2>/dev/null; PS1='" + PROMPT.encode() + b"'\n")

    def _end_shell(self) -> None:
        shell, self._shell = self._shell, None
        if shell is not None:
            shell.send_signal(signal.SIGKILL)
            shell.wait()

    def close(self) -> None:
        self._watching = False
        if self._mains is not None:
            self._mains.join(5)
        self._end_shell()
        super().close()
        if self._pty is not None:
            os.close(self._pty)


@target_factory.reg_driver
@attr.s(eq=False)
class FakePowerDriver(Driver, PowerProtocol):
    """A mains switch that writes down what it was told; `stuck` says ok and does nothing."""

    diary = attr.ib(factory=list)
    machine = attr.ib(default=None)
    stuck = attr.ib(default=False)
    fault = attr.ib(default=None)

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        self.output = False

    def on(self):
        self._set(True)

    def off(self):
        self._set(False)

    def cycle(self):
        raise AssertionError("the rig never cycles by itself")

    def get(self):
        return self.output

    def _set(self, on):
        if self.fault:
            raise self.fault
        self.diary.append("mains on" if on else "mains off")
        if self.stuck:
            return
        if self.machine is not None and on is not self.output:
            self.machine.power(on)
        self.output = on


@target_factory.reg_driver
@attr.s(eq=False)
class BlindPowerDriver(FakePowerDriver):
    """A mains switch that cannot be asked."""

    def get(self):
        raise NotImplementedError("no way to ask")


@target_factory.reg_driver
@attr.s(eq=False)
class FakeSupplyDriver(Driver, SupplyPort):
    diary = attr.ib(factory=list)
    fault = attr.ib(default=None)
    lit = attr.ib(factory=set)

    def identity(self):
        return Identity("FAKE", "PSU", "1", "0", "FAKE,PSU,1,0")

    def apply(self, rail, voltage_v, limit_a):
        if self.fault:
            raise BenchError(self.fault)
        self.lit.add(rail)
        self.diary.append(f"{rail} {voltage_v} V {limit_a} A")

    def off(self, rail=None):
        if self.fault:
            raise BenchError(self.fault)
        self.lit -= {rail} if rail else set(self.lit)
        self.diary.append(f"{rail or 'rails'} off")

    def read(self):
        return {rail: Reading(0.0, 0.0, 0.0) for rail in self.lit}

    def accuracy(self):
        return {}

    def samples(self, since_s):
        return []

    def mark(self, label):
        return 0.0


@target_factory.reg_driver
@attr.s(eq=False)
class FakeHostDriver(Driver, HostPort):
    diary = attr.ib(factory=list)
    fault = attr.ib(default=None)

    def on_activate(self):
        if self.fault:
            raise self.fault
        self.diary.append("login")

    def on_deactivate(self):
        self.diary.append("logout")

    def run(self, command, timeout_s=30.0):
        raise NotImplementedError

    def boot_s(self):
        return 1.0

    def console_text(self):
        return ""


def target_with(*parts) -> Target:
    """A labgrid target of (class, arguments) pairs, in this order."""
    target = Target("main")
    for cls, args in parts:
        cls(target, None, **args)
    return target


class Dp832(threading.Thread):
    """As much of a Rigol DP832 as the guardian asks for, on a raw socket; remembers what was set."""

    def __init__(self, model: str = "DP832") -> None:
        super().__init__(daemon=True)
        self.model = model
        self.on: dict[str, bool] = {}
        self._values: dict[str, str] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"TCPIP0::127.0.0.1::{self._listener.getsockname()[1]}::SOCKET"
        self._clients: list[socket.socket] = []
        self.start()

    def run(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients.append(client)
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines:
            for line in lines:
                reply = self.answer(line.decode().strip())
                if reply is not None:
                    client.sendall(reply.encode() + b"\n")

    def answer(self, line: str) -> str | None:
        head, _, args = line.partition(" ")
        channel, _, value = args.partition(",")
        if head == "*IDN?":
            return f"RIGOL TECHNOLOGIES,{self.model},DP8A0001,00.01.14"
        if head == ":OUTP":
            self.on[channel] = value == "ON"
        elif head == ":OUTP?":
            return "ON" if self.on.get(channel) else "OFF"
        elif head == ":OUTP:MODE?":
            return "CV"
        elif head == ":MEAS:ALL?":
            return "12.0000,0.5000,6.000" if self.on.get(channel) else "0.0000,0.0000,0.000"
        elif head == ":SYST:ERR?":
            return '0,"No error"'
        elif head.endswith("?"):
            return self._values.get(head.rstrip("?") + channel, "0")
        else:
            self._values[head + (channel if value else "")] = value or channel
        return None

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
