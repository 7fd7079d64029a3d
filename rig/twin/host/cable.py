"""The cable of one Ethernet port: TCP from the bench's loopback into the test host's own network, at line rate.

The same address and port are used on both sides, so a partner that connects to the port's address here reaches
the server that listens on it in there. A connection to a port where nothing listens inside is taken and reset.
Ref: splice(2), unix(7).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import threading
import time
from collections.abc import Callable

from rig.errors import BenchError

PORT = 5201
_PIPE_BYTES = 1 << 20
_BURST_S = 0.005
"""Time at line rate that is taken at once."""
_CATCH_UP_S = 0.05
"""Time the pacing may fall behind and make up for: a real wire does not stand still when this machine is busy."""
_LEAST_SLEEP_S = 0.0005
_CONNECT_S = 2.0
_RETRY_S = 0.05
_BUSY_S = 0.2
_TRICKLE_BPS = 1e6
"""Below this it is the two iperf3 talking about the test, not the test."""


class Way:
    """One direction: paced to a rate shared by all connections, counted, and busy or not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due_s = 0.0
        self._counted_bytes = 0
        self._counted_at_s = self._moved_at_s = self._took_at_s = 0.0
        self.rate_bps = 0.0
        self.moved_bytes = 0

    def chunk_bytes(self) -> int:
        """How much to take at once so that a slow line is not fed in lumps."""
        return int(min(_PIPE_BYTES, max(16384, self.rate_bps / 8 * 2 * _BURST_S)))

    def take(self, count: int) -> float:
        """Account for `count` bytes; seconds to wait before they may go on."""
        now = time.monotonic()
        with self._lock:
            self.moved_bytes += count
            # what was owed to a stream that kept coming is made up for; a pause earns nothing
            slack_s = _CATCH_UP_S if now - self._took_at_s < _CATCH_UP_S else _BURST_S
            self._took_at_s = now
            self._due_s = max(self._due_s, now - slack_s) + count * 8 / max(self.rate_bps, 1.0)
            return self._due_s - now

    def busy(self, now: float) -> bool:
        """More than a trickle went through in the last fifth of a second."""
        moved, span = self.moved_bytes - self._counted_bytes, now - self._counted_at_s
        if span > 0 and moved * 8 / span > _TRICKLE_BPS:
            self._moved_at_s = now
        self._counted_bytes, self._counted_at_s = self.moved_bytes, now
        return now - self._moved_at_s < _BUSY_S


class Cable:
    """Forwards connections to (address, 5201) while it carries; refuses them while it does not."""

    def __init__(self, address: str, port: int = PORT) -> None:
        self.address, self._port = address, port
        self.to_host, self.from_host = Way(), Way()
        self._pairs = set[tuple[socket.socket, socket.socket]]()
        self._lock = threading.Lock()
        self._down = threading.Event()
        self._acceptor: threading.Thread | None = None
        self._inside: Callable[[], socket.socket] | None = None
        self._listener = _bound(address, port)

    def carry(self, rate_bps: float, inside: Callable[[], socket.socket] | None) -> None:
        """Let traffic through at `rate_bps` each way over sockets that `inside` makes; 0 hangs up on everybody."""
        for way in (self.to_host, self.from_host):
            way.rate_bps = rate_bps
        wanted = inside if rate_bps > 0 else None
        if wanted is None or wanted != self._inside:
            self._hang_up()
        if wanted is not None and self._acceptor is None:
            self._inside = wanted
            self._down.clear()
            self._listener.listen(16)
            self._acceptor = threading.Thread(target=self._accept, args=(wanted,), name="twin cable", daemon=True)
            self._acceptor.start()

    def close(self) -> None:
        self._hang_up()
        self._listener.close()

    def _hang_up(self) -> None:
        if self._acceptor is None:
            return
        self._down.set()
        # no more listening, still bound: nobody else can take the address meanwhile
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._acceptor = self._inside = None
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            _shut(*pair)

    def _accept(self, inside: Callable[[], socket.socket]) -> None:
        while not self._down.is_set():
            try:
                outer, _ = self._listener.accept()
            except OSError:  # hung up, the caller went away first, or no descriptor is left
                self._down.wait(_RETRY_S)
                continue
            threading.Thread(target=self._forward, args=(outer, inside), name="twin cable", daemon=True).start()

    def _forward(self, outer: socket.socket, inside: Callable[[], socket.socket]) -> None:
        with contextlib.closing(outer):
            try:
                inner = inside()
            except BenchError:
                return _reset(outer)
            with contextlib.closing(inner):
                try:
                    inner.settimeout(_CONNECT_S)
                    inner.connect((self.address, self._port))
                except OSError:
                    return _reset(outer)
                self._join(outer, inner)
        return None

    def _join(self, outer: socket.socket, inner: socket.socket) -> None:
        pair = (outer, inner)
        for line in pair:
            line.settimeout(None)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._pairs.add(pair)
        try:
            if self._down.is_set():
                return
            back = threading.Thread(target=self._pump, args=(inner, outer, self.from_host), daemon=True)
            back.start()
            self._pump(outer, inner, self.to_host)
            back.join()
        finally:
            with self._lock:
                self._pairs.discard(pair)

    def _pump(self, source: socket.socket, sink: socket.socket, way: Way) -> None:
        read, write = os.pipe2(os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):  # a user's pipe quota may be spent: then it is a small pipe
                fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            while count := os.splice(source.fileno(), write, way.chunk_bytes()):
                self._pace(way.take(count))
                while count:
                    count -= os.splice(read, sink.fileno(), count)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            _shut(source, sink)
        finally:
            os.close(read)
            os.close(write)

    def _pace(self, ahead_s: float) -> None:
        if ahead_s > _LEAST_SLEEP_S:
            self._down.wait(ahead_s)


def _bound(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError as e:
        listener.close()
        raise BenchError(
            f"twin cable: cannot use {address}:{port} for a network port: {e.strerror}; "
            "end the program that holds it, or give the twin another address"
        ) from e
    return listener


def _shut(*lines: socket.socket) -> None:
    for line in lines:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _reset(line: socket.socket) -> None:
    """What a refused connection looks like from here on."""
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
