"""What the drivers of Linux 6.1 say when they find a card's NVM damaged, and whether they take the card all the same.

Ref: intel/ixgbe/ixgbe_main.c (`ixgbe_probe`), intel/igb/igb_main.c (`igb_probe`), broadcom/bnx2x/bnx2x_main.c
(`bnx2x_get_mac_hwinfo`, `bnx2x_init_shmem`; what follows the latter is from the public log of a 534FLR-SFP+ whose
update was interrupted, the numbers of the source lines are the twin's); drivers/base/dd.c (`call_driver_probe`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rig.twin.host.aer import Line
from rig.twin.host.klog import ERR, WARNING


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a driver says, and the error its probe ends with; 0: it goes on."""

    texts: tuple[str, ...]
    error: int = 0


_COMPLAINTS: Mapping[tuple[str, str], Complaint] = MappingProxyType(
    {
        ("ixgbe", "checksum"): Complaint(("ixgbe {bdf}: The EEPROM Checksum Is Not Valid",), -5),
        ("ixgbe", "zero_mac"): Complaint(("ixgbe {bdf}: invalid MAC address",), -5),
        ("igb", "checksum"): Complaint(("igb {bdf}: The NVM Checksum Is Not Valid",), -5),
        ("igb", "zero_mac"): Complaint(("igb {bdf}: Invalid MAC Address",), -5),
        ("bnx2x", "zero_mac"): Complaint(
            (
                "bnx2x {bdf}: bad Ethernet MAC address configuration: 00:00:00:00:00:00",
                "change it manually before bringing up the appropriate network interface",
            )
        ),
        ("bnx2x", "no_bootcode"): Complaint(
            (
                "bnx2x: [bnx2x_init_shmem:11593(eth%d)]BAD MCP validity signature",
                "bnx2x: [bnx2x_get_igu_cam_info:11025(eth%d)]CAM configuration error",
            ),
            -22,
        ),
    }
)


def refuses(driver: str | None, fault: str) -> bool:
    """Whether the driver gives up a card with this fault."""
    found = _COMPLAINTS.get((driver or "", fault))
    return found is not None and found.error != 0


def said(driver: str | None, bdf: str, fault: str) -> list[Line]:
    """The lines about the fault, and, where it gives up, the driver core's own."""
    found = _COMPLAINTS.get((driver or "", fault), Complaint(()))
    lines = [(ERR, text.replace("{bdf}", bdf)) for text in found.texts]
    end = [(WARNING, f"{driver}: probe of {bdf} failed with error {found.error}")] if found.error else []
    return lines + end
