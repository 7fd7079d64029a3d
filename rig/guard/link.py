"""One instrument: one VISA session, one lock, every foreign exception translated once.

Ref: pyvisa 1.16, pyvisa-py 0.8 `tcpip.TCPIPSocketSession`: a refused port opens without an error; small
writes are held back (Nagle); a late reply answers the next query; a closed peer is waited for until the
timeout; a peer that floods, or takes nothing, is waited for without end. `tcpip.TCPIPInstrHiSLIP` throws late
replies away itself; `tcpip.TCPIPInstrVxi11` takes a port as `TCPIP::host,port::inst0::INSTR`; `serial.SerialSession`
keeps what arrives while nobody asks.
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
from pyvisa import constants
from pyvisa.resources import MessageBasedResource, SerialInstrument

from rig.errors import BenchError, DeadlineError, LinkDownError, ReplyError
from rig.guard.dialects import SerialLine, Wire

T = TypeVar("T")
_PLAIN = Wire()
_QUIET_S = 0.05
"""A reply that nothing ends has ended when nothing came for so long: 50 characters at 9600 baud."""
_POLL_S = 0.001
_WATCH_S = 0.1
_MOST_NOISE = 4096
_PARITIES = {"N": constants.Parity.none, "E": constants.Parity.even, "O": constants.Parity.odd}
_STOPS = {1: constants.StopBits.one, 2: constants.StopBits.two}
_HANDSHAKES = {
    "none": constants.VI_ASRL_FLOW_NONE,
    "xonxoff": constants.VI_ASRL_FLOW_XON_XOFF,
    "rtscts": constants.VI_ASRL_FLOW_RTS_CTS,
    "dsrdtr": constants.VI_ASRL_FLOW_DTR_DSR,
}
_REMEDY = "check that the supply is on, its cable, and `address` in the bench file"


class ScpiLink:
    """Text queries to one instrument, opened when first used; after any error the next call opens anew."""

    def __init__(
        self,
        address: str,
        *,
        backend: str = "@py",
        timeout_s: float = 2.0,
        wire: Wire = _PLAIN,
    ) -> None:
        self.address = address
        self._backend, self._timeout_s, self._wired = backend, timeout_s, wire
        self._lock = threading.RLock()
        self._open: MessageBasedResource | None = None
        self._inner: tuple[MessageBasedResource, Any, socket.socket | None] | None = None
        self.sessions = 0
        """How many were opened so far."""

    def query(self, command: str, length: int | None = None) -> str:
        """The reply to `command` without its termination; LinkDownError, DeadlineError or ReplyError.

        `length`: of the reply, where nothing ends it; None: it ends when nothing follows.
        """
        return self._exchange(command, lambda session: self._ask(session, command, length))

    def query_bytes(self, command: str, length: int) -> bytes:
        """The next `length` bytes after `command`, for replies that are no text."""
        return self._exchange(command, lambda session: self._ask_bytes(session, command, length))

    def write(self, command: str) -> None:
        """Send a command that has no reply; LinkDownError when the instrument is gone."""
        self._exchange(command, lambda session: self._tell(session, command, self._wired.settle_s))

    def drop(self) -> None:
        """Close the session, if there is one."""
        with self._lock:
            session, self._open, self._inner = self._open, None, None
            if session is not None:
                with contextlib.suppress(Exception):
                    session.close()

    def _tell(self, session: MessageBasedResource, command: str, settle_s: float = 0.0) -> None:
        session.write(command)
        if (pause_s := max(self._wired.pause_s, settle_s)) > 0:
            time.sleep(pause_s)

    def _ask(self, session: MessageBasedResource, command: str, length: int | None) -> str:
        if not self._wired.replies_end:
            raw = self._ask_bytes(session, command, length)
            # what identifies itself adds noise at its end; a number with noise is no number
            return raw.decode("ascii", "replace" if length is None else "strict").strip("\r\n\0 ")
        self._tell(session, command)
        self._await_reply(session, command)
        text = session.read_raw().decode("ascii").strip("\r\n\0 ")
        if not text.isprintable():
            raise ReplyError(self.address, command, text, "the line or the supply garbles its replies")
        return text

    def _ask_bytes(self, session: MessageBasedResource, command: str, length: int | None) -> bytes:
        """What comes until it is `length` long, or until nothing follows."""
        self._tell(session, command)
        got = bytearray()
        deadline = heard = time.monotonic() + self._timeout_s
        while length is None or len(got) < length:
            if self._waiting(session):
                got += session.read_bytes(1)
                heard = time.monotonic()
            elif time.monotonic() > (heard + _QUIET_S if got else deadline):
                break
            else:
                time.sleep(_POLL_S)
        if not got:
            raise self._late(command, self._timeout_s)
        if length is not None and len(got) < length:
            raise ReplyError(self.address, command, bytes(got), f"{length} characters were expected: some were lost")
        return bytes(got)

    def _waiting(self, session: MessageBasedResource) -> bool:
        """Whether a byte can be read at once; ConnectionError when the peer has gone."""
        wire = self._wire(session)
        port = getattr(wire, "interface", None)
        if (waiting := getattr(port, "in_waiting", None)) is not None:
            return bool(waiting)
        if not isinstance(port, socket.socket):
            return True
        if getattr(wire, "_pending_buffer", b""):
            return True
        if (readable := _readable(port)) == b"":
            raise ConnectionError("it closed the connection")
        return readable is not None

    def _drained(self, session: MessageBasedResource) -> MessageBasedResource:
        """Throw away what nobody asked for: noise behind a reply, or a reply that came too late."""
        for _ in range(_MOST_NOISE):
            if not self._waiting(session):
                return session
            session.read_bytes(1)
        raise ConnectionError("it sends without end, and nobody asked")

    def _await_reply(self, session: MessageBasedResource, command: str) -> None:
        """Sleep until there is something to read: pyvisa-py burns a core when the peer closes instead of answering."""
        sock = getattr(self._wire(session), "interface", None)
        if not isinstance(sock, socket.socket):
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
                with _WATCH.ended_after(self._socket(session), 2 * self._timeout_s):
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
        if self._open is not None and not self._drains(self._open) and self._stale(self._open):
            self.drop()
        if self._open is None:
            self._open = self._opened()
            self.sessions += 1
        return self._drained(self._open) if self._drains(self._open) else self._open

    def _drains(self, session: MessageBasedResource) -> bool:
        """Whether what waits is thrown away, and not the whole session with it."""
        port = getattr(self._wire(session), "interface", None)
        return hasattr(port, "in_waiting") or (isinstance(port, socket.socket) and not self._wired.replies_end)

    def _opened(self) -> MessageBasedResource:
        # one ResourceManager a backend and process: closing it would close every session there is
        manager = pyvisa.ResourceManager(self._backend)
        milliseconds = int(self._timeout_s * 1000)
        session = manager.open_resource(self.address, open_timeout=milliseconds)
        if not isinstance(session, MessageBasedResource):
            session.close()
            raise LinkDownError(self.address, "open", "this VISA address takes no text messages", _REMEDY)
        session.timeout = milliseconds
        session.read_termination = "\n" if self._wired.replies_end else None
        session.write_termination = self._wired.termination
        if isinstance(session, SerialInstrument):
            _set_line(session, self._wired.line)
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
        return self._found(session)[1]

    def _socket(self, session: MessageBasedResource) -> socket.socket | None:
        return self._found(session)[2]

    def _found(self, session: MessageBasedResource) -> tuple[MessageBasedResource, Any, socket.socket | None]:
        """Looked up once a session: it is asked for several times in every exchange."""
        if self._inner is None or self._inner[0] is not session:
            wire = getattr(session.visalib, "sessions", {}).get(session.session)
            port = getattr(wire, "interface", None)
            # HiSLIP and VXI-11 keep theirs one deeper
            socks = (port, getattr(port, "_sync", None), getattr(port, "sock", None))
            self._inner = session, wire, next((s for s in socks if isinstance(s, socket.socket)), None)
        return self._inner

    def _stale(self, session: MessageBasedResource) -> bool:
        """Whether the peer has gone, or has sent what nobody asked for: it would answer the next query."""
        if getattr(self._wire(session), "_pending_buffer", b""):
            return True
        sock = self._socket(session)
        return sock is not None and _readable(sock) is not None

    def _translated(self, command: str, e: Exception, waited_s: float) -> BenchError:
        if isinstance(e, UnicodeDecodeError):
            return ReplyError(self.address, command, bytes(e.object), "not text: the line or the supply garbles")
        timed_out = isinstance(e, pyvisa.VisaIOError) and e.error_code == constants.StatusCode.error_timeout
        if timed_out and not self._peer_closed():
            return self._late(command, waited_s)
        reason = "it closed the connection" if timed_out else f"{e}" or type(e).__name__
        return LinkDownError(self.address, command, reason, _REMEDY)

    def _late(self, command: str, waited_s: float) -> DeadlineError:
        return DeadlineError(self.address, f"the reply to {command!r}", waited_s, "no whole reply", _REMEDY)

    def _peer_closed(self) -> bool:
        sock = self._socket(self._open) if self._open is not None else None
        return sock is not None and _readable(sock) == b""


def _set_line(session: SerialInstrument, line: SerialLine) -> None:
    session.baud_rate, session.data_bits = line.baud, line.data_bits
    session.parity, session.stop_bits = _PARITIES[line.parity], _STOPS[line.stop_bits]
    session.set_visa_attribute(constants.ResourceAttribute.asrl_flow_control, _HANDSHAKES[line.handshake])


def _readable(sock: socket.socket) -> bytes | None:
    """What waits to be read, empty: the peer closed; None: nothing, all is well."""
    try:
        # a socket with a timeout of its own, as that of HiSLIP, would wait in recv for it
        return sock.recv(1, socket.MSG_PEEK) if select.select([sock], [], [], 0)[0] else None
    except (OSError, ValueError):
        return b""


class _Watch:
    """Shuts down the sockets of exchanges that take too long: it ends pyvisa-py's endless waits.

    One thread for all: one for every exchange costs more than the exchange.
    """

    def __init__(self) -> None:
        self._ends: dict[int, tuple[float, socket.socket]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def ended_after(self, sock: socket.socket | None, seconds: float) -> Iterator[None]:
        if sock is None:
            yield
            return
        self._begin()
        me = threading.get_ident()
        self._ends[me] = (time.monotonic() + seconds, sock)
        try:
            yield
        finally:
            self._ends.pop(me, None)

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ends exchanges", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(_WATCH_S)
            for end_s, sock in list(self._ends.values()):
                if time.monotonic() > end_s:
                    _shut(sock)


_WATCH = _Watch()


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
