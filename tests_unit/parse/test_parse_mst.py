from __future__ import annotations

import pytest

from rig.parse import mst

# MFT 4.24 on a host with a ConnectX-3 and a ConnectX-4; the layout of public `mst status -v` texts
TWO_CARDS = """MST modules:
------------
    MST PCI module loaded
    MST PCI configuration module loaded
PCI devices:
------------
DEVICE_TYPE             MST                           PCI       RDMA            NET                       NUMA
ConnectX4(rev:0)        /dev/mst/mt4115_pciconf0      81:00.0   mlx5_0          net-enp129s0f0      1

ConnectX4(rev:0)        /dev/mst/mt4115_pciconf0.1    81:00.1   mlx5_1          net-enp129s0f1      1

ConnectX3(rev:1)        /dev/mst/mt4099_pciconf0      05:00.0   mlx4_0          net-ens2,net-ens2d1      0

ConnectX3(rev:1)        /dev/mst/mt4099_pci_cr0       05:00.0   mlx4_0          net-ens2,net-ens2d1      0

"""

NONE = """MST modules:
------------
    MST PCI module loaded
    MST PCI configuration module loaded

MST devices:
------------
\tNo MST devices were found nor MST modules were loaded.
\tYou may need to run 'mst start' to load MST modules.

"""

# without -v, as public notes show it
SHORT = """MST devices:
------------
/dev/mst/mt4099_pciconf0         - PCI configuration cycles access.
                                   domain:bus:dev.fn=0000:05:00.0 addr.reg=88 data.reg=92
                                   Chip revision is: 01
/dev/mst/mt4099_pci_cr0          - PCI direct access.
                                   domain:bus:dev.fn=0000:05:00.0 bar=0xdf100000 size=0x100000
"""


def row(device: str, address: str) -> str:
    return f"ConnectX3(rev:1)        {device}      {address}   mlx4_0     net-ens2   0\n"


def test_every_card_has_its_device_and_memory_access_is_preferred() -> None:
    assert mst.devices(TWO_CARDS.replace("\n", "\r\n")) == {
        "0000:81:00.0": "/dev/mst/mt4115_pciconf0",
        "0000:81:00.1": "/dev/mst/mt4115_pciconf0.1",
        "0000:05:00.0": "/dev/mst/mt4099_pci_cr0",
    }


def test_memory_access_is_preferred_in_whatever_order_they_come() -> None:
    rows = row("/dev/mst/mt4099_pci_cr0", "05:00.0") + row("/dev/mst/mt4099_pciconf0", "05:00.0")
    assert mst.devices(rows) == {"0000:05:00.0": "/dev/mst/mt4099_pci_cr0"}


def test_two_cards_of_one_kind_are_told_apart() -> None:
    rows = row("/dev/mst/mt4099_pci_cr0", "05:00.0") + row("/dev/mst/mt4099_pci_cr1", "06:00.0")
    assert mst.devices(rows)["0000:06:00.0"] == "/dev/mst/mt4099_pci_cr1"


def test_a_card_in_flash_recovery_has_a_configuration_device() -> None:
    # no driver, so no RDMA and no NET
    assert mst.devices("NA   /dev/mst/mt502_pciconf0   05:00.0\n") == {"0000:05:00.0": "/dev/mst/mt502_pciconf0"}


@pytest.mark.parametrize("domain", ["0001:", "10000:"])
def test_a_domain_is_kept(domain: str) -> None:
    assert mst.devices(row("/dev/mst/mt4099_pci_cr0", f"{domain}05:00.0")) == {
        f"{domain}05:00.0": "/dev/mst/mt4099_pci_cr0"
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        NONE,
        SHORT,
        "bash: mst: command not found\n",
        row("/dev/mst/mt4099_pci_cr0; reboot", "05:00.0"),
        row("/dev/mst/../mem", "05:00.0"),
        row("/dev/mst/mt4099_pci_cr0", "05:00.9"),
        row("/dev/mst/mt4099_pci_cr0", "05:00.0x"),
        row("/dev/mst/mt4099_pci_cr" + "0" * 10_000, "05:00.0"),
        "A" * 500_000,
        "A " * 200_000,
        "\0\x1b[2J\n",
    ],
)
def test_whatever_is_no_row_names_no_device(text: str) -> None:
    assert mst.devices(text) == {}


def test_a_kernel_message_in_a_row_does_not_tear_it() -> None:
    whole = row("/dev/mst/mt4099_pci_cr0", "05:00.0")
    torn = whole[:30] + "[   12.345678] usb 1-1: new device\r\n" + whole[30:]
    assert mst.devices(torn) == {"0000:05:00.0": "/dev/mst/mt4099_pci_cr0"}
