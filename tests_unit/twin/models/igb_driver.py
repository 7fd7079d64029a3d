"""A 366FLR on a bus, and a driver that goes igb's way."""

from __future__ import annotations

import struct
from dataclasses import replace

from card_driver import ENTRIES, CardBench, FakeNvm, RingDriver
from card_driver import Cable as TenGigabitCable

from rig.twin import eeprom
from rig.twin.models import PortWiring
from rig.twin.models.i350 import I350Port, i350
from rig.twin.models.igb.names import Register

MACS = tuple(bytes.fromhex(f"9cb6540102{n:02x}") for n in range(8, 12))
ONE = 1_000_000_000
CELSIUS = 47


def image() -> bytes:
    """What the twin keeps for igb."""
    out = bytearray(b"\xff" * eeprom.KINDS["igb"].size)
    eeprom.KINDS["igb"].build(out, MACS, struct.pack("<IH", 0x800009FB, 0x1063) + bytes(64))
    return bytes(out)


class Cable(TenGigabitCable):
    """Both ends can do 1 Gb/s."""

    def __init__(self) -> None:
        super().__init__()
        self.rate_bps = ONE

    def wiring(self, nvm: FakeNvm, mac: bytes = bytes(6), module: bytes = b"") -> PortWiring:
        return replace(super().wiring(nvm, mac, module), celsius=lambda: CELSIUS)


class Driver(RingDriver):
    """The accesses of igb, of each kind one."""

    tx, rx, eerd = 0x3800, 0x2800, int(Register.EERD)

    def phy(self, register: int, address: int = 1) -> int:
        """igb_read_phy_reg_mdic()."""
        self.write(Register.MDIC, register << 16 | address << 21 | 1 << 27)
        got = self.read(Register.MDIC)
        assert got & 1 << 28
        assert not got & 1 << 30
        return got & 0xFFFF

    def set_phy(self, register: int, value: int) -> None:
        """igb_write_phy_reg_mdic()."""
        self.write(Register.MDIC, value | register << 16 | 1 << 21 | 1 << 26)
        assert self.read(Register.MDIC) & 1 << 28

    def take_semaphore(self) -> bool:
        """igb_get_hw_semaphore(), one attempt."""
        if self.read(Register.SWSM) & 1:
            return False
        self.write(Register.SWSM, self.read(Register.SWSM) | 2)
        return bool(self.read(Register.SWSM) & 2)

    def up(self) -> None:
        """Vector 0 for what is no queue's, vector 1 for queue 0, everything unmasked: igb_configure_msix()."""
        self.write(Register.CTRL, 1 << 26)
        self.write(Register.CTRL_EXT, 1 << 28)
        self.write(Register.RCTL, 0x8002)
        self.set_up_rings()
        self.write(self.rx + 0x0C, 0x42000002)
        self.write(Register.GPIE, 0xC0000011)
        self.write(Register.IVAR_MISC, 0x8000)
        self.write(Register.IVAR, 0x8181)
        self.read(Register.ICR)
        for register in (Register.EIAC, Register.EIAM, Register.EIMS):
            self.write(register, 0x3)
        self.write(Register.IMS, 0x50000004)
        self.refill(ENTRIES - 1)


class Bench(CardBench[I350Port, Driver]):
    """A card with its four ports on a bus, each with a cable."""

    def __init__(self) -> None:
        super().__init__(i350, Driver, FakeNvm(image()), [Cable() for _ in MACS])
