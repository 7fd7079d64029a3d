"""One instrument: one VISA session, one lock, every foreign exception translated once.

Ref: pyvisa 1.16, pyvisa-py 0.8 `tcpip.TCPIPSocketSession`: a refused port opens without an error; small
writes are held back (Nagle); a late reply answers the next query; a closed peer is waited for until the
timeout; a peer that floods, or takes nothing, is waited for without end.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pyvisa
from pyvisa.resources import MessageBasedResource

from rig.errors import BenchError, DeadlineError, LinkDownError, ReplyError

T = TypeVar("T")
_REMEDY = "check that the supply is on, its cable, and `address` in the bench file"


class ScpiLink:
    """Text queries to one instrument, opened when first used; after any error the next call opens anew."""

    def __init__(
        self,
        address: str,
        *,
        backend: str = "@py",
        timeout_s: float = 2.0,
        termination: str = "\n",
        pause_s: float = 0.0,
    ) -> None:
        self.address = address
        self._backend, self._timeout_s = backend, timeout_s
        self._termination, self._pause_s = termination, pause_s
        self._lock = threading.RLock()
        self._open: MessageBasedResource | None = None

    def query(self, command: str) -> str:
        """The reply to `command` without its termination; LinkDownError, DeadlineError or ReplyError."""
        return self._exchange(command, lambda session: self._ask(session, command))

    def write(self, command: str) -> None:
        """Send a command that has no reply; LinkDownError when the instrument is gone."""
        self._exchange(command, lambda session: self._tell(session, command))

    def drop(self) -> None:
        """Close the session, if there is one."""
        with self._lock:
            session, self._open = self._open, None
            if session is not None:
                with contextlib.suppress(Exception):
                    session.close()

    def _tell(self, session: MessageBasedResource, command: str) -> None:
        session.write(command)
        time.sleep(self._pause_s)

    def _ask(self, session: MessageBasedResource, command: str) -> str:
        self._tell(session, command)
        self._await_reply(session, command)
        text = session.read_raw().decode("ascii").strip("\r\n\0 ")
        if not text.isprintable():
            raise ReplyError(self.address, command, text, "the line or the supply garbles its replies")
        return text

    def _await_reply(self, session: MessageBasedResource, command: str) -> None:
        """Sleep until there is something to read: pyvisa-py burns a core when the peer closes instead of answering."""
        sock = self._socket(session)
        if sock is None:
            return
        if not select.select([sock], [], [], self._timeout_s)[0]:
            raise self._late(command, self._timeout_s)
        if _readable(sock) == b"":
            raise ConnectionError("it closed the connection")

    def _exchange(self, command: str, talk: Callable[[MessageBasedResource], T]) -> T:
        with self._lock:
            started = time.monotonic()
            try:
                session = self._session()
                with _ended_after(self._socket(session), 2 * self._timeout_s):
                    return talk(session)
            except BenchError:
                self.drop()
                raise
            # pyvisa-py raises what its transports raise, down to a bare Exception
            except Exception as e:
                error = self._translated(command, e, time.monotonic() - started)
                self.drop()
                raise error from e

    def _session(self) -> MessageBasedResource:
        if self._open is not None and self._stale(self._open):
            self.drop()
        if self._open is None:
            self._open = self._opened()
        return self._open

    def _opened(self) -> MessageBasedResource:
        # one ResourceManager a backend and process: closing it would close every session there is
        manager = pyvisa.ResourceManager(self._backend)
        milliseconds = int(self._timeout_s * 1000)
        session = manager.open_resource(self.address, open_timeout=milliseconds)
        if not isinstance(session, MessageBasedResource):
            session.close()
            raise LinkDownError(self.address, "open", "this VISA address takes no text messages", _REMEDY)
        session.timeout = milliseconds
        session.read_termination = session.write_termination = self._termination
        if (sock := self._socket(session)) is not None:
            self._made_ready(session, sock)
        return session

    def _made_ready(self, session: MessageBasedResource, sock: socket.socket) -> None:
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            session.close()
            raise ConnectionError(code, "connection refused or unreachable")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _wire(self, session: MessageBasedResource) -> Any:
        """pyvisa-py's own session object; None with other backends."""
        return getattr(session.visalib, "sessions", {}).get(session.session)

    def _socket(self, session: MessageBasedResource) -> socket.socket | None:
        wire = getattr(self._wire(session), "interface", None)
        return wire if isinstance(wire, socket.socket) else None

    def _stale(self, session: MessageBasedResource) -> bool:
        """Whether the peer has gone, or has sent what nobody asked for: it would answer the next query."""
        if getattr(self._wire(session), "_pending_buffer", b""):
            return True
        sock = self._socket(session)
        return sock is not None and _readable(sock) is not None

    def _translated(self, command: str, e: Exception, waited_s: float) -> BenchError:
        if isinstance(e, UnicodeDecodeError):
            return ReplyError(self.address, command, bytes(e.object), "not text: the line or the supply garbles")
        timed_out = isinstance(e, pyvisa.VisaIOError) and e.error_code == pyvisa.constants.StatusCode.error_timeout
        if timed_out and not self._peer_closed():
            return self._late(command, waited_s)
        reason = "it closed the connection" if timed_out else f"{e}" or type(e).__name__
        return LinkDownError(self.address, command, reason, _REMEDY)

    def _late(self, command: str, waited_s: float) -> DeadlineError:
        return DeadlineError(self.address, f"the reply to {command!r}", waited_s, "no whole reply", _REMEDY)

    def _peer_closed(self) -> bool:
        sock = self._socket(self._open) if self._open is not None else None
        return sock is not None and _readable(sock) == b""


def _readable(sock: socket.socket) -> bytes | None:
    """What waits to be read, empty: the peer closed; None: nothing, all is well."""
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""


@contextlib.contextmanager
def _ended_after(sock: socket.socket | None, seconds: float) -> Iterator[None]:
    """Shut the socket down when the block takes longer: it ends pyvisa-py's endless waits."""
    if sock is None:
        yield
        return
    timer = threading.Timer(seconds, _shut, (sock,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
