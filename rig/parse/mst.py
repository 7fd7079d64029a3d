"""`mst status -v` of MFT: which /dev/mst name belongs to which PCI address.

Ref: MFT User Manual 4.24, "mst status"; the table's columns are DEVICE_TYPE, MST, PCI, RDMA, NET, NUMA.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rig.parse.text import tool_lines

_ROW = re.compile(
    r"\S{1,40}\s+(?P<device>/dev/mst/mt\d{1,6}_pci(?:conf\d{1,3}(?:\.\d)?|_cr\d{1,3}))\s+"
    r"(?P<domain>[0-9a-f]{4,8}:)?(?P<address>[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?:\s|\Z)"
)


def devices(text: str) -> Mapping[str, str]:
    """PCI address (with domain) to device; memory access (`_pci_cr0`) before the configuration gateway."""
    found: dict[str, str] = {}
    for row in filter(None, (_ROW.match(line) for line in tool_lines(text))):
        address = f"{row['domain'] or '0000:'}{row['address']}"
        if "_pci_cr" in row["device"] or address not in found:
            found[address] = row["device"]
    return found
