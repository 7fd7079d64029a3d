"""Where a port meets the world: its cable, its carrier, and those who are told; all on one thread of its own."""

from __future__ import annotations

import collections
import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from rig.twin.models.frames import LEAST_BYTES, Buffer
from rig.twin.models.wiring import PortWiring

LOOK_S = 0.25
"""The carrier is looked at this often, and whenever `changed()` says so."""
TELL_S = 0.1
HOLD_S = 0.05
"""Flow control holds frames back for this long; then the receiver's buffer is full and they are lost."""
BATCH = 64
LARGEST_FRAME = 16 * 1024
CLOSE_S = 5.0
_PAD = bytes(LEAST_BYTES)


class Port(Protocol):
    """The silicon behind the line; called on the line's thread, under no lock of the line's."""

    def room(self) -> int | None:
        """Frames it can take now; None: it takes none and what comes is lost unseen."""

    def frames_came(self, frames: Sequence[Buffer]) -> None: ...

    def frames_lost(self, count: int) -> None:
        """There was no room for them."""

    def may_send(self) -> None:
        """The cable takes frames again."""

    def carrier_changed(self) -> None: ...


class Line:
    """The cable end of one port; frames that the cable cannot take now wait here, in order."""

    def __init__(self, wiring: PortWiring, port: Port) -> None:
        self._wiring, self._port, self._wire = wiring, port, wiring.wire
        self._waiting: collections.deque[bytes] = collections.deque()
        self._news: collections.deque[Callable[[], None]] = collections.deque()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closing = self._changed = False
        self._to_host = self._from_host = 0
        self._counting = threading.Lock()
        self.carrier_bps: int | None = None
        """As last seen."""
        self._thread = threading.Thread(target=self._run, name="card port", daemon=True)

    def start(self) -> None:
        self.carrier_bps = self._wiring.carrier_bps()
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self.wake()
            self._thread.join(CLOSE_S)
        fd, self._wake = self._wake, -1
        if fd >= 0:
            os.close(fd)

    def wake(self) -> None:
        """Look at everything anew: room, carrier, news."""
        if self._wake >= 0:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_write(self._wake, 1)

    def changed(self) -> None:
        """The carrier may be another; safe under any lock."""
        self._changed = True
        self.wake()

    def tell(self, news: Callable[[], None]) -> None:
        """Call `news` on the line's thread."""
        self._news.append(news)
        self.wake()

    def moved(self, to_host_bytes: int, from_host_bytes: int) -> None:
        """Count what crossed the bus; who wants to know is told soon."""
        with self._counting:
            first = not (self._to_host or self._from_host)
            self._to_host += to_host_bytes
            self._from_host += from_host_bytes
        if first and (to_host_bytes or from_host_bytes):
            self.wake()

    @property
    def full(self) -> bool:
        """Frames wait for the cable: more must not be sent before `may_send`."""
        return bool(self._waiting)

    def send(self, frame: Buffer) -> None:
        """One frame onto the cable; lost where there is no cable or no carrier."""
        wire = self._wire
        if wire is None or self.carrier_bps is None:
            return
        if len(frame) < LEAST_BYTES:
            frame = bytes(frame) + _PAD[len(frame) :]
        if self._waiting:
            self._waiting.append(bytes(frame))
            return
        try:
            wire.send(frame, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._waiting.append(bytes(frame))
            self.wake()
        except OSError:
            self._wire_gone()

    # --- the thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        told_s = looked_s = 0.0
        held_since_s: float | None = None
        while not self._closing:
            now_s = time.monotonic()
            if self._changed or now_s - looked_s >= LOOK_S:
                looked_s = now_s
                self._look()
            self._pass_news()
            if (self._to_host or self._from_host) and now_s - told_s >= TELL_S:
                told_s = now_s
                self._report()
            room = self._port.room()
            ready = self._poll(room != 0, self._pause_s(room))
            if ready & select.POLLOUT and self._waiting:
                self._flush()
            if room == 0:
                held_since_s = held_since_s or now_s
                if time.monotonic() - held_since_s >= HOLD_S and self._port.room() == 0:
                    self._port.frames_lost(len(self._take(BATCH)))
                continue
            held_since_s = None
            if ready & select.POLLIN:
                room = self._port.room()  # the receiver may have been put on while we waited
                frames = self._take(BATCH if room is None else min(room, BATCH))
                if frames and room is not None:
                    self._port.frames_came(frames)
        self._pass_news()
        self._report()

    def _pause_s(self, room: int | None) -> float:
        if room == 0:
            return HOLD_S
        return TELL_S if self._to_host or self._from_host else LOOK_S

    def _poll(self, receive: bool, timeout_s: float) -> int:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        wire = self._wire
        wanted = (select.POLLIN if receive else 0) | (select.POLLOUT if self._waiting else 0)
        if wire is not None and wanted and wire.fileno() >= 0:
            poll.register(wire.fileno(), wanted)
        ready = 0
        for fd, events in poll.poll(timeout_s * 1000):
            if fd == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
            elif events & (select.POLLNVAL | select.POLLERR | select.POLLHUP) and not events & select.POLLIN:
                self._wire_gone()
            else:
                ready = events
        return ready

    def _take(self, most: int) -> list[bytes]:
        wire, out = self._wire, []
        if wire is None:
            return []
        try:
            for _ in range(most):
                out.append(wire.recv(LARGEST_FRAME, socket.MSG_DONTWAIT))
        except BlockingIOError:
            pass
        except OSError:
            self._wire_gone()
        return out

    def _flush(self) -> None:
        wire = self._wire
        try:
            while self._waiting and wire is not None:
                wire.send(self._waiting[0], socket.MSG_DONTWAIT)
                self._waiting.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._wire_gone()
        self._port.may_send()

    def _wire_gone(self) -> None:
        """The other end was closed: a cable that leads nowhere."""
        self._wire = None
        self._waiting.clear()

    def _look(self) -> None:
        self._changed = False
        seen = self._wiring.carrier_bps()
        if seen != self.carrier_bps:
            self.carrier_bps = seen
            if seen is None:
                self._waiting.clear()
            self._port.carrier_changed()
            self._port.may_send()

    def _pass_news(self) -> None:
        while self._news:
            self._news.popleft()()

    def _report(self) -> None:
        with self._counting:
            to_host, from_host = self._to_host, self._from_host
            self._to_host = self._from_host = 0
        if to_host or from_host:
            self._wiring.told.moved(to_host, from_host)
