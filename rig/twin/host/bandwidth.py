"""What the kernel says of the bandwidth of a device's link and of the path to it.

Ref: Linux 6.1 drivers/pci/pci.c, pcie_bandwidth_available() and __pcie_print_link_status().
"""

from __future__ import annotations

from rig.twin.host.pci import Link


def sentence(capable: Link, path: list[tuple[str, Link]], *, verbose: bool) -> str | None:
    """The line's body; `path` is (device, link status) from the device up. None: nothing to say unless verbose."""
    where, narrowest = path[0]
    for bdf, link in path[1:]:
        if link.mbps <= narrowest.mbps:
            where, narrowest = bdf, link
    if narrowest.mbps >= capable.mbps:
        return f"{_gbps(capable)} available PCIe bandwidth ({capable})" if verbose else None
    return (
        f"{_gbps(narrowest)} available PCIe bandwidth, limited by {narrowest} at {where} "
        f"(capable of {_gbps(capable)} with {capable})"
    )


def _gbps(link: Link) -> str:
    return f"{link.mbps // 1000}.{link.mbps % 1000:03d} Gb/s"
