"""A controller whose NVM is a serial EEPROM, as of the 82575 to the 82599.

Ref: Intel 82599 datasheet section 3.5.6 (EEPROM), Intel I350 datasheet section 8.4.1 (EEC); Linux e1000_nvm.c
(`igb_write_nvm_spi`), ixgbe_common.c (`ixgbe_write_eeprom_buffer_bit_bang`).
"""

from __future__ import annotations

import threading

from rig.twin.models.intel.chip import EEC_GRANT, EEC_PRESENT, EEC_READ_DONE, EEC_REQUEST, AddressAt, Chip
from rig.twin.models.spi import SpiEeprom
from rig.twin.models.wiring import Nvm

_SPI_CLOCK, _SPI_DESELECT, _SPI_IN, _SPI_OUT, _WIDE_ADDRESS = 1, 2, 4, 8, 1 << 10
_SIZE = 0x7800


class SpiChip(Chip):
    """A controller whose NVM is a serial EEPROM: what is written is kept at once."""

    def __init__(self, nvm: Nvm, address_at: AddressAt) -> None:
        self._spi_lock = threading.Lock()
        super().__init__(nvm, address_at, sync_semaphore=False)

    def power_on(self) -> None:
        super().power_on()
        self._bytes = bytearray(self.contents())
        self._eeprom = SpiEeprom(self._bytes, self._keep)
        self._lines = _SPI_DESELECT

    def control(self) -> int:
        """EEC as it reads."""
        size = super().control() & _SIZE
        out = _SPI_OUT if self._eeprom.out else 0
        grant = EEC_GRANT if self._lines & EEC_REQUEST else 0
        return self._lines | size | out | grant | EEC_PRESENT | EEC_READ_DONE | _WIDE_ADDRESS

    def set_control(self, value: int) -> None:
        """EEC as it is written: the four lines of the EEPROM."""
        with self._spi_lock:
            self._lines = value & (_SPI_CLOCK | _SPI_DESELECT | _SPI_IN | EEC_REQUEST)
            selected = bool(value & EEC_REQUEST) and not value & _SPI_DESELECT
            self._eeprom.drive(selected, bool(value & _SPI_CLOCK), bool(value & _SPI_IN))

    def _keep(self) -> None:
        self.replace(bytes(self._bytes))
