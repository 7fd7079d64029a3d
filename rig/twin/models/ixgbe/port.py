"""One port of a controller: its registers, put together.

Ref: Intel X540 datasheet sections 4.2 (reset), 8.2; Linux 6.1 ixgbe_main.c, ixgbe_common.c (the order in which the
driver asks).
"""

from __future__ import annotations

import abc
import threading
from collections.abc import Sequence

from rig.twin.linux.device import Bus
from rig.twin.models.frames import Buffer
from rig.twin.models.ixgbe import names
from rig.twin.models.ixgbe.chip import Chip
from rig.twin.models.ixgbe.datapath import DataPath
from rig.twin.models.ixgbe.interrupts import Interrupts
from rig.twin.models.ixgbe.names import Register
from rig.twin.models.line import Line
from rig.twin.models.registers import RegisterFile
from rig.twin.models.wiring import PortWiring

_READY = 1
_ENGINE_READY = 1 << 3
_PACKET_BUFFER = 384 << 10
_MANAGED_DONE = 1 << 18


class IxgbePort(abc.ABC):
    """What 82599 and X540 have in common; a subclass adds the media side."""

    def __init__(self, chip: Chip, wiring: PortWiring, number: int) -> None:
        self.chip, self._wiring, self._number = chip, wiring, number
        self._lock = threading.RLock()
        self._bus: Bus | None = None
        self._driver = self._admin = False
        self.registers = RegisterFile()
        self.line = Line(wiring, self)
        self.interrupts = Interrupts(self.registers, self._fire)
        self.data = DataPath(self.registers, self.line, self.interrupts.queue)
        self._attach()
        self._attach_media()
        self._reset_registers()
        self.line.start()

    # --- what a subclass says ---------------------------------------------------------------------------------

    @abc.abstractmethod
    def _attach_media(self) -> None:
        """Put the media side's registers in."""

    @abc.abstractmethod
    def _power_on_media(self) -> None: ...

    @abc.abstractmethod
    def rate_bps(self) -> int | None:
        """What the link runs at; None: it is down."""

    # --- Registers --------------------------------------------------------------------------------------------

    def read(self, bar: int, at: int, size: int) -> bytes:
        """BAR 0; what the other ones hold the machine monitor keeps itself (the MSI-X table)."""
        if bar != 0:
            return bytes(size)
        with self._lock:
            return self.registers.read(at, size)

    def write(self, bar: int, at: int, data: bytes) -> None:
        if bar == 0:
            with self._lock:
                self.registers.write(at, data)

    def reset(self) -> None:
        """Power-on or PERST#: the shadow of the NVM is read anew, too."""
        self.chip.power_on()
        with self._lock:
            self._power_on_media()
            self._reset_registers()
        self._note_driver(False)
        self._note_admin(False)

    def plugged(self, bus: Bus | None) -> None:
        with self._lock:
            self._bus = self.data.bus = bus
        self.line.wake()

    def close(self) -> None:
        self.line.close()

    def link_changed(self) -> None:
        """Cable or partner changed: the carrier is asked anew, and the driver hears of it; safe under any lock."""
        self.line.changed()

    # --- the line's side --------------------------------------------------------------------------------------

    def room(self) -> int | None:
        return self.data.room()

    def frames_came(self, frames: Sequence[Buffer]) -> None:
        with self._lock:
            self.data.receive(frames)

    def frames_lost(self, count: int) -> None:
        with self._lock:
            self.data.missed(count)

    def may_send(self) -> None:
        with self._lock:
            self.data.resume()

    def carrier_changed(self) -> None:
        with self._lock:
            self.interrupts.cause(names.CAUSE_LINK)

    # --- inside -----------------------------------------------------------------------------------------------

    def _fire(self, vector: int) -> None:
        if self._bus is not None:
            self._bus.interrupt(vector)

    def _attach(self) -> None:
        on_read, on_write, values = self.registers.on_read, self.registers.on_write, self.registers.values
        on_write[Register.CTRL] = self._control
        on_write[Register.CTRL_EXT] = self._control_extended
        on_write[Register.RXCTRL] = self._receive_control
        on_read[Register.STATUS] = self._status
        on_read[Register.LINKS] = on_read[Register.LINKS2] = self._links
        on_read[Register.EEC], on_write[Register.EEC] = self.chip.control, self.chip.set_control
        on_read[Register.SWSM], on_write[Register.SWSM] = self.chip.take_semaphore, self.chip.set_semaphore
        on_read[Register.SW_FW_SYNC], on_write[Register.SW_FW_SYNC] = self.chip.take_sync, self.chip.set_sync

        def read_word(value: int) -> None:
            values[Register.EERD] = self.chip.read_word(value)

        def write_word(value: int) -> None:
            values[Register.EEWR] = self.chip.write_word(value)

        def flow_director(value: int) -> None:
            values[Register.FDIRCTRL] = value | _ENGINE_READY

        on_write[Register.EERD], on_write[Register.EEWR] = read_word, write_word
        on_write[Register.FDIRCTRL] = flow_director

    def _reset_registers(self) -> None:
        """The values of section 8 that the driver looks at."""
        registers = self.registers
        registers.forget()
        registers.values.update({
            Register.CTRL: 0, Register.RXPBSIZE: _PACKET_BUFFER, Register.FWSM: names.FIRMWARE_VALID,
            Register.SECRXSTAT: _READY, Register.SECTXSTAT: _READY, Register.FDIRCTRL: _ENGINE_READY,
            Register.RDRXCTL: _ENGINE_READY, Register.EEMNGCTL: _MANAGED_DONE << self._number,
            Register.EERD: names.WORD_DONE, Register.EEWR: names.WORD_DONE, Register.FACTPS: 0,
        })  # fmt: skip
        self.interrupts.reset()
        self.data.reset()
        mac = self.chip.mac(self._number)
        address = int.from_bytes(self._wiring.mac if mac is None else mac, "little")
        registers.values[Register.RAL] = address & 0xFFFFFFFF
        registers.values[Register.RAH] = address >> 32 | names.ADDRESS_VALID

    def _control(self, value: int) -> None:
        if value & (names.CTRL_RESET | names.CTRL_LINK_RESET):
            self._reset_registers()
            self._note_admin(False)
        self.registers.values[Register.CTRL] = value & ~(names.CTRL_RESET | names.CTRL_LINK_RESET)

    def _control_extended(self, value: int) -> None:
        self.registers.values[Register.CTRL_EXT] = value
        # the driver sets the one bit when it is there, the other when a port is up as well
        self._note_driver(bool(value & (names.NO_SNOOP_OFF | names.DRIVER_LOADED)))

    def _receive_control(self, value: int) -> None:
        self.registers.values[Register.RXCTRL] = value
        self._note_admin(bool(value & names.RX_ON))
        self.line.wake()

    def _note_driver(self, loaded: bool) -> None:
        if loaded != self._driver:
            self._driver = loaded
            self.line.tell(lambda: self._wiring.told.driver(loaded))

    def _note_admin(self, up: bool) -> None:
        if up != self._admin:
            self._admin = up
            self.line.tell(lambda: self._wiring.told.admin(up))

    def _status(self) -> int:
        working = 0 if self.registers.get(Register.CTRL) & names.CTRL_GIO_DISABLE else names.STATUS_GIO
        return working | self._number << names.STATUS_LAN_SHIFT

    def _links(self) -> int:
        rate = self.rate_bps()
        return 0 if rate is None else names.LINK_UP | names.LINK_RATES.get(rate, 0) | 0x80
