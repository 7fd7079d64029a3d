"""A ConnectX-3 as a tool finds it: registers, the flash behind them, and the firmware that came from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.twin.connectx3 import gateway, image, ini, reader, registers
from rig.twin.connectx3.commands import Commands
from rig.twin.connectx3.faults import ChipFault, Faults
from rig.twin.connectx3.flash import ERASED, IDEAL, Flash, Timing
from rig.twin.connectx3.image import Version
from rig.twin.connectx3.parameters import Parameters, log2_bar_mib
from rig.twin.connectx3.reader import Firmware
from rig.twin.connectx3.registers import CR_BYTES, ONES, CrSpace

PORTS = (1, 2)
HARDWARE_ID, PRO_HARDWARE_ID = 0x000101F5, 0x000001F7
LOCKED = 0xBAD0CAFE
"""Hardware id as a secured host reads it."""
_BUSY_AT, _BUSY = registers.GATEWAY_BUSY
_GO_AT, _GO = registers.COMMAND_GO


@dataclass(frozen=True, slots=True)
class Running:
    """The firmware in force since the last cold start, and what it makes of the card."""

    version: Version
    psid: str
    personality: str
    """`ib`, `vpi` or `eth`."""
    link_types: Mapping[int, str]
    """Port to `ib`, `eth` or `vpi`."""
    sriov: bool
    vfs: int
    macs: tuple[bytes, ...]
    guids: tuple[int, ...]
    log2_bar_mib: int


class Chip:
    """One chip with its flash in `folder`, off until its first cold start; every method may be called on any thread.

    UsageError for a part nobody knows, or a flash file of another size.
    """

    def __init__(
        self,
        folder: Path,
        *,
        part: str = "w25q32",
        timing: Timing = IDEAL,
        faults: Sequence[ChipFault] = (),
        pro: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.cr_path = folder / "cr.bin"
        self.running: Running | None = None
        self.powered = False
        self._lock = threading.RLock()
        self._faults = Faults(faults)
        self._hardware_id = PRO_HARDWARE_ID if pro else HARDWARE_ID
        self._flash = Flash(folder / "flash.bin", part, timing, self._faults, clock)
        self._cr = CrSpace(self.cr_path)
        self._parameters = Parameters(folder / "parameters.json")
        self._commands = Commands(self._cr, self._parameters)
        self._firmware: Firmware | None = None
        self._config_address = 0
        self._silent = True
        self._cr.fill(ERASED)

    def close(self) -> None:
        """Power off and let go of the files; a call after it does nothing."""
        with self._lock:
            if not self._cr.memory.closed:
                self.power_off()
                self._cr.memory.close()
                self._flash.memory.close()

    # --- factory ----------------------------------------------------------------------------------------------

    def program(self, content: bytes, *, odd: bool = False) -> None:
        """Erase the flash and lay the image out on it, past the gateway; UsageError when it does not fit or is none."""
        with self._lock:
            self._flash.memory[:] = image.lay_out(content, self._flash.bytes, odd=odd)

    def blank(self) -> bool:
        """Nothing was ever programmed."""
        with self._lock:
            return self._flash.memory[:] == ERASED * self._flash.bytes

    @property
    def page_programs(self) -> int:
        """How many the flash was told since the chip was made."""
        return self._faults.programs

    # --- power ------------------------------------------------------------------------------------------------

    def cold_start(self, *, hold: bool = False) -> Running | None:
        """Power came or PERST# went: registers reset, the flash's firmware is loaded unless FLASH PRSNT is shorted."""
        with self._lock:
            self._flash.power_on()
            self._cr.fill(b"\0")
            self.powered, self._silent = True, False
            self._firmware = None if hold else self._loaded()
            self.running = self._in_force(self._firmware) if self._firmware else None
            self._introduce()
            self._drop_if_off_bus()
            return self.running

    def power_off(self) -> None:
        """Registers read all ones; what the flash was doing stays half done."""
        with self._lock:
            if self.powered:
                self._flash.power_off()
            self.powered, self.running, self._firmware = False, None, None
            self._fall_silent()

    @property
    def answering(self) -> bool:
        """On the bus: powered, and not dropped off it."""
        return not self._silent

    def _introduce(self) -> None:
        locked = self._faults.strikes("secure-host")
        self._cr.put(registers.HARDWARE_ID, LOCKED if locked else self._hardware_id)
        if self.running:
            major, minor, sub = self.running.version
            self._cr.put(registers.RUNNING_VERSION, major << 16)
            self._cr.put(registers.RUNNING_VERSION + 4, minor << 16 | sub)
        else:
            self._cr.put(registers.RECOVERY, ONES)

    def _loaded(self) -> Firmware | None:
        found = None if self._flash.missing else reader.firmware(self._flash.memory)
        return found if found and (not found.hardware_ids or self._hardware_id in found.hardware_ids) else None

    def _in_force(self, firmware: Firmware) -> Running:
        settings, stored = firmware.settings, self._parameters
        kind = ini.personality(settings)
        own_sriov = ini.flag(settings, "hca", "sriov_en"), ini.number(settings, "hca", "total_vfs", 0)
        sriov, vfs = stored.sriov() or own_sriov
        bar = stored.log2_bar_mib()
        links = {port: kind if kind != "vpi" else stored.link_type(port) or kind for port in PORTS}
        return Running(
            version=firmware.version, psid=firmware.psid, personality=kind, link_types=links,
            sriov=sriov, vfs=vfs, macs=firmware.macs, guids=firmware.guids,
            log2_bar_mib=log2_bar_mib(settings) if bar is None else bar,
        )  # fmt: skip

    # --- what tools raise -------------------------------------------------------------------------------------

    def service(self) -> None:
        """Run what a tool raised since the last call; called at every rendezvous, so it has to be quick."""
        with self._lock:
            memory = self._cr.memory
            if memory.closed:
                return
            if self._silent:
                self._fall_silent()
                return
            if memory[_BUSY_AT] & _BUSY and not self._faults.strikes("gateway-stuck"):
                gateway.execute(self._cr, self._flash)
                self._drop_if_off_bus()
            if memory[_GO_AT] & _GO:
                self._commands.execute(self._firmware)

    def config_write_address(self, value: int) -> None:
        """PCI configuration register 0x58: which register 0x5c stands for."""
        self._config_address = value & (CR_BYTES - 4)

    def config_read_address(self) -> int:
        return ONES if self._silent else self._config_address

    def config_write_data(self, value: int) -> None:
        """PCI configuration register 0x5c."""
        self.write(self._config_address, value)

    def config_read_data(self) -> int:
        """PCI configuration register 0x5c."""
        return self.read(self._config_address)

    def write(self, address: int, value: int) -> None:
        """A register set by an access of its own, and what that asks for done."""
        with self._lock:
            if not self._silent:
                self._cr.put(address, value)
                self.service()

    def read(self, address: int) -> int:
        """A register read by an access of its own: here the chip sees a semaphore being taken."""
        with self._lock:
            if self._silent:
                return ONES
            value = self._cr.get(address)
            if address in registers.SEMAPHORES and not value:
                self._cr.put(address, 1)
            return value

    def _drop_if_off_bus(self) -> None:
        if self._faults.strikes("off-bus"):
            self._fall_silent()

    def _fall_silent(self) -> None:
        self._silent = True
        self._cr.fill(ERASED)
