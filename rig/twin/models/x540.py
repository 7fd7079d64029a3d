"""Intel X540-AT2, the controller of HP's 561FLR-T (8086:1528): two 10GBASE-T ports, two functions.

Held to the driver ixgbe of Linux 6.1; not to silicon: `ethtool -t` finds its register and loopback tests failing.
"""

from __future__ import annotations

from collections.abc import Sequence

from rig.twin.models.intel.chip import Chip
from rig.twin.models.ixgbe.names import Register
from rig.twin.models.ixgbe.phy import Phy
from rig.twin.models.ixgbe.port import IxgbePort, address_at
from rig.twin.models.wiring import PortWiring

_CLOCK_OUT, _DATA_OUT = 0x2, 0x8


class X540Port(IxgbePort):
    """One port with its PHY."""

    def _attach_media(self) -> None:
        self._phy = Phy(lambda: self.line.carrier_bps)
        self._phy.attach(self.registers, self.carrier_changed)
        # pulled up, and nobody there: `ethtool -m` fails after its retries, as on the silicon
        self._lines = _CLOCK_OUT | _DATA_OUT
        on_read, on_write = self.registers.on_read, self.registers.on_write
        on_read[Register.I2CCTL], on_write[Register.I2CCTL] = self._read_i2c, self._write_i2c

    def _power_on_media(self) -> None:
        self._phy.power_on()

    def rate_bps(self) -> int | None:
        return self._phy.rate_bps()

    def _read_i2c(self) -> int:
        # what is driven high reads high: the inputs lie one bit below the outputs
        return self._lines | self._lines >> 1

    def _write_i2c(self, value: int) -> None:
        self._lines = value & (_CLOCK_OUT | _DATA_OUT)


def x540(wirings: Sequence[PortWiring]) -> tuple[X540Port, ...]:
    """A card with its ports, one function each; they share the flash of the first."""
    chip = Chip(wirings[0].nvm, address_at)
    return tuple(X540Port(chip, wiring, n) for n, wiring in enumerate(wirings))
