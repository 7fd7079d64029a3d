"""Wires for the tests of the link: a serial port, a socket without line ends, HiSLIP and VXI-11, all on this machine.

Ref: IVI-6.1 (HiSLIP, message types); VXI-11 revision 1.0 and RFC 1831, 1833 (ONC RPC, record marking).
"""

from __future__ import annotations

import contextlib
import os
import pty
import socket
import socketserver
import struct
import threading
import tty
from collections.abc import Callable, Iterator

Answer = Callable[[bytes], bytes | None]


@contextlib.contextmanager
def serial_port(answer: Answer) -> Iterator[str]:
    """A VISA address; every write of the rig is one message."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while asked := os.read(ours, 256):
                if (reply := answer(asked)) is not None:
                    os.write(ours, reply)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"ASRL{os.ttyname(theirs)}::INSTR"
    finally:
        os.close(theirs)
        thread.join(5)
        os.close(ours)


@contextlib.contextmanager
def _served(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError, EOFError):
                handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def bare_socket(answer: Answer) -> Iterator[str]:
    """A VISA address of a socket where nothing ends a message."""

    def handle(sock: socket.socket) -> None:
        while asked := sock.recv(256):
            if (reply := answer(asked)) is not None:
                sock.sendall(reply)

    with _served(handle) as port:
        yield f"TCPIP0::127.0.0.1::{port}::SOCKET"


def _whole(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (more := sock.recv(count - len(data))):
            raise EOFError
        data += more
    return data


@contextlib.contextmanager
def hislip(answer: Answer) -> Iterator[str]:
    """A VISA address on a port of its own."""
    header = struct.Struct("!2sBBIQ")
    replies = {0: (1, 0x0100_0001), 17: (18, 0), 15: (16, 0), 19: (23, 0), 8: (9, 0)}

    def handle(sock: socket.socket) -> None:
        while True:
            _, kind, _, number, size = header.unpack(_whole(sock, 16))
            body = _whole(sock, size)
            if kind in replies:
                answered, value = replies[kind]
                extra = struct.pack("!Q", 1 << 20) if kind == 15 else b""
                sock.sendall(header.pack(b"HS", answered, 0, value, len(extra)) + extra)
            elif kind == 7 and (reply := answer(body)) is not None:
                sock.sendall(header.pack(b"HS", 7, 0, number, len(reply)) + reply)

    with _served(handle) as port:
        yield f"TCPIP0::127.0.0.1::hislip0,{port}::INSTR"


@contextlib.contextmanager
def vxi11(answer: Answer) -> Iterator[str]:
    """A VISA address whose port is named, so that no port mapper is asked."""

    def called(procedure: int, body: bytes, kept: list[bytes]) -> bytes:
        if procedure == 10:
            return struct.pack("!iiIi", 0, 1, 0, 1 << 16)
        if procedure == 11:
            size = struct.unpack("!I", body[16:20])[0]
            kept[:] = [reply] if (reply := answer(body[20 : 20 + size])) is not None else []
            return struct.pack("!iI", 0, size)
        if procedure == 12:
            if not kept:
                return struct.pack("!iiI", 15, 0, 0)
            reply = kept.pop()
            return struct.pack("!iiI", 0, 4, len(reply)) + reply + b"\0" * (-len(reply) % 4)
        return struct.pack("!i", 0)

    def handle(sock: socket.socket) -> None:
        kept: list[bytes] = []
        while True:
            size = struct.unpack("!I", _whole(sock, 4))[0] & 0x7FFF_FFFF
            record = _whole(sock, size)
            xid, _, _, _, _, procedure = struct.unpack("!6I", record[:24])
            reply = struct.pack("!6I", xid, 1, 0, 0, 0, 0) + called(procedure, record[40:], kept)
            sock.sendall(struct.pack("!I", 0x8000_0000 | len(reply)) + reply)

    with _served(handle) as port:
        yield f"TCPIP0::127.0.0.1,{port}::inst0::INSTR"
