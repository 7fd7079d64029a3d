"""Intel I350-AM4, the controller of HP's 366FLR (8086:1521): four 1000BASE-T ports, four functions.

Held to the driver igb of Linux 6.1, not to silicon. Ref: Intel I350 datasheet sections 4.3 (reset), 6 (EEPROM),
8; Linux e1000_82575.c (`igb_reset_hw_82580`, `igb_validate_nvm_checksum_i350`), igb_main.c (`igb_probe`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rig.twin import eeprom
from rig.twin.models.igb import names
from rig.twin.models.igb.interrupts import Interrupts
from rig.twin.models.igb.names import Register
from rig.twin.models.igb.phy import Phy
from rig.twin.models.intel.chip import WORD_DONE
from rig.twin.models.intel.datapath import Counters, Layout
from rig.twin.models.intel.port import IntelPort
from rig.twin.models.intel.spi_chip import SpiChip
from rig.twin.models.wiring import PortWiring

_CONFIGURED = 1 << 18
"""In EEMNGCTL: a port's part of the NVM was read; one bit a port."""
_LAYOUT = Layout(
    queues=names.QUEUES,
    tx_ring=names.tx_ring,
    rx_ring=names.rx_ring,
    srrctl=names.srrctl,
    addresses=((Register.RAL, 16), (Register.RAL_HIGH, 16)),
    receive=(Register.RCTL, names.RX_ON),
    promiscuous=(Register.RCTL, names.UNICAST_ALL),
    sent=Counters((Register.GPTC, Register.TPT), (Register.GOTCL, Register.TOTL), Register.PTC64),
    received=Counters((Register.GPRC, Register.TPR), (Register.GORCL, Register.TORL), Register.PRC64),
    broadcast=Register.BPRC,
    multicast=Register.MPRC,
    missed=Register.MPC,
    clear_on_read=names.counters,
    wide=names.wide_counters,
    bad_checksum=(1 << 29, 1 << 30),
)


class I350Port(IntelPort):
    """One port with its PHY."""

    def __init__(self, chip: SpiChip, wiring: PortWiring, number: int) -> None:
        super().__init__(chip, wiring, number, _LAYOUT, names.CAUSE_LINK)

    def rate_bps(self) -> int | None:
        if self.registers.get(Register.PHPM) & names.LINK_DISCONNECT:
            return None
        return self._phy.rate_bps()

    def _loops(self) -> bool:
        return self._phy.loops

    def _power_on_media(self) -> None:
        self._phy.power_on()

    def _attach(self) -> None:
        self.interrupts = Interrupts(self.registers, self._fire)
        self._phy = Phy(lambda: self.line.carrier_bps, self.carrier_changed)
        on_read, on_write = self.registers.on_read, self.registers.on_write
        on_write[Register.CTRL] = self._control
        on_write[Register.CTRL_EXT] = self._control_extended
        on_write[Register.MDIC] = self._manage_phy
        on_read[Register.STATUS] = self._status
        on_read[Register.THMJT] = self._wiring.celsius
        self._attach_chip(Register.EECD, Register.EERD, Register.SWSM, Register.SW_FW_SYNC)
        # without it igb asks for no part number
        on_read[Register.EECD] = lambda: self.chip.control() | names.EEPROM_DETECTED

    def _defaults(self) -> Mapping[int, int]:
        """The values of section 8 that the driver looks at."""
        return {
            Register.CTRL: 0, Register.CTRL_EXT: 0, Register.EERD: WORD_DONE, Register.RCTL: 0, Register.MANC: 0,
            Register.FWSM: 0, Register.RXPBS: 0, Register.EEMNGCTL: _CONFIGURED << self._number,
        }  # fmt: skip

    def _control(self, value: int) -> None:
        if value & (names.CTRL_RESET | names.CTRL_DEVICE_RESET):
            self._reset_registers()
            self._note_admin(False)
        elif value & names.CTRL_PHY_RESET:
            self._phy.hard_reset()
        clears_itself = names.CTRL_RESET | names.CTRL_DEVICE_RESET | names.CTRL_PHY_RESET
        self.registers.values[Register.CTRL] = value & ~clears_itself

    def _control_extended(self, value: int) -> None:
        self.registers.values[Register.CTRL_EXT] = value
        self._note_driver(bool(value & names.DRIVER_LOADED))

    def _manage_phy(self, value: int) -> None:
        self.registers.values[Register.MDIC] = self._phy.command(value)

    def _status(self) -> int:
        rate = self.rate_bps()
        linked = 0 if rate is None else names.STATUS_LINK_UP | names.STATUS_FULL_DUPLEX | names.STATUS_RATES[rate]
        return self._of_function(self.registers.get(Register.CTRL)) | linked


def _address_at(_words: Sequence[int], port: int) -> int:
    """The word at which a port's address begins: each port has a block of its own."""
    return eeprom.igb_block(port)


def i350(wirings: Sequence[PortWiring]) -> tuple[I350Port, ...]:
    """A card with its ports, one function each; they share the EEPROM of the first."""
    chip = SpiChip(wirings[0].nvm, _address_at)
    return tuple(I350Port(chip, wiring, n) for n, wiring in enumerate(wirings))
