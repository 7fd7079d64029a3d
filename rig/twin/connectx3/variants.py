"""The firmwares the twin can build: one INI and PSID for each kind of card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_INI = """;; synthetic configuration, not vendor firmware
[ps_info]
Name = LAB-{family}-{name}
Description = virtual {chip} dual port, {what}

[ADAPTER]
PSID = {psid}
pcie_gen2_speed_supported = true
pcie_gen3_speed_supported = true
adapter_dev_id = {device_id:#06x}
silicon_rev = 0x1

[HCA]
hca_header_device_id = {device_id:#06x}
hca_header_subsystem_id = {subsystem:#06x}
eth_xfi_en = {eth}
mdio_en_port1 = 0
num_pfs = 1
total_vfs = {vfs}
sriov_en = {sriov}
log2_uar_bar_megabytes = 3

[IB]
phy_type_port1 = XFI
phy_type_port2 = XFI
read_cable_params_port1_en = true
read_cable_params_port2_en = true

[lab]
vpi = {vpi}

[FW]
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of firmware."""

    name: str
    psid: str
    what: str
    subsystem: int
    sriov: bool
    vfs: int
    rom_protocol: int
    """0: InfiniBand, 1: Ethernet."""

    def ini(self, psid: str, pro: bool) -> str:
        """The configuration text of a card with this firmware."""
        return _INI.format(
            family="CX3PRO" if pro else "CX3",
            chip="ConnectX-3 Pro" if pro else "ConnectX-3",
            device_id=device_id(pro),
            name=self.name.upper(),
            what=self.what,
            psid=psid,
            subsystem=self.subsystem,
            eth=str(self.name == "eth").lower(),
            vpi=str(self.name == "vpi").lower(),
            vfs=self.vfs,
            sriov=str(self.sriov).lower(),
        )


def device_id(pro: bool) -> int:
    """PCI device id of the chip with working firmware."""
    return 0x1007 if pro else 0x1003


_ALL = (
    Variant("ib", "LAB0000000IB1", "InfiniBand only", 0x0050, sriov=True, vfs=8, rom_protocol=0),
    Variant("vpi", "LAB00000VPI01", "InfiniBand or Ethernet", 0x0051, sriov=False, vfs=8, rom_protocol=0),
    Variant("eth", "LAB000000ETH1", "Ethernet only", 0x0055, sriov=False, vfs=16, rom_protocol=1),
)
VARIANTS: Mapping[str, Variant] = MappingProxyType({v.name: v for v in _ALL})
