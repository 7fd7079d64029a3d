"""Descriptor rings in the machine's memory, as Intel's 82575 to X550 have them.

Ref: Intel X540 datasheet sections 7.1.5, 7.1.6 (receive descriptors), 7.2.3 (transmit descriptors); Linux
ixgbe_type.h (`union ixgbe_adv_tx_desc`, `union ixgbe_adv_rx_desc`), e1000_82575.h. Where a bad checksum is told
differs: IXGBE_RXDADV_ERR_TCPE is not E1000_RXDEXT_STATERR_TCPE.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rig.twin.linux.device import Bus
from rig.twin.models import frames
from rig.twin.models.frames import Buffer, Kind, Offload

DESCRIPTOR = 16
BASE_LOW, BASE_HIGH, LENGTH, HEAD, TAIL, CONTROL = 0x00, 0x04, 0x08, 0x10, 0x18, 0x28
"""Within a ring's registers (RDBAL, RDBAH, RDLEN, RDH, RDT, RXDCTL, and the same of transmit rings)."""
ENABLED = 1 << 25
"""In TXDCTL and RXDCTL."""
_WORDS, _CONTEXT = struct.Struct("<QII"), struct.Struct("<4I")
_ADDRESS = struct.Struct("<Q")
_DONE = b"\x01\0\0\0"
_EXTENDED, _END, _REPORT, _TAG, _CUT = 1 << 29, 1 << 24, 1 << 27, 1 << 30, 1 << 31
_CONTEXT_TYPE = 2
_IP_SUM, _L4_SUM = 1 << 8, 1 << 9
_TCP_CONTEXT = 1 << 11
_WRITE_BACK = struct.Struct("<IIIHH")
_RX_DONE, _RX_END, _RX_L4_TESTED, _RX_IP_TESTED = 1 << 0, 1 << 1, 1 << 5, 1 << 6
_IPV4, _IPV6, _TCP, _UDP = 0x10, 0x40, 0x100, 0x200
MOST_SEGMENTED = 256 * 1024


@dataclass(slots=True)
class Ring:
    """Where a ring is and how far either side got."""

    base: int = 0
    count: int = 0
    head: int = 0
    tail: int = 0
    enabled: bool = False

    @property
    def live(self) -> bool:
        return self.enabled and self.count > 0

    def index(self, value: int) -> int:
        """A pointer that a driver wrote, kept inside the ring."""
        return value % self.count if self.count else value & 0xFFFF


@dataclass(slots=True)
class Sent:
    """What one look at a transmit ring did."""

    frames: list[int] = field(default_factory=list)
    """Length of each frame that left."""
    report: bool = False
    """The driver wants to hear of it."""


_NO_CONTEXT = (0, 0, 0, 0)


class TxQueue:
    """A transmit ring: fetches what the driver put there, in order."""

    def __init__(self) -> None:
        self.ring = Ring()
        self._contexts: list[tuple[int, int, int, int]] = [_NO_CONTEXT, _NO_CONTEXT]

    def run(self, bus: Bus, send: Callable[[Buffer], None], full: Callable[[], bool]) -> Sent:
        """Send until the ring is empty or the cable is full; LookupError: a descriptor points nowhere."""
        ring, done = self.ring, Sent()
        if not ring.live or ring.head == ring.tail:
            return done
        table = bus.memory(ring.base, ring.count * DESCRIPTOR)
        here, size, options = ring.head, 0, 0
        parts: list[memoryview] = []
        while here != ring.tail and not (full() and not parts):
            at = here * DESCRIPTOR
            address, command, status = _WORDS.unpack_from(table, at)
            here = here + 1 if here + 1 < ring.count else 0
            if command & _EXTENDED and command >> 20 & 0xF == _CONTEXT_TYPE:
                self._note_context(table[at : at + DESCRIPTOR])
            else:
                if not parts:
                    options = status  # the first descriptor of a frame says what to do with it
                parts.append(bus.memory(address, command & 0xFFFF))
                size += command & 0xFFFF
                if size > MOST_SEGMENTED:
                    raise LookupError(f"a frame of {size} byte")
                if command & _END:
                    self._emit(parts, command, options, send, done)
                    parts, size = [], 0
            if command & _REPORT:
                table[at + 12 : at + 16] = _DONE
                done.report = True
            if not parts:
                ring.head = here
        return done

    def _note_context(self, raw: memoryview) -> None:
        lengths, _, kind, last = _CONTEXT.unpack(raw)
        self._contexts[last >> 4 & 1] = (lengths, kind, last >> 8 & 0xFF, last >> 16)

    def _emit(
        self, parts: Sequence[memoryview], command: int, options: int, send: Callable[[Buffer], None], done: Sent
    ) -> None:
        extended = bool(command & _EXTENDED)
        if not extended or not (command & (_CUT | _TAG) or options & (_IP_SUM | _L4_SUM)):
            frame: Buffer = parts[0] if len(parts) == 1 else b"".join(parts)
            done.frames.append(len(frame))
            send(frame)
            return
        lengths, kind, l4, mss = self._contexts[options >> 4 & 1]
        todo = Offload(
            mac=lengths >> 9 & 0x7F,
            ip=lengths & 0x1FF,
            l4=l4,
            mss=mss,
            tcp=bool(kind & _TCP_CONTEXT),
            ip_checksum=bool(options & _IP_SUM),
            l4_checksum=bool(options & _L4_SUM),
        )
        whole = bytearray().join(parts)
        tag = struct.pack(">HH", 0x8100, lengths >> 16) if command & _TAG else b""
        pieces: Iterable[Buffer]
        pieces = frames.segments(whole, todo) if command & _CUT else (frames.with_checksums(whole, todo),)
        for piece in pieces:
            frame = bytes(piece[:12]) + tag + bytes(piece[12:]) if tag else piece
            done.frames.append(len(frame))
            send(frame)


class RxQueue:
    """A receive ring: fills the buffers that the driver put there, in order.

    `l4_bad` and `ip_bad` are the error bits of a write-back for a checksum that does not hold.
    """

    def __init__(self, l4_bad: int, ip_bad: int) -> None:
        self.ring = Ring()
        self._l4_bad, self._ip_bad = l4_bad, ip_bad
        self.buffer_bytes = 2048

    @property
    def room(self) -> int:
        """Descriptors that the card may fill."""
        ring = self.ring
        return (ring.tail - ring.head) % ring.count if ring.live else 0

    def deliver(self, bus: Bus, came: Sequence[Buffer]) -> int:
        """How many of the frames found room; LookupError: a descriptor points nowhere."""
        ring, delivered = self.ring, 0
        if not ring.live:
            return 0
        table = bus.memory(ring.base, ring.count * DESCRIPTOR)
        room, head, size = self.room, ring.head, self.buffer_bytes
        for frame, total in zip(came, frames.packet_sums(came), strict=True):
            needed = -(-len(frame) // size) or 1
            if needed > room:
                break
            status, packet = self._verdict(frames.inspected(frame, total))
            for n in range(needed):
                part = frame if needed == 1 else frame[n * size : (n + 1) * size]
                at = head * DESCRIPTOR
                (address,) = _ADDRESS.unpack_from(table, at)
                bus.memory(address, len(part))[:] = part
                end = (_RX_END | status) if n == needed - 1 else 0
                _WRITE_BACK.pack_into(table, at, packet, 0, _RX_DONE | end, len(part), 0)
                head = head + 1 if head + 1 < ring.count else 0
            room -= needed
            delivered += 1
        ring.head = head
        return delivered

    def _verdict(self, kind: Kind) -> tuple[int, int]:
        """Status and errors, and packet type, of a write-back."""
        status = 0
        if kind.ip_good is not None:
            status |= _RX_IP_TESTED | (0 if kind.ip_good else self._ip_bad)
        if kind.l4_good is not None:
            status |= _RX_L4_TESTED | (0 if kind.l4_good else self._l4_bad)
        packet = {4: _IPV4, 6: _IPV6}.get(kind.ip, 0) | {frames.TCP: _TCP, frames.UDP: _UDP}.get(kind.protocol, 0)
        return status, packet
