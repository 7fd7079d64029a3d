"""One port of a controller, as every generation has it: registers under a lock, a line, queues, and what is told.

Ref: Intel X540 datasheet section 4.2 (reset), Intel I350 datasheet section 4.3 (reset).
"""

from __future__ import annotations

import abc
import threading
from collections.abc import Mapping, Sequence

from rig.twin.linux.device import Bus
from rig.twin.models.frames import Buffer
from rig.twin.models.intel.chip import Chip
from rig.twin.models.intel.datapath import ADDRESS_VALID, DataPath, Layout
from rig.twin.models.intel.interrupts import CauseInterrupts
from rig.twin.models.line import Line
from rig.twin.models.registers import RegisterFile
from rig.twin.models.wiring import PortWiring

_GIO_DISABLE = 1 << 2
"""In CTRL."""
_STATUS_LAN_SHIFT, _STATUS_GIO = 2, 1 << 19


class IntelPort(abc.ABC):
    """A function behind BAR 0; a subclass puts its registers in."""

    interrupts: CauseInterrupts
    """Made by `_attach`."""

    def __init__(self, chip: Chip, wiring: PortWiring, number: int, layout: Layout, link_cause: int) -> None:
        """`link_cause`: the interrupt's cause that says that the link changed."""
        self.chip, self._wiring, self._number = chip, wiring, number
        self._layout, self._link_cause = layout, link_cause
        self._lock = threading.RLock()
        self._bus: Bus | None = None
        self._driver = self._admin = False
        self.registers = RegisterFile()
        self.line = Line(wiring, self)
        self._attach()
        self.registers.on_write[layout.receive[0]] = self._receive_control
        self.data = DataPath(self.registers, layout, self.line, self.interrupts.queue, self._loops)
        self._reset_registers()
        self.line.start()

    # --- what a subclass says ---------------------------------------------------------------------------------

    @abc.abstractmethod
    def _attach(self) -> None:
        """Put the controller's registers in."""

    @abc.abstractmethod
    def _loops(self) -> bool:
        """Whether frames come back instead of leaving."""

    @abc.abstractmethod
    def _defaults(self) -> Mapping[int, int]:
        """Register to its value after a reset; the others read as 0."""

    @abc.abstractmethod
    def _power_on_media(self) -> None:
        """What only power-on does."""

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

    def carrier_changed(self) -> None:
        """The link may be another; called on the line's thread, or by the driver's own doing."""
        with self._lock:
            self.interrupts.cause(self._link_cause)

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

    # --- for subclasses ---------------------------------------------------------------------------------------

    def _fire(self, vector: int) -> None:
        if self._bus is not None:
            self._bus.interrupt(vector)

    def _attach_chip(self, control: int, read_word: int, semaphore: int, sync: int) -> None:
        """The registers EEC, EERD, SWSM and SW_FW_SYNC."""
        on_read, on_write, values, chip = (
            self.registers.on_read, self.registers.on_write, self.registers.values, self.chip
        )  # fmt: skip
        on_read[control], on_write[control] = chip.control, chip.set_control
        on_read[semaphore], on_write[semaphore] = chip.take_semaphore, chip.set_semaphore
        on_read[sync], on_write[sync] = chip.take_sync, chip.set_sync

        def read(value: int) -> None:
            values[read_word] = chip.read_word(value)

        on_write[read_word] = read

    def _reset_registers(self) -> None:
        """What a reset by the driver does."""
        self.registers.forget()
        self.registers.values.update(self._defaults())
        self.interrupts.reset()
        self.data.reset()
        self._load_address()

    def _receive_control(self, value: int) -> None:
        register, on = self._layout.receive
        self.registers.values[register] = value
        self._note_admin(bool(value & on))
        self.line.wake()

    def _of_function(self, control: int) -> int:
        """What STATUS says of the function while CTRL is `control`."""
        return (0 if control & _GIO_DISABLE else _STATUS_GIO) | self._number << _STATUS_LAN_SHIFT

    def _load_address(self) -> None:
        """The first address is the NVM's."""
        low = self._layout.addresses[0][0]
        mac = self.chip.mac(self._number)
        address = int.from_bytes(self._wiring.mac if mac is None else mac, "little")
        self.registers.values[low] = address & 0xFFFFFFFF
        self.registers.values[low + 4] = address >> 32 | ADDRESS_VALID

    def _note_driver(self, loaded: bool) -> None:
        if loaded != self._driver:
            self._driver = loaded
            self.line.tell(lambda: self._wiring.told.driver(loaded))

    def _note_admin(self, up: bool) -> None:
        if up != self._admin:
            self._admin = up
            self.line.tell(lambda: self._wiring.told.admin(up))
