"""The byte stream under vfio-user: whole messages with their file descriptors, or an end."""

from __future__ import annotations

import array
import os
import socket
import struct
import time
from collections.abc import Iterable

from rig.twin.linux.vfio_wire import HEADER, MOST_FDS, Header, Malformed, header

CHUNK = 64 * 1024
PATIENCE_S = 5.0
"""A message that was begun must be whole within this time, and an answer taken."""
_ANCILLARY = socket.CMSG_SPACE(MOST_FDS * 4)
_TIMEVAL = struct.Struct("@ll")


class Stream:
    """One connection; file descriptors that nobody took with a message are closed with it.

    The kernel ends a read behind the bytes that descriptors came with, so they belong to the last message that begins
    in it. Ref: unix(7), Linux net/unix/af_unix.c (unix_stream_read_generic).
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._buffer = bytearray()
        self._fds: list[tuple[int, int]] = []
        """(place of their message's first byte in the buffer, descriptor)"""
        seconds, rest = divmod(PATIENCE_S, 1)
        patience = _TIMEVAL.pack(int(seconds), int(rest * 1e6))
        # the kernel's own timeouts: Python's would cost a poll(2) for every message
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)

    def receive(self) -> tuple[Header, bytes, list[int]] | None:
        """The next request, its payload and its descriptors, now the caller's; None: the peer hung up.

        Malformed: half a message, or one that is none.
        """
        if not self._buffer and not self._idle():
            return None
        head = self._header()
        deadline_s = time.monotonic() + PATIENCE_S
        while len(self._buffer) < head.size:
            self._more(deadline_s)
        payload = bytes(self._buffer[HEADER.size : head.size])
        del self._buffer[: head.size]
        mine = [fd for at, fd in self._fds if at < head.size]
        self._fds = [(at - head.size, fd) for at, fd in self._fds if at >= head.size]
        return head, payload, mine

    def send(self, message: bytes) -> None:
        """OSError: the peer is gone, or does not read."""
        self._end.sendall(message)

    def close(self) -> None:
        """Close the descriptors that came with a message nobody got."""
        for _, fd in self._fds:
            os.close(fd)
        self._fds.clear()

    def _header(self) -> Header:
        deadline_s = time.monotonic() + PATIENCE_S
        while len(self._buffer) < HEADER.size:
            self._more(deadline_s)
        return header(bytes(self._buffer[: HEADER.size]))

    def _idle(self) -> bool:
        """Wait for a message to begin, however long; False: the peer hung up."""
        while True:
            try:
                return self._read()
            except BlockingIOError:
                continue

    def _more(self, deadline_s: float) -> None:
        try:
            if self._read():
                if time.monotonic() > deadline_s:
                    raise Malformed(f"a message took more than {PATIENCE_S:.0f} s")
                return
        except BlockingIOError:
            raise Malformed(f"half a message, then nothing for {PATIENCE_S:.0f} s") from None
        raise Malformed("the peer hung up in the middle of a message")

    def _read(self) -> bool:
        data, ancillary, _, _ = self._end.recvmsg(CHUNK, _ANCILLARY, socket.MSG_CMSG_CLOEXEC)
        self._buffer += data
        fds = descriptors(ancillary)
        if fds:
            at = self._last_start()
            self._fds += [(at, fd) for fd in fds]
        return bool(data)

    def _last_start(self) -> int:
        """Where in the buffer the last message begins."""
        at = 0
        while at + HEADER.size <= len(self._buffer):
            size = int.from_bytes(self._buffer[at + 4 : at + 8], "little")
            if size < HEADER.size or at + size >= len(self._buffer):
                break
            at += size
        return at


def descriptors(ancillary: Iterable[tuple[int, int, bytes]]) -> list[int]:
    """The file descriptors that came with a read, now the caller's. Ref: unix(7), SCM_RIGHTS."""
    out = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            out.frombytes(data[: len(data) - len(data) % out.itemsize])
    return list(out)
