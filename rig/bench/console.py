"""The serial console, read all the time.

An unread console loses text, and a virtual one stalls its machine; labgrid reads only inside calls. One byte
a read and pexpect's pause after each make 100 kB take 76 s, so a thread drains the port and hands on in bulk.

Ref: labgrid `SerialDriver`, `ConsoleExpectMixin`; pexpect `spawnbase.delayafterread`; pyserial `fileno()`.
"""

import io
import os
import select
import socket
import threading
import time
import warnings
from pathlib import Path

import attr
from labgrid import target_factory
from labgrid.driver import SerialDriver
from labgrid.util import PtxExpect
from pexpect import TIMEOUT

from rig.bench.edge import edge, reason
from rig.bench.tape import ConsoleLog, ConsoleTape
from rig.errors import BenchError, LinkDownError

POLL_S = 0.1
CHUNK_BYTES = 1 << 16
WRITE_TIMEOUT_S = 5.0


@target_factory.reg_driver
@attr.s(eq=False)
class DrainedSerialDriver(SerialDriver):
    """A console that is drained, time-stamped and remembered while active; LinkDownError when it is gone."""

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        self._tape = ConsoleTape()
        self._log: ConsoleLog | None = None
        self._log_fault: str | None = None
        self._log_lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._fresh_expect()

    @property
    def address(self) -> str:
        """Where the console is, for people."""
        where = self.port
        return f"console {where.host}:{where.port}" if hasattr(where, "host") else f"console {where.port}"

    @property
    def alive(self) -> bool:
        """The port is open and its other end was there at the last look."""
        return self._thread is not None and self._tape.ended is None

    def on_activate(self):
        self._plug_in()

    def on_deactivate(self):
        try:
            self._unplug()
        finally:
            self.log_to(None)

    def revive(self) -> None:
        """Open the port anew if it has gone away; the log goes on."""
        if not self.alive:
            self._unplug()
            self._plug_in()

    def _plug_in(self) -> None:
        with edge(self.address, "open", "check the cable and the console server, and that nobody else has it open"):
            self._open_port()
        try:
            self._wait = self._descriptor()
            self._limit_waits()
        except BaseException:
            super().on_deactivate()
            raise
        self._tape = ConsoleTape()
        self.mark()
        self._stop.clear()
        self._thread = threading.Thread(target=self._drain, name=self.address, daemon=True)
        self._thread.start()

    def _open_port(self) -> None:
        with warnings.catch_warnings():
            # pyserial 3.5 (rfc2217.py, open) starts its thread with setters deprecated since Python 3.10
            warnings.filterwarnings("ignore", "set(Daemon|Name)", DeprecationWarning)
            super().on_activate()

    def _unplug(self) -> None:
        try:
            self._stop.set()
            if self._thread is not None:
                self._thread.join()
        finally:
            self._thread = None
            super().on_deactivate()

    def log_to(self, path: Path | None) -> None:
        """Write every byte from now on to `path` too, each line after its time (UTC); None: to no file.

        BenchError when the file cannot be opened, or when the one before could not be written to its end.
        """
        with self._log_lock:
            fault, self._log_fault = self._log_fault, None
            if self._log is not None:
                self._log.close()
                self._log = None
            if path is not None:
                with edge(f"console log {path}", "open"):
                    self._log = ConsoleLog(path)
        if fault is not None:
            raise BenchError(f"the console log is not complete: {fault}")

    def mark(self) -> float:
        """Forget what was printed so far, read or not; the time (monotonic) that `seen_s` counts from."""
        now_s = time.monotonic()
        self._tape.mark(now_s)
        self._fresh_expect()
        return now_s

    def text(self) -> str:
        """What was printed since the mark, undecodable bytes as `\\xNN`."""
        return self._tape.content().decode(errors="backslashreplace")

    def tail(self) -> str:
        """The last few words that were printed."""
        return " ".join(self.text()[-2000:].split())[-200:]

    def seen_s(self, pattern: str) -> float | None:
        """Seconds from the mark until `pattern` (a regex) had been printed; None: it was not."""
        return self._tape.seen_s(pattern)

    def _fresh_expect(self) -> None:
        # a prompt from before the mark, left in pexpect's buffer, would pass for a login
        self._expect = PtxExpect(self)
        self._expect.delayafterread = None

    def _read(self, size: int = 1, timeout: float = 0.0, max_size: int | None = None) -> bytes:
        data = self._tape.take(size, timeout, max_size)
        if not data:
            self._raise_if_ended("read")
            raise TIMEOUT(f"{self.address}: silent for {timeout:.2f} s")
        return data

    def _write(self, data: bytes) -> int:
        self._raise_if_ended("write")
        with edge(self.address, "write", "the console server takes no more bytes: look at it"):
            return super()._write(data)

    def _raise_if_ended(self, asked: str) -> None:
        if self._tape.ended is not None:
            raise LinkDownError(self.address, asked, self._tape.ended, "check the cable and the console server")

    def _descriptor(self) -> int | None:
        """What select() can wait for; None for RFC 2217, whose bytes come from pyserial's own thread."""
        try:
            fd: int = self.serial.fileno()
        except io.UnsupportedOperation:
            return None
        if getattr(self.port, "protocol", "") == "raw":
            with socket.socket(fileno=os.dup(fd)) as same:
                same.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return fd

    def _limit_waits(self) -> None:
        if self._wait is None:
            # set once: each setting is a negotiation with the server; its writes have the socket's own timeout
            self.serial.timeout = POLL_S
        else:
            self.serial.write_timeout = WRITE_TIMEOUT_S

    def _drain(self) -> None:
        try:
            while not self._stop.is_set():
                self._keep(self._chunk())
        except OSError as e:
            self._tape.end(reason(e))

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        self._tape.append(data, time.monotonic())
        with self._log_lock:
            if self._log is not None and self._log_fault is None:
                try:
                    self._log.write(data)
                except OSError as e:
                    self._log_fault = reason(e)

    def _chunk(self) -> bytes:
        """What has come, empty after a short silence; OSError when nothing can come any more."""
        if self._wait is None:
            return bytes(self.serial.read(max(1, self.serial.in_waiting)))
        if not select.select([self._wait], [], [], POLL_S)[0]:
            return b""
        try:
            data = os.read(self._wait, CHUNK_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            raise ConnectionResetError("the other end closed it")
        return data
