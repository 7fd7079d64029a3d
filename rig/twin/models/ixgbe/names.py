"""Names and offsets of the registers the model knows, and their bits.

Ref: Intel X540 datasheet (320443) section 8, Intel 82599 datasheet (331520) section 8; names as in Linux 6.1
drivers/net/ethernet/intel/ixgbe/ixgbe_type.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum

from rig.twin.models.intel.names import named


class Register(IntEnum):
    """Offset of a register; of the first, where there are several."""

    CTRL = 0x00000
    STATUS = 0x00008
    CTRL_EXT = 0x00018
    ESDP = 0x00020
    I2CCTL = 0x00028
    EICR = 0x00800
    EICS = 0x00808
    EIAC = 0x00810
    EIMS = 0x00880
    EIMC = 0x00888
    EIAM = 0x00890
    GPIE = 0x00898
    IVAR = 0x00900
    IVAR_MISC = 0x00A00
    EICS_EX = 0x00A90
    EIMS_EX = 0x00AA0
    EIMC_EX = 0x00AB0
    EIAM_EX = 0x00AD0
    QPRC = 0x01030
    QBRC_L = 0x01034
    QBRC_H = 0x01038
    QPRDC = 0x01430
    SRRCTL = 0x02100
    RDRXCTL = 0x02F00
    RXCTRL = 0x03000
    RXPBSIZE = 0x03C00
    MPC = 0x03FA0
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
    ROC = 0x040AC
    TORL = 0x040C0
    TORH = 0x040C4
    TPR = 0x040D0
    TPT = 0x040D4
    PTC64 = 0x040D8
    """First of six: frames of up to 64, 127, 255, 511, 1023, and more byte."""
    MPTC = 0x040F0
    BPTC = 0x040F4
    HLREG0 = 0x04240
    MSCA = 0x0425C
    MSRWD = 0x04260
    MAXFRS = 0x04268
    AUTOC = 0x042A0
    LINKS = 0x042A4
    AUTOC2 = 0x042A8
    ANLP1 = 0x042B0
    LINKS2 = 0x04324
    MACC = 0x04330
    DMATXCTL = 0x04A80
    FCTRL = 0x05080
    MTA = 0x05200
    RAL = 0x05400
    RAH = 0x05404
    QPTC = 0x06030
    QBTC_L = 0x08700
    QBTC_H = 0x08704
    SECTXSTAT = 0x08804
    SECRXSTAT = 0x08D04
    RAL_HIGH = 0x0A200
    FDIRCTRL = 0x0EE00
    EEC = 0x10010
    EERD = 0x10014
    EEWR = 0x10018
    FLA = 0x1001C
    EEMNGCTL = 0x10110
    SWSM = 0x10140
    FWSM = 0x10148
    FACTPS = 0x10150
    SW_FW_SYNC = 0x10160


CTRL_LINK_RESET, CTRL_RESET = 1 << 3, 1 << 26
DRIVER_LOADED, NO_SNOOP_OFF = 1 << 28, 1 << 16
CAUSE_LINK, CAUSE_OTHERS = 1 << 20, 0x7FFF0000
QUEUE_CAUSES = 0xFFFF
LINK_UP = 1 << 30
LINK_RATES: Mapping[int, int] = {10_000_000_000: 0x30000000, 1_000_000_000: 0x20000000, 100_000_000: 0x10000000}
RX_ON, UNICAST_ALL, LOOPBACK = 1, 1 << 9, 1 << 15
FIRMWARE_VALID = 1 << 15

QUEUES, RX_QUEUES_LOW = 128, 64


def tx_ring(queue: int) -> int:
    """Offset of a transmit ring's registers (TDBAL)."""
    return 0x06000 + 0x40 * queue


def rx_ring(queue: int) -> int:
    """Offset of a receive ring's registers (RDBAL)."""
    return 0x01000 + 0x40 * queue if queue < RX_QUEUES_LOW else 0x0D000 + 0x40 * (queue - RX_QUEUES_LOW)


def srrctl(queue: int) -> int:
    return Register.SRRCTL + 4 * queue if queue < 16 else rx_ring(queue) + 0x14


def counters() -> Iterator[int]:
    """Registers that a read clears."""
    yield from (
        Register.GPRC,
        Register.BPRC,
        Register.MPRC,
        Register.GPTC,
        Register.BPTC,
        Register.MPTC,
        Register.TPR,
        Register.TPT,
        Register.ROC,
    )
    for first in (Register.MPC, Register.PRC64, Register.PTC64):
        yield from range(first, first + (32 if first == Register.MPC else 24), 4)
    for n in range(16):
        yield from (Register.QPRC + 0x40 * n, Register.QPTC + 0x40 * n, Register.QPRDC + 0x40 * n)


def wide_counters() -> Iterator[tuple[int, int]]:
    """Pairs of registers of one counter that a read clears, low half first."""
    yield from ((Register.GORCL, Register.GORCH), (Register.GOTCL, Register.GOTCH), (Register.TORL, Register.TORH))
    for n in range(16):
        yield Register.QBRC_L + 0x40 * n, Register.QBRC_H + 0x40 * n
        yield Register.QBTC_L + 8 * n, Register.QBTC_H + 8 * n


NAMES: Mapping[int, str] = named(Register, QUEUES, tx_ring, rx_ring, srrctl, Register.IVAR)
"""Offset to name, for a trace."""
