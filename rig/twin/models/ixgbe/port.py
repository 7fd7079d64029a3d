"""One port of an 82599 or X540: its registers, put together.

Ref: Intel X540 datasheet sections 4.2 (reset), 8.2; Linux 6.1 ixgbe_main.c, ixgbe_common.c (the order in which the
driver asks).
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence

from rig.twin import eeprom
from rig.twin.models.intel.chip import WORD_DONE, Chip
from rig.twin.models.intel.datapath import Counters, Layout
from rig.twin.models.intel.port import IntelPort
from rig.twin.models.ixgbe import names
from rig.twin.models.ixgbe.interrupts import Interrupts
from rig.twin.models.ixgbe.names import Register
from rig.twin.models.wiring import PortWiring

_READY = 1
_ENGINE_READY = 1 << 3
_PACKET_BUFFER = 384 << 10
_MANAGED_DONE = 1 << 18
_NOWHERE = (0, 0xFFFF)
_LAYOUT = Layout(
    queues=names.QUEUES,
    tx_ring=names.tx_ring,
    rx_ring=names.rx_ring,
    srrctl=names.srrctl,
    addresses=((Register.RAL, 16), (Register.RAL_HIGH, 128)),
    receive=(Register.RXCTRL, names.RX_ON),
    promiscuous=(Register.FCTRL, names.UNICAST_ALL),
    sent=Counters(
        (Register.GPTC, Register.TPT, Register.QPTC), (Register.GOTCL, Register.QBTC_L), Register.PTC64
    ),
    received=Counters(
        (Register.GPRC, Register.TPR, Register.QPRC), (Register.GORCL, Register.TORL, Register.QBRC_L), Register.PRC64
    ),
    broadcast=Register.BPRC,
    multicast=Register.MPRC,
    missed=Register.MPC,
    clear_on_read=names.counters,
    wide=names.wide_counters,
    bad_checksum=(1 << 30, 1 << 31),
)  # fmt: skip


def address_at(words: Sequence[int], port: int) -> int | None:
    """The word at which a port's address begins: in the section that word 9 or 10 points to."""
    pointers = eeprom.CORE_POINTERS
    pointer = words[pointers[port]] if port < len(pointers) and len(words) > max(pointers) else 0
    return None if pointer in _NOWHERE else pointer + 1


class IxgbePort(IntelPort):
    """What 82599 and X540 have in common; a subclass adds the media side."""

    def __init__(self, chip: Chip, wiring: PortWiring, number: int) -> None:
        super().__init__(chip, wiring, number, _LAYOUT, names.CAUSE_LINK)

    @abc.abstractmethod
    def _attach_media(self) -> None:
        """Put the media side's registers in."""

    def _loops(self) -> bool:
        return bool(self.registers.get(Register.HLREG0) & names.LOOPBACK)

    def _attach(self) -> None:
        self.interrupts = Interrupts(self.registers, self._fire)
        on_read, on_write, values = self.registers.on_read, self.registers.on_write, self.registers.values
        on_write[Register.CTRL] = self._control
        on_write[Register.CTRL_EXT] = self._control_extended
        on_read[Register.STATUS] = self._status
        on_read[Register.LINKS] = on_read[Register.LINKS2] = self._links
        self._attach_chip(Register.EEC, Register.EERD, Register.SWSM, Register.SW_FW_SYNC)

        def write_word(value: int) -> None:
            values[Register.EEWR] = self.chip.write_word(value)

        def flow_director(value: int) -> None:
            values[Register.FDIRCTRL] = value | _ENGINE_READY

        on_write[Register.EEWR] = write_word
        on_write[Register.FDIRCTRL] = flow_director
        self._attach_media()

    def _defaults(self) -> Mapping[int, int]:
        """The values of section 8 that the driver looks at."""
        return {
            Register.CTRL: 0, Register.RXPBSIZE: _PACKET_BUFFER, Register.FWSM: names.FIRMWARE_VALID,
            Register.SECRXSTAT: _READY, Register.SECTXSTAT: _READY, Register.FDIRCTRL: _ENGINE_READY,
            Register.RDRXCTL: _ENGINE_READY, Register.EEMNGCTL: _MANAGED_DONE << self._number,
            Register.EERD: WORD_DONE, Register.EEWR: WORD_DONE, Register.FACTPS: 0,
        }  # fmt: skip

    def _control(self, value: int) -> None:
        if value & (names.CTRL_RESET | names.CTRL_LINK_RESET):
            self._reset_registers()
            self._note_admin(False)
        self.registers.values[Register.CTRL] = value & ~(names.CTRL_RESET | names.CTRL_LINK_RESET)

    def _control_extended(self, value: int) -> None:
        self.registers.values[Register.CTRL_EXT] = value
        # the driver sets the one bit when it is there, the other when a port is up as well
        self._note_driver(bool(value & (names.NO_SNOOP_OFF | names.DRIVER_LOADED)))

    def _status(self) -> int:
        return self._of_function(self.registers.get(Register.CTRL))

    def _links(self) -> int:
        rate = self.rate_bps()
        return 0 if rate is None else names.LINK_UP | names.LINK_RATES.get(rate, 0) | 0x80
