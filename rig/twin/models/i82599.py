"""Intel 82599ES, the controller of HP's 560FLR-SFP+ (8086:10fb): two SFP+ cages, two functions.

Held to the driver ixgbe of Linux 6.1, not to silicon. What a driver needs of the NVM besides its checksum: the list
of module settings at word 0x2b, a firmware version above 5. Ref: Intel 82599 datasheet sections 3.7 (MAC link),
8.2.3.1.4 (I2CCTL); Linux ixgbe_82599.c, ixgbe_phy.c (`ixgbe_identify_sfp_module_generic`).
"""

from __future__ import annotations

from collections.abc import Sequence

from rig.twin.models.i2c import I2cMemories
from rig.twin.models.intel.spi_chip import SpiChip
from rig.twin.models.ixgbe.names import Register
from rig.twin.models.ixgbe.port import IxgbePort, address_at
from rig.twin.models.wiring import PortWiring

_SERIAL_10G, _MODE_MASK, _NEGOTIATED = 3 << 13, 7 << 13, 1 << 16
_CLOCK_IN, _CLOCK_OUT, _DATA_IN, _DATA_OUT = 1, 2, 4, 8
_MODULE_PRESENT = 1 << 2
"""SDP2: the cage's MOD_ABS, turned round by the board."""
_A0, _A2 = 0xA0, 0xA2
_TEN, _ONE = 10_000_000_000, 1_000_000_000
_CODES_1G, _CODES_10G, _TECHNOLOGY, _CABLE = 6, 3, 8, 0x0C
_1G_ALONE = 0x0B
"""SX, LX, and copper."""


class I82599Port(IxgbePort):
    """One port with its cage."""

    def _attach_media(self) -> None:
        module = self._wiring.module
        self._module = module
        self._i2c = I2cMemories({_A0: module[:256], _A2: module[256:512].ljust(256, b"\0")} if module else {})
        self._i2c_lines = _CLOCK_OUT | _DATA_OUT
        on_read, on_write = self.registers.on_read, self.registers.on_write
        on_read[Register.I2CCTL], on_write[Register.I2CCTL] = self._read_i2c, self._write_i2c
        on_read[Register.ESDP] = self._pins
        on_read[Register.ANLP1] = lambda: _NEGOTIATED
        on_read[Register.AUTOC] = self._mode

    def _power_on_media(self) -> None:
        self._i2c_lines = _CLOCK_OUT | _DATA_OUT

    def rate_bps(self) -> int | None:
        """What the module can do, no more than cable and partner allow; an empty cage has no link."""
        allowed = self.line.carrier_bps
        if allowed is None or not self._module:
            return None
        fast = bool(self._module[_CODES_10G] & 0xF0 or self._module[_TECHNOLOGY] & _CABLE)
        slow = bool(self._module[_CODES_1G] & _1G_ALONE)
        if fast and allowed >= _TEN:
            return _TEN
        return _ONE if slow and allowed >= _ONE else None

    def _mode(self) -> int:
        value = self.registers.values.get(Register.AUTOC, _SERIAL_10G)
        return value if value & _MODE_MASK else value | _SERIAL_10G

    def _pins(self) -> int:
        present = _MODULE_PRESENT if self._module else 0
        return self.registers.get(Register.ESDP) & ~_MODULE_PRESENT | present

    def _read_i2c(self) -> int:
        clock = _CLOCK_IN if self._i2c_lines & _CLOCK_OUT else 0
        return self._i2c_lines | clock | (_DATA_IN if self._i2c.data else 0)

    def _write_i2c(self, value: int) -> None:
        self._i2c_lines = value & (_CLOCK_OUT | _DATA_OUT)
        self._i2c.drive(bool(value & _CLOCK_OUT), bool(value & _DATA_OUT))


def i82599(wirings: Sequence[PortWiring]) -> tuple[I82599Port, ...]:
    """A card with its ports, one function each; they share the EEPROM of the first."""
    chip = SpiChip(wirings[0].nvm, address_at)
    return tuple(I82599Port(chip, wiring, n) for n, wiring in enumerate(wirings))
