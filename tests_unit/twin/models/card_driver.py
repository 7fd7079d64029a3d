"""What a machine does to a card, in a few lines: a bus with memory, and a driver that goes Intel's way, or ixgbe's."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from rig.twin import eeprom
from rig.twin.linux.device import Registers
from rig.twin.models import PortWiring
from rig.twin.models.ixgbe.names import Register

DEADLINE_S = 5.0
MACS = (bytes.fromhex("9cb654010208"), bytes.fromhex("9cb654010209"))
IMAGE_BYTES, FIRMWARE = 16384, 0x800005B6
RINGS, BUFFERS, ENTRIES = 0x1000, 0x10000, 32
TX, RX = 0x6000, 0x1000
ENABLE = 1 << 25
BROADCAST = b"\xff" * 6
END, REPORT, EXTENDED, DATA, CONTEXT = 1 << 24, 1 << 27, 1 << 29, 3 << 20, 2 << 20
"""Of a transmit descriptor."""
SK, CS, DI, DO, REQUEST, GRANT = 1, 2, 4, 8, 0x40, 0x80
"""Lines of the serial EEPROM in EEC."""


class FakeBus:
    """1 MiB of memory at address 0, and a note of every interrupt."""

    def __init__(self) -> None:
        self.ram = bytearray(1 << 20)
        self.interrupts: list[int] = []

    def interrupt(self, vector: int) -> None:
        self.interrupts.append(vector)

    def memory(self, address: int, size: int) -> memoryview:
        if address + size > len(self.ram):
            raise LookupError(address)
        return memoryview(self.ram)[address : address + size]


class FakeNvm:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.stored = 0
        self.broken = False

    def load(self) -> bytes:
        return self.content

    def store(self, content: bytes) -> None:
        if self.broken:
            raise OSError("no space left on device")
        self.content = content
        self.stored += 1


class Listener:
    """Remembers what a card told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bool]] = []
        self.to_host_bytes = self.from_host_bytes = 0

    def driver(self, loaded: bool) -> None:
        self.said.append(("driver", loaded))

    def admin(self, up: bool) -> None:
        self.said.append(("admin", up))

    def moved(self, to_host_bytes: int, from_host_bytes: int) -> None:
        self.to_host_bytes += to_host_bytes
        self.from_host_bytes += from_host_bytes


class Cable:
    """The carrier of a port, and the far end of its wire."""

    def __init__(self) -> None:
        self.rate_bps: int | None = 10_000_000_000
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.far.settimeout(DEADLINE_S)
        self.listener = Listener()

    def wiring(self, nvm: FakeNvm, mac: bytes = MACS[0], module: bytes = b"") -> PortWiring:
        return PortWiring(mac, nvm, self.near, lambda: self.rate_bps, self.listener, module)

    def close(self) -> None:
        self.near.close()
        self.far.close()


def image(macs: Sequence[bytes] = MACS) -> bytes:
    """What the twin keeps for ixgbe."""
    out = bytearray(b"\xff" * IMAGE_BYTES)
    eeprom.KINDS["ixgbe"].build(out, tuple(macs), struct.pack("<I", FIRMWARE) + bytes(64))
    return bytes(out)


def frame(to: bytes, body: bytes = b"", size: int = 60) -> bytes:
    """From the second port, of a type that nobody uses, padded."""
    return (to + MACS[1] + b"\x88\xb5" + body).ljust(size, b"\0")


def udp(checksum: int, good_header: bool = True) -> bytes:
    """A frame with a datagram of two zero bytes to the first port; its checksum is good where it is 0xffd7."""
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 30, 0, 0, 64, 17, 0x7AD0, bytes(4), bytes(4))
    header = header if good_header else header[:1] + b"\x01" + header[2:]
    return (
        MACS[0] + MACS[1] + b"\x08\0" + header + (struct.pack(">HHHH", 1, 2, 10, checksum) + bytes(2)).ljust(26, b"\0")
    )


class RingDriver:
    """The accesses that igb and ixgbe have in common, of each kind one."""

    tx, rx, eerd = TX, RX, int(Register.EERD)
    """Offsets of the first transmit ring, the first receive ring, and the register that reads the NVM."""

    def __init__(self, port: Registers, bus: FakeBus) -> None:
        self.port, self.bus = port, bus
        self.tx_at = self.rx_at = 0
        port.plugged(bus)

    def read(self, at: int) -> int:
        return int.from_bytes(self.port.read(0, at, 4), "little")

    def write(self, at: int, value: int) -> None:
        self.port.write(0, at, value.to_bytes(4, "little"))

    def word(self, address: int) -> int:
        """As ixgbe_read_eerd_generic() and igb_read_nvm_eerd()."""
        self.write(self.eerd, address << 2 | 1)
        got = self.read(self.eerd)
        assert got & 2
        return got >> 16

    def set_up_rings(self) -> None:
        """Both rings, as igb_configure_tx_ring() and igb_configure_rx_ring()."""
        for ring, at in ((self.tx, RINGS), (self.rx, RINGS + 16 * ENTRIES)):
            for offset, value in ((0, at), (4, 0), (8, 16 * ENTRIES), (0x10, 0), (0x18, 0), (0x28, ENABLE)):
                self.write(ring + offset, value)

    def refill(self, count: int) -> None:
        """Give `count` buffers of 2 KiB to the card."""
        for _ in range(count):
            tail = (self.read(self.rx + 0x18)) % ENTRIES
            struct.pack_into("<QQ", self.bus.ram, self._rx(tail), BUFFERS + 2048 * tail, 0)
            self.write(self.rx + 0x18, (tail + 1) % ENTRIES)

    def post(self, *words: tuple[int, int, int]) -> None:
        """Put descriptors in the ring and ring the bell once."""
        for address, command, status in words:
            at = RINGS + 16 * self.tx_at
            struct.pack_into("<QII", self.bus.ram, at, address, command, status)
            self.tx_at = (self.tx_at + 1) % ENTRIES
        self.write(self.tx + 0x18, self.tx_at)

    def send(self, *frames: bytes) -> None:
        """Each frame in one buffer, no offloads."""
        words = []
        for n, frame in enumerate(frames):
            at = 0x80000 + 0x4000 * n
            self.bus.ram[at : at + len(frame)] = frame
            words.append((at, len(frame) | 3 << 20 | 1 << 24 | 1 << 27 | 1 << 29, len(frame) << 14))
        self.post(*words)

    def sent(self, index: int) -> bool:
        """Whether the card wrote a descriptor back."""
        return bool(struct.unpack_from("<I", self.bus.ram, RINGS + 16 * index + 12)[0] & 1)

    def received(self) -> list[tuple[bytes, int, int]]:
        """Frames, status, and packet type, that the card wrote since the last look."""
        out, frame = [], b""
        while True:
            at = self._rx(self.rx_at)
            packet, _, status, length, _ = struct.unpack_from("<IIIHH", self.bus.ram, at)
            if not status & 1 or self.rx_at == self.read(self.rx + 0x10):
                return out
            frame += self.bus.ram[BUFFERS + 2048 * self.rx_at :][:length]
            self.rx_at = (self.rx_at + 1) % ENTRIES
            if status & 2:
                out.append((bytes(frame), status, packet))
                frame = b""

    def _rx(self, index: int) -> int:
        return RINGS + 16 * ENTRIES + 16 * index


class Driver(RingDriver):
    """ixgbe's own."""

    def set_word(self, address: int, value: int) -> None:
        self.write(Register.EEWR, value << 16 | address << 2 | 1)
        assert self.read(Register.EEWR) & 2

    def phy(self, device: int, register: int) -> int:
        """Two MDIO cycles, as ixgbe_read_phy_reg_mdi()."""
        self.write(Register.MSCA, register | device << 16 | 1 << 30)
        assert not self.read(Register.MSCA) & 1 << 30
        self.write(Register.MSCA, register | device << 16 | 3 << 26 | 1 << 30)
        return self.read(Register.MSRWD) >> 16

    def set_phy(self, device: int, register: int, value: int) -> None:
        self.write(Register.MSRWD, value)
        self.write(Register.MSCA, register | device << 16 | 1 << 30)
        self.write(Register.MSCA, register | device << 16 | 1 << 26 | 1 << 30)

    def up(self) -> None:
        """Rings of queue 0 on vector 0, the other causes on vector 1, everything unmasked."""
        self.write(Register.CTRL, 1 << 26)
        self.write(Register.CTRL_EXT, 1 << 28)
        self.write(Register.GPIE, 0xC0000030)
        self.write(Register.IVAR, 0x8080)
        self.write(Register.IVAR_MISC, 0x8100)
        for n in range(2):
            self.write(Register.EIAM_EX + 4 * n, 0xFFFFFFFF)
        self.set_up_rings()
        self.write(Register.SRRCTL, 2)
        self.refill(ENTRIES - 1)
        self.write(Register.RXCTRL, 1)
        self.write(Register.EIMS, 0x00100000)
        self.write(Register.EIMS_EX, 0xFFFFFFFF)


_Port, _Driver = TypeVar("_Port", bound=Registers), TypeVar("_Driver", bound=RingDriver)


class CardBench(Generic[_Port, _Driver]):
    """A card with its ports on a bus, each with a cable and a driver."""

    def __init__(
        self,
        model: Callable[[Sequence[PortWiring]], tuple[_Port, ...]],
        driver: Callable[[_Port, FakeBus], _Driver],
        nvm: FakeNvm,
        cables: Sequence[Cable],
    ) -> None:
        self.nvm, self.cables, self.bus = nvm, cables, FakeBus()
        before = set(threading.enumerate())
        self.ports = model([c.wiring(nvm) for c in cables])
        self.threads = [t for t in threading.enumerate() if t not in before and t.name == "card port"]
        self.drivers = [driver(port, self.bus) for port in self.ports]

    def close(self) -> None:
        for end in (*self.ports, *self.cables):
            end.close()


class Spi:
    """ixgbe_write_eeprom_buffer_bit_bang(), igb_write_nvm_spi() and what they are made of; `control` is EEC."""

    def __init__(self, driver: RingDriver, control: int) -> None:
        self._driver, self._control = driver, control
        driver.write(control, REQUEST)
        assert driver.read(control) & GRANT

    def transfer(self, data: bytes, answer: int = 0) -> int:
        """Shift `data` out and `answer` bits in, within one selection."""
        self._set(CS)
        self._set(0)
        for bit in (bool(byte >> n & 1) for byte in data for n in range(7, -1, -1)):
            self._set(DI if bit else 0)
            self._set((DI if bit else 0) | SK)
        value = 0
        for _ in range(answer):
            self._set(0)
            self._set(SK)
            value = value << 1 | bool(self._driver.read(self._control) & DO)
        self._set(CS)
        return value

    def _set(self, lines: int) -> None:
        self._driver.write(self._control, REQUEST | lines)


def eventually(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.002)
