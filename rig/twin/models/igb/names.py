"""Names and offsets of the registers the model knows, and their bits.

Ref: Intel I350 datasheet (333171) section 8; names as in Linux 6.1 drivers/net/ethernet/intel/igb/e1000_regs.h and
e1000_defines.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum

from rig.twin.models.intel.names import named


class Register(IntEnum):
    """Offset of a register; of the first, where there are several."""

    CTRL = 0x00000
    STATUS = 0x00008
    EECD = 0x00010
    EERD = 0x00014
    CTRL_EXT = 0x00018
    MDIC = 0x00020
    CONNSW = 0x00034
    ICR = 0x000C0
    ICS = 0x000C8
    IMS = 0x000D0
    IMC = 0x000D8
    IAM = 0x000E0
    RCTL = 0x00100
    TCTL = 0x00400
    MDICNFG = 0x00E04
    PHPM = 0x00E14
    IPCNFG = 0x00E38
    EEER = 0x00E30
    EEMNGCTL = 0x01010
    I2CPARAMS = 0x0102C
    GPIE = 0x01514
    EICS = 0x01520
    EIMS = 0x01524
    EIMC = 0x01528
    EIAC = 0x0152C
    EIAM = 0x01530
    EICR = 0x01580
    EITR = 0x01680
    IVAR = 0x01700
    IVAR_MISC = 0x01740
    RXPBS = 0x02404
    CRCERRS = 0x04000
    MPC = 0x04010
    PRC64 = 0x0405C
    """First of six: frames of up to 64, 127, 255, 511, 1023, and more byte."""
    GPRC = 0x04074
    BPRC = 0x04078
    MPRC = 0x0407C
    GPTC = 0x04080
    GORCL = 0x04088
    GORCH = 0x0408C
    GOTCL = 0x04090
    GOTCH = 0x04094
    TORL = 0x040C0
    TORH = 0x040C4
    TOTL = 0x040C8
    TOTH = 0x040CC
    TPR = 0x040D0
    TPT = 0x040D4
    PTC64 = 0x040D8
    """First of six: frames of up to 64, 127, 255, 511, 1023, and more byte."""
    ICRXDMTC = 0x04120
    MTA = 0x05200
    RAL = 0x05400
    RAH = 0x05404
    RAL_HIGH = 0x054E0
    VFTA = 0x05600
    MANC = 0x05820
    SWSM = 0x05B50
    FWSM = 0x05B54
    SW_FW_SYNC = 0x05B5C
    RETA = 0x05C00
    THMJT = 0x08100
    UTA = 0x0A000
    SYSTIML = 0x0B600
    RQDPC = 0x0C030


CTRL_RESET, CTRL_DEVICE_RESET, CTRL_PHY_RESET = 1 << 26, 1 << 29, 1 << 31
STATUS_FULL_DUPLEX, STATUS_LINK_UP = 1 << 0, 1 << 1
STATUS_RATES: Mapping[int, int] = {1_000_000_000: 1 << 7, 100_000_000: 1 << 6, 10_000_000: 0}
DRIVER_LOADED = 1 << 28
EEPROM_DETECTED = 1 << 19
"""In EECD; E1000_EECD_FLASH_DETECTED_I210 for igb."""
CAUSE_TX_DONE, CAUSE_LINK, CAUSE_RX_TIMER, CAUSE_ASSERTED = 1 << 0, 1 << 2, 1 << 7, 1 << 31
RX_ON, UNICAST_ALL = 1 << 1, 1 << 3
LINK_DISCONNECT = 1 << 5
"""In PHPM."""
QUEUES, QUEUES_LOW = 8, 4


def tx_ring(queue: int) -> int:
    """Offset of a transmit ring's registers (TDBAL)."""
    return 0x03800 + 0x100 * queue if queue < QUEUES_LOW else 0x0E000 + 0x40 * queue


def rx_ring(queue: int) -> int:
    """Offset of a receive ring's registers (RDBAL)."""
    return 0x02800 + 0x100 * queue if queue < QUEUES_LOW else 0x0C000 + 0x40 * queue


def srrctl(queue: int) -> int:
    return rx_ring(queue) + 0x0C


def counters() -> Iterator[int]:
    """Registers that a read clears."""
    yield from range(Register.CRCERRS, Register.ICRXDMTC + 8, 4)
    yield from range(Register.RQDPC, Register.RQDPC + 0x40 * QUEUES, 0x40)


def wide_counters() -> Iterator[tuple[int, int]]:
    """Pairs of registers of one counter that a read clears, low half first."""
    yield from ((Register.GORCL, Register.GORCH), (Register.GOTCL, Register.GOTCH))
    yield from ((Register.TORL, Register.TORH), (Register.TOTL, Register.TOTH))


NAMES: Mapping[int, str] = named(Register, QUEUES, tx_ring, rx_ring, srrctl, Register.IVAR)
"""Offset to name, for a trace."""
