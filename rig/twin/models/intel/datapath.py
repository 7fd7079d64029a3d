"""The way of the frames: transmit and receive queues behind their registers, and what is counted on the way.

Ref: Intel X540 datasheet sections 7.1, 7.2, 8.2.3.8, 8.2.3.9, 8.2.3.23 (statistics); Intel I350 datasheet sections
7.1, 7.2, 8.10, 8.12, 8.18 (statistics).
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from rig.twin.linux.device import Bus
from rig.twin.models import rings
from rig.twin.models.frames import LEAST_BYTES, Buffer
from rig.twin.models.line import Line
from rig.twin.models.registers import RegisterFile
from rig.twin.models.rings import DESCRIPTOR, ENABLED, Ring, RxQueue, TxQueue

CHECK_SEQUENCE = 4
"""Octet counters count it, the wire and the memory do not see it."""
ADDRESS_VALID = 1 << 31
"""In RAH."""
_SIZES = (64, 127, 255, 511, 1023)
_BROADCAST = b"\xff" * 6
_KEPT = {rings.BASE_LOW: 0xFFFFFF80, rings.BASE_HIGH: 0xFFFFFFFF, rings.LENGTH: 0x000FFF80}
"""Bits that exist: rings are 128-byte aligned."""
_BUFFER_MASK, _KIB = 0x1F, 1 << 10


@dataclass(frozen=True, slots=True)
class Counters:
    """Offsets of one direction's counters; each counts frames, octets, or is the first of six by size."""

    frames: Sequence[int]
    octets: Sequence[int]
    sizes: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a controller has the registers of its data path."""

    queues: int
    tx_ring: Callable[[int], int]
    """Queue to TDBAL."""
    rx_ring: Callable[[int], int]
    """Queue to RDBAL."""
    srrctl: Callable[[int], int]
    addresses: Sequence[tuple[int, int]]
    """First RAL and how many addresses follow one another, each with its RAH."""
    receive: tuple[int, int]
    """Register and bit that put the receiver on."""
    promiscuous: tuple[int, int]
    """Register and bit that let every unicast frame in."""
    sent: Counters
    received: Counters
    broadcast: int
    multicast: int
    missed: int
    clear_on_read: Callable[[], Iterable[int]]
    wide: Callable[[], Iterable[tuple[int, int]]]
    """Pairs of registers of one counter that a read clears, low half first."""
    bad_checksum: tuple[int, int]
    """Error bits of a receive write-back: TCP or UDP, IPv4."""


class DataPath:
    """Both directions; every method is called under the port's lock."""

    def __init__(
        self,
        registers: RegisterFile,
        layout: Layout,
        line: Line,
        notify: Callable[[int, bool], None],
        loops: Callable[[], bool],
    ) -> None:
        """`notify` hears of a queue that has something for the driver (and whether it is a transmit queue); `loops`
        tells whether frames come back instead of leaving.
        """
        self._registers, self._layout, self._line = registers, layout, line
        self._notify, self._loops = notify, loops
        self.bus: Bus | None = None
        self._tx: dict[int, TxQueue] = {}
        self._rx: dict[int, RxQueue] = {}
        self._addresses: frozenset[bytes] | None = None
        for queue in range(layout.queues):
            for at, ring, tail in (
                (layout.tx_ring(queue), self._tx_ring, self._tx_tail),
                (layout.rx_ring(queue), self._rx_ring, self._rx_tail),
            ):
                registers.on_first[at >> 6] = partial(self._lay_out, at, partial(ring, queue), partial(tail, queue))
            registers.on_write[layout.srrctl(queue)] = partial(self._rx_buffers, queue)
        for first, count in layout.addresses:
            for at in range(first, first + 8 * count, 4):
                registers.on_write[at] = partial(self._address_written, at)
        registers.clear_on_read(layout.clear_on_read())
        for low, high in layout.wide():
            registers.wide_counter(low, high)

    def reset(self) -> None:
        self._tx.clear()
        self._rx.clear()
        self._addresses = None

    # --- registers --------------------------------------------------------------------------------------------

    def _lay_out(self, at: int, ring: Callable[[], Ring], tail: Callable[[int], None]) -> None:
        values, on_write = self._registers.values, self._registers.on_write

        def place(offset: int, value: int) -> None:
            values[at + offset] = value & _KEPT[offset]
            found = ring()
            found.base = values.get(at + rings.BASE_LOW, 0) | values.get(at + rings.BASE_HIGH, 0) << 32
            found.count = values.get(at + rings.LENGTH, 0) // DESCRIPTOR
            found.head, found.tail = found.index(found.head), found.index(found.tail)

        def head(value: int) -> None:
            ring().head = ring().index(value)

        def control(value: int) -> None:
            values[at + rings.CONTROL] = value
            ring().enabled = bool(value & ENABLED)
            self._line.wake()

        for offset in (rings.BASE_LOW, rings.BASE_HIGH, rings.LENGTH):
            on_write[at + offset] = partial(place, offset)
        on_write[at + rings.HEAD] = head
        on_write[at + rings.TAIL] = tail
        on_write[at + rings.CONTROL] = control
        self._registers.on_read[at + rings.HEAD] = lambda: ring().head
        self._registers.on_read[at + rings.TAIL] = lambda: ring().tail

    def _tx_ring(self, queue: int) -> Ring:
        return self._tx.setdefault(queue, TxQueue()).ring

    def _rx_ring(self, queue: int) -> Ring:
        return self._rx_queue(queue).ring

    def _rx_queue(self, queue: int) -> RxQueue:
        if queue not in self._rx:
            self._rx[queue] = RxQueue(*self._layout.bad_checksum)
        return self._rx[queue]

    def _tx_tail(self, queue: int, value: int) -> None:
        ring = self._tx_ring(queue)
        ring.tail = ring.index(value)
        self._transmit(queue)

    def _rx_tail(self, queue: int, value: int) -> None:
        ring = self._rx_ring(queue)
        starved = ring.head == ring.tail
        ring.tail = ring.index(value)
        if starved:
            self._line.wake()

    def _rx_buffers(self, queue: int, value: int) -> None:
        self._registers.values[self._layout.srrctl(queue)] = value
        self._rx_queue(queue).buffer_bytes = (value & _BUFFER_MASK or 2) * _KIB

    def _address_written(self, at: int, value: int) -> None:
        self._registers.values[at] = value
        self._addresses = None

    # --- transmit ---------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """The cable takes frames again."""
        for queue in tuple(self._tx):
            self._transmit(queue)

    def _transmit(self, queue: int) -> None:
        if self.bus is None:
            return
        looped: list[Buffer] = []
        send = looped.append if self._loops() else self._line.send
        try:
            done = self._tx[queue].run(self.bus, send, self._is_full)
        except LookupError:
            # nobody answers the read: the queue stands, and the driver finds it hung
            self._tx[queue].ring.enabled = False
            return
        if done.frames:
            self._count_sent(done.frames)
        if looped:
            self.receive([bytes(frame).ljust(LEAST_BYTES, b"\0") for frame in looped])
        if done.report:
            self._notify(queue, True)

    def _is_full(self) -> bool:
        return self._line.full

    def _count_sent(self, lengths: Sequence[int]) -> None:
        self._line.moved(0, self._count(self._layout.sent, lengths))

    def _count(self, counters: Counters, lengths: Sequence[int]) -> int:
        """The octets of the frames."""
        add, count = self._registers.add, len(lengths)
        octets = sum(lengths) + CHECK_SEQUENCE * count
        for at in counters.frames:
            add(at, count)
        for at in counters.octets:
            add(at, octets)
        for length in lengths:
            size = max(length, LEAST_BYTES) + CHECK_SEQUENCE
            add(counters.sizes + 4 * bisect.bisect_left(_SIZES, size), 1)
        return octets

    # --- receive ----------------------------------------------------------------------------------------------

    def room(self) -> int | None:
        """Frames it can take; None: the receiver is off."""
        queue = self._rx.get(0)
        if self.bus is None or queue is None or not queue.ring.live:
            return None
        register, on = self._layout.receive
        return queue.room if self._registers.get(register) & on else None

    def receive(self, came: Sequence[Buffer]) -> None:
        """Frames from the cable, for queue 0: the driver is told where it has more, and uses them for nothing else."""
        queue = self._rx.get(0)
        if self.room() is None or queue is None or self.bus is None:
            return
        mine = [frame for frame in came if self._is_mine(frame[:6])]
        try:
            taken = queue.deliver(self.bus, mine)
        except LookupError:
            queue.ring.enabled = False
            return
        self.missed(len(mine) - taken)
        if taken:
            self._count_received(mine[:taken])
            self._notify(0, False)

    def missed(self, count: int) -> None:
        """Frames that found no room."""
        if count:
            self._registers.add(self._layout.missed, count)

    def _count_received(self, came: Sequence[Buffer]) -> None:
        layout = self._layout
        for frame in came:
            if frame[0] & 1:
                self._registers.add(layout.broadcast if frame[:6] == _BROADCAST else layout.multicast, 1)
        self._line.moved(self._count(layout.received, list(map(len, came))), 0)

    def _is_mine(self, destination: Buffer) -> bool:
        """Own addresses and groups; the multicast filter is left to the kernel, which filters again."""
        register, all_of_them = self._layout.promiscuous
        if destination[0] & 1 or self._registers.get(register) & all_of_them:
            return True
        if self._addresses is None:
            self._addresses = frozenset(self._own_addresses())
        return bytes(destination) in self._addresses

    def _own_addresses(self) -> Iterable[bytes]:
        for first, count in self._layout.addresses:
            for at in range(first, first + 8 * count, 8):
                high = self._registers.get(at + 4)
                if high & ADDRESS_VALID:
                    yield (self._registers.get(at) | (high & 0xFFFF) << 32).to_bytes(6, "little")
