"""The serial line: TCP clients on one side, the tty of whatever runs on the other.

As on a wire, what is printed while nobody listens is lost, and a client that does not read loses what does
not fit; the host is never held up. Ref: pty(7).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Callable

from rig.errors import BenchError

_CHUNK = 65536
_CLIENT_BYTES = 4 << 20
"""Unread output kept per client, about what a console server buffers."""
_TYPED_BYTES = 65536


class _Client:
    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.unsent = bytearray()

    def send(self, data: bytes) -> None:
        """Send what the socket takes now, keep a bounded rest; OSError when the client is gone."""
        if len(self.unsent) + len(data) <= _CLIENT_BYTES:
            self.unsent += data
        with contextlib.suppress(BlockingIOError):
            while self.unsent:
                del self.unsent[: self.line.send(self.unsent[:_CHUNK])]


class Console:
    """A TCP server whose clients share one serial line; `attach` says what is at its far end."""

    def __init__(self, host: str, port: int, spoil: Callable[[bytes], bytes] | None = None) -> None:
        """`spoil`: what a bad line makes of what is printed; None: nothing."""
        self._spoil = spoil
        self._lock = threading.RLock()
        self._clients: dict[int, _Client] = {}
        self._tty: int | None = None
        self._typed = bytearray()
        self._server = _listen(host, port)
        self.address: tuple[str, int] = self._server.getsockname()[:2]
        self._wake, self._poke = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="twin console", daemon=True)
        self._thread.start()

    def emit(self, data: bytes) -> None:
        """Print on the line, from any thread; never blocks."""
        data = self._spoil(data) if self._spoil else data
        with self._lock:
            for client in list(self._clients.values()):
                try:
                    client.send(data)
                except OSError:
                    self._drop(client)
            if any(c.unsent for c in self._clients.values()):
                self._rouse()

    def attach(self, tty: int) -> None:
        """Put the master `tty` at the far end; it stays the caller's to close, after `detach`."""
        os.set_blocking(tty, False)
        with self._lock:
            self._tty = tty
            self._typed.clear()
        self._rouse()

    def detach(self) -> None:
        """Silence at once: nothing of the far end is printed any more, and what is typed is ignored."""
        with self._lock:
            self._tty = None
            self._typed.clear()
        self._rouse()

    def close(self) -> None:
        """Hang up on everybody and stop listening."""
        self._closing = True
        self._rouse()
        self._thread.join(5.0)
        with self._lock:
            for client in list(self._clients.values()):
                self._drop(client)
        self._server.close()
        os.close(self._wake)
        os.close(self._poke)

    # --- the thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            with selectors.DefaultSelector() as selector:
                with self._lock:
                    self._register(selector)
                    tty = self._tty
                ready = selector.select(1.0)
            with self._lock:
                for key, events in ready:
                    self._handle(key.fd, events, tty)

    def _register(self, selector: selectors.BaseSelector) -> None:
        read, write = selectors.EVENT_READ, selectors.EVENT_WRITE
        selector.register(self._server.fileno(), read)
        selector.register(self._wake, read)
        if self._tty is not None:
            selector.register(self._tty, read | (write if self._typed else 0))
        for fd, client in self._clients.items():
            # with the far end not reading, the client is held up and not the memory filled
            events = (read if len(self._typed) < _TYPED_BYTES else 0) | (write if client.unsent else 0)
            if events:
                selector.register(fd, events)

    def _handle(self, fd: int, events: int, tty: int | None) -> None:
        if fd == self._wake:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, _CHUNK)
        elif fd == self._server.fileno():
            self._accept()
        elif fd == tty:
            if tty == self._tty:
                self._far_end(tty, events)
        elif client := self._clients.get(fd):
            self._near_end(client, events)

    def _accept(self) -> None:
        try:
            line, _ = self._server.accept()
        except OSError:
            return  # it went away before it was taken
        line.setblocking(False)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients[line.fileno()] = _Client(line)

    def _far_end(self, tty: int, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                data = os.read(tty, _CHUNK)
                if not data:
                    raise OSError("the far end hung up")
                self.emit(data)
            if events & selectors.EVENT_WRITE:
                self._type()
        except BlockingIOError:
            return
        except OSError:
            self._tty = None  # the far end is gone: the line is silent until something else is attached

    def _near_end(self, client: _Client, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                client.send(b"")
            data = client.line.recv(_CHUNK) if events & selectors.EVENT_READ else None
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data == b"":
            self._drop(client)
        elif data and self._tty is not None:
            self._typed += data
            with contextlib.suppress(OSError):
                self._type()

    def _type(self) -> None:
        while self._typed and self._tty is not None:
            del self._typed[: os.write(self._tty, self._typed[:_CHUNK])]

    def _drop(self, client: _Client) -> None:
        self._clients.pop(client.line.fileno(), None)
        client.line.close()

    def _rouse(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._poke, b"x")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as e:
        raise BenchError(
            f"twin console: cannot listen on {host}:{port}: {e.strerror}; "
            "end the twin that holds it, or choose another address"
        ) from e
