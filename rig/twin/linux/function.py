"""One PCI function of the card as the machine meets it: configuration space of the model, registers of a card model.

Ref: PCI Local Bus 3.0 section 6.2.2 (Memory Space Enable), appendix I (VPD); PCI Express Base 4.0 section 2.3.2 (a
request that nobody answers reads as all ones).
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Mapping

from rig.twin.linux.device import BUS_MASTER, COMMAND, Bus, Registers
from rig.twin.pci import MEMORY_SPACE
from rig.twin.view import Bar, Function, Gateway, HostView, LiveSlot

STALE_S = 0.002
"""A look at the model costs a millisecond, and `lspci -vvv` reads a thousand registers."""
_CAPABILITIES, _PRODUCT_DATA, _MSIX = 0x34, 0x03, 0x11
_DONE = 0x8000
_CR_ADDRESS, _CR_DATA = 0x58, 0x5C
"""A ConnectX-3's way to its registers through configuration space."""


class Look:
    """What the model shows, looked at no more often than needed; every method may be called on any thread."""

    def __init__(self, slot: LiveSlot, clock: Callable[[], float] = time.monotonic) -> None:
        self._slot, self._clock = slot, clock
        self._lock = threading.Lock()
        self._at_s = -1.0
        self._writes = 0
        self._seen: HostView | None = None

    def view(self) -> HostView:
        """All of it as it is now."""
        now_s, seen, writes = self._clock(), self._seen, self._writes
        if seen is not None and now_s - self._at_s <= STALE_S:
            return seen
        seen = self._slot.view()
        with self._lock:
            # what was looked at while another thread wrote may be from before that: it is not kept
            if writes == self._writes:
                self._seen, self._at_s = seen, now_s
        return seen

    def function(self, number: int) -> Function | None:
        """One function as it is now; None: nothing answers."""
        return next((f for f in self.view().functions if f.number == number), None)

    def again(self) -> None:
        """Something was written: the next look is a fresh one."""
        with self._lock:
            self._writes += 1
            self._seen = None


class CardFunction:
    """A function of the card in the slot, all ones while the model says that nothing answers.

    `found` is the function as it was at power-on; `registers` what is behind its BARs, None for a card without a
    register model, whose BARs then read as zeros; `look` is the whole card's.
    """

    def __init__(self, slot: LiveSlot, found: Function, registers: Registers | None, look: Look) -> None:
        self._slot, self._number, self._registers, self._look = slot, found.number, registers, look
        self.bars: Mapping[int, Bar] = found.bars
        places = capabilities(found.config)
        self._vpd_at = places.get(_PRODUCT_DATA, 0)
        self._vpd_address = 0
        at = places.get(_MSIX)
        self.vectors = (struct.unpack_from("<H", found.config, at + 2)[0] & 0x7FF) + 1 if at else 0
        self._was_there = True
        # a driver's probe makes 20,000 accesses: whether the function answers is looked up beside, not in each of them
        self._decodes = bool(found.config[COMMAND] & MEMORY_SPACE)
        self.is_driven = False
        """A driver has it: it may move data by itself."""

    # --- configuration space ----------------------------------------------------------------------------------

    def config_read(self, at: int, size: int) -> bytes:
        """`size` bytes at `at`."""
        function = self._there()
        if function is None:
            return b"\xff" * size
        gateway = self._gateway()
        if gateway and at in (_CR_ADDRESS, _CR_DATA) and size == 4:
            value = gateway.config_read_address() if at == _CR_ADDRESS else gateway.config_read_data()
            return struct.pack("<I", value)
        if self._vpd_at and self._vpd_at + 2 <= at < self._vpd_at + 8:
            return self._product_data(function)[at - self._vpd_at : at - self._vpd_at + size]
        return function.config[at : at + size]

    def config_write(self, at: int, data: bytes) -> None:
        """One write; nothing hears it while the card is silent."""
        if self._there() is None:
            return
        gateway = self._gateway()
        if gateway and at in (_CR_ADDRESS, _CR_DATA) and len(data) == 4:
            write = gateway.config_write_address if at == _CR_ADDRESS else gateway.config_write_data
            write(struct.unpack("<I", data)[0])
            return
        if self._vpd_at and at == self._vpd_at + 2 and len(data) >= 2:
            self._vpd_address = struct.unpack_from("<H", data)[0] & ~_DONE
            return
        self._slot.write_registers(self._number, at, data)
        self._look.again()
        self._there()

    def _product_data(self, function: Function) -> bytes:
        """The capability: the address asked for, with the flag that its data has arrived, and the data."""
        here = function.vpd[self._vpd_address : self._vpd_address + 4].ljust(4, b"\xff")
        return function.config[self._vpd_at : self._vpd_at + 2] + struct.pack("<H", self._vpd_address | _DONE) + here

    # --- BARs -------------------------------------------------------------------------------------------------

    def read(self, bar: int, at: int, size: int) -> bytes:
        """`size` bytes of a BAR; all ones where the function does not decode memory."""
        if not self._decodes:
            return b"\xff" * size
        if self._registers is not None:
            return self._registers.read(bar, at, size)
        gateway = self._gateway()
        if gateway is None or bar != 0:
            return bytes(size)
        return struct.pack(">I", gateway.read(at & ~3))[at & 3 :][:size]

    def write(self, bar: int, at: int, data: bytes) -> None:
        """A write to a BAR; lost where the function does not decode memory."""
        if not self._decodes:
            return
        if self._registers is not None:
            self._registers.write(bar, at, data)
        elif (gateway := self._gateway()) is not None and bar == 0 and len(data) == 4 and not at & 3:
            gateway.write(at, struct.unpack(">I", data)[0])

    # --- life -------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """The machine reset it; a card without a register model has nothing to forget."""
        if self._registers is not None:
            self._registers.reset()

    def plugged(self, bus: Bus | None) -> None:
        """A machine took it, or let go of it."""
        if self._registers is not None:
            self._registers.plugged(bus)

    def watch(self) -> None:
        """Notice that the card went silent, or lost its registers with its power. Called several times a second."""
        self._there()

    def _there(self) -> Function | None:
        function = self._look.function(self._number)
        if function is None and self._was_there:
            self.reset()
        self._was_there = function is not None
        command = function.config[COMMAND] if function else 0
        self._decodes, self.is_driven = bool(command & MEMORY_SPACE), bool(command & BUS_MASTER)
        return function

    def _gateway(self) -> Gateway | None:
        return self._slot.gateway() if self._number == 0 else None


def capabilities(config: bytes) -> dict[int, int]:
    """Id to offset of the capabilities in the first 256 bytes of a configuration space."""
    found: dict[int, int] = {}
    at = config[_CAPABILITIES] & 0xFC
    while at and at not in found.values():
        found.setdefault(config[at], at)
        at = config[at + 1] & 0xFC
    return found
