"""What the twin assumes of a controller where the card file has no source: registers, names, firmware texts.

Everything here is the twin's own choice, good enough to look like the part; the rig must never read it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from rig.model import Card
from rig.twin.connectx3.chip import Chip
from rig.twin.view import Bar

MIB, KIB = 1 << 20, 1 << 10


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a function's capabilities lie in its configuration space; `msi` None: it has none."""

    power: int = 0x40
    msi: int | None = 0x50
    msix: int = 0x70
    express: int = 0xA0
    vpd: int = 0xE0


@dataclass(frozen=True, slots=True)
class Silicon:
    """A controller as the host sees it."""

    bars: Mapping[int, Bar]
    recall: str
    """Where the assumed link comes from."""
    generation: int = 2
    lanes: int = 8
    vectors: int = 64
    msix_bar: int = 0
    function_per_port: bool = True
    port_suffix: bool = False
    """The driver names its physical ports, and udev appends `np0`, `np1`."""
    firmware: str = ""
    """`ethtool -i` firmware-version of an original image."""
    blank: str = "silent"
    """What a card with an empty flash does: `recovery` (answers with its recovery id) or `silent`."""
    modes: tuple[str, ...] = ("eth", "blank")
    layout: Layout = Layout()


def _pref(*sizes: tuple[int, int]) -> Mapping[int, Bar]:
    return MappingProxyType({number: Bar(size, "pref64") for number, size in sizes})


_MLX4 = MappingProxyType({0: Bar(MIB, "mem64"), 2: Bar(8 * MIB, "pref64")})
_MLX4_MODES = ("eth", "ib", "vpi", "blank", "recovery")
_MLX4_LAYOUT = Layout(power=0x40, vpd=0x48, msi=None, express=0x60, msix=0x9C)
"""As lspci shows a ConnectX-3; 0x58 and 0x5c are its gateway to the chip's registers."""
_MLX5 = Silicon(_pref((0, 32 * MIB)), "", generation=3, port_suffix=True, blank="recovery")
_BNXT = Silicon(_pref((0, 64 * KIB), (2, MIB), (4, 32 * KIB)), "", generation=3, msix_bar=4, port_suffix=True,
                firmware="218.0.166.0/pkg 218.0.169.1")  # fmt: skip
_BNX2X = _pref((0, 8 * MIB), (2, 8 * MIB), (4, 64 * KIB))

TABLE: Mapping[str, Silicon] = MappingProxyType({
    "8086:10fb": Silicon(_pref((0, 512 * KIB), (4, 16 * KIB)), "82599: PCIe 2.0 x8", msix_bar=4,
                         firmware="0x80000838", blank="recovery"),
    "8086:1528": Silicon(_pref((0, 2 * MIB), (4, 16 * KIB)), "X540: PCIe 2.1 x8", msix_bar=4, firmware="0x800005b6"),
    "8086:1563": Silicon(_pref((0, 4 * MIB), (4, 16 * KIB)), "X550: PCIe 3.0 x4", generation=3, lanes=4,
                         msix_bar=4, firmware="0x80000f56"),
    "8086:1572": Silicon(_pref((0, 8 * MIB), (3, 32 * KIB)), "X710: PCIe 3.0 x8", generation=3, vectors=129,
                         msix_bar=3, firmware="8.50 0x8000641a 1.3295.0"),
    "8086:1521": Silicon(MappingProxyType({0: Bar(MIB, "mem32"), 3: Bar(16 * KIB, "mem32")}), "I350: PCIe 2.1 x4",
                         lanes=4, vectors=10, msix_bar=3, firmware="1.63, 0x800009fb"),
    "14e4:1657": Silicon(_pref((0, 64 * KIB), (2, 64 * KIB), (4, 64 * KIB)), "BCM5719: PCIe 2.0 x4", lanes=4,
                         vectors=17, msix_bar=4, firmware="5719-v1.46 NCSI v1.3.16.0"),
    "14e4:168e": Silicon(_BNX2X, "BCM57810S: PCIe 2.0 x8", vectors=32, msix_bar=4, firmware="bc 7.10.10 phy 1.34"),
    "1077:16a1": Silicon(_BNX2X, "57840S: PCIe 3.0 x8", generation=3, vectors=32, msix_bar=4,
                         firmware="bc 7.15.24"),
    "14e4:16d6": replace(_BNXT, recall="BCM57412: PCIe 3.0 x8"),
    "14e4:16d7": replace(_BNXT, recall="BCM57414: PCIe 3.0 x8"),
    "14e4:16d8": replace(_BNXT, recall="BCM57416: PCIe 3.0 x8"),
    "15b3:1003": Silicon(_MLX4, "ConnectX-3: PCIe 3.0 x8", generation=3, vectors=128, function_per_port=False,
                         firmware="2.42.5000", blank="recovery", modes=_MLX4_MODES,
                         layout=_MLX4_LAYOUT),
    "15b3:1007": Silicon(_MLX4, "ConnectX-3 Pro: PCIe 3.0 x8", generation=3, vectors=128, function_per_port=False,
                         firmware="2.42.5700", blank="recovery", modes=_MLX4_MODES,
                         layout=_MLX4_LAYOUT),
    "15b3:1011": replace(_MLX5, recall="Connect-IB: PCIe 3.0 x8", firmware="10.16.1200"),
    "15b3:1015": replace(_MLX5, recall="ConnectX-4 Lx: PCIe 3.0 x8", firmware="14.27.1016 (HP_2420110034)"),
    "15b3:1017": replace(_MLX5, recall="ConnectX-5: PCIe 3.0 x8", firmware="16.27.1016"),
    "1077:8020": Silicon(_pref((0, 32 * KIB), (4, 16 * KIB)), "QLogic 8200: PCIe 2.0 x8", msix_bar=4,
                         firmware="4.9.11"),
    "19a2:0710": Silicon(_pref((2, 128 * KIB), (4, 128 * KIB)), "BE3: PCIe 2.0 x8", msix_bar=2,
                         firmware="4.9.416.0"),
    "10df:0720": Silicon(_pref((0, 16 * KIB), (2, 128 * KIB), (4, 128 * KIB)), "Skyhawk: PCIe 3.0 x8", generation=3,
                         msix_bar=2, firmware="11.1.38.63"),
    "1924:0803": Silicon(_pref((2, 16 * MIB), (4, 64 * KIB)), "SFC9020: PCIe 2.0 x8", msix_bar=4,
                         firmware="3.3.2.1000"),
})  # fmt: skip
ABSENT = "absent"
"""Firmware state of a card that does not even come up for a tool."""
OTHER = Silicon(_pref((0, MIB)), "nothing is known of this part: PCIe 2.0 x8")


def of(card: Card) -> Silicon:
    """The table's row of a card, or a plain one."""
    return TABLE.get(card.pci_id or "", OTHER)


@dataclass(slots=True)
class CardState:
    """What one card (by its serial) keeps while it lies in a drawer."""

    card: Card
    serial: str
    firmware: str
    power_w: float | None = None
    ports_down: tuple[int, ...] = ()
    mac: bytes = b""
    damaged: dict[str, float] = field(default_factory=dict)
    """Contact that saw a voltage it cannot take, to the siemens its broken protection leads to ground."""
    nvram: str = "good"
    """Of an Intel or Broadcom card: see `rig.twin.eeprom`."""
    nvm: bytes = b""
    """What a host wrote to that NVM; empty: it is as it came."""
    chip: Chip | None = None
    """ConnectX-3: its registers and flash; `firmware` and `mac` then follow from what it booted."""
    absent_without_image: bool = False
    flash_prsnt: bool = False
    """FLASH PRSNT is shorted: at the next power-on the chip waits for a tool and loads no firmware."""

    def cold_start(self) -> None:
        """Power came, or PERST# went: what is on the flash decides what the card is."""
        if self.chip is None:
            return
        running = self.chip.cold_start(hold=self.flash_prsnt)
        absent = self.absent_without_image and not self.flash_prsnt
        self.firmware = running.personality if running else ABSENT if absent else "recovery"
        if running and running.macs:
            self.mac = running.macs[0]

    def power_off(self) -> None:
        if self.chip is not None:
            self.chip.power_off()


def folder_of(serial: str) -> str:
    """A name that no serial can lead out of the drawer with, and no two share."""
    digest = hashlib.sha256(serial.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', serial)[:40]}-{digest}"
