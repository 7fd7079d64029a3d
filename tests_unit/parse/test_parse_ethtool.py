from __future__ import annotations

import pytest

from rig.parse import ethtool
from rig.parse.ethtool import Driver, Refusal

# ethtool 6.1, a veth interface
VETH = """Settings for ve0:
\tSupported ports: [  ]
\tSupported link modes:   Not reported
\tSupported pause frame use: No
\tSupports auto-negotiation: No
\tSupported FEC modes: Not reported
\tAdvertised link modes:  Not reported
\tAdvertised pause frame use: No
\tAdvertised auto-negotiation: No
\tAdvertised FEC modes: Not reported
\tSpeed: 10000Mb/s
\tDuplex: Full
\tAuto-negotiation: off
\tPort: Twisted Pair
\tPHYAD: 0
\tTransceiver: internal
\tMDI-X: Unknown
\tLink detected: yes
"""

# geerlingguy/raspberry-pi-pcie-devices issue 364: a 10GBASE-T card, one mode a line
COPPER = """Settings for eth1:
\tSupported ports: [ TP ]
\tSupported link modes:   100baseT/Full
\t                        1000baseT/Full
\t                        10000baseT/Full
\tSupports auto-negotiation: Yes
\tAdvertised link modes:  100baseT/Full
\t                        10000baseT/Full
\tLink partner advertised link modes:  10baseT/Half 10baseT/Full
\t                                     1000baseT/Half 1000baseT/Full
\t                                     10000baseT/Full
\tSpeed: 10000Mb/s
\tDuplex: Full
\tAuto-negotiation: on
\tPort: Twisted Pair
\tSupports Wake-on: pg
\tCurrent message level: 0x00000005 (5)
\t\t\t       drv link
\tLink detected: yes
"""

# openwrt/openwrt issue 22126: an SFP+ cage without a link
DOWN = """Settings for lan12:
        Supported ports: [ FIBRE ]
        Supported link modes:   2500baseX/Full
                                10000baseSR/Full
        Speed: Unknown!
        Duplex: Unknown! (255)
        Port: FIBRE
        Auto-negotiation: off
        Link detected: no
"""


def test_a_link_is_read_with_its_speed() -> None:
    it = ethtool.settings(VETH)
    assert it is not None
    assert (it.interface, it.speed_bps, it.duplex, it.link) == ("ve0", 10_000_000_000, "Full", True)
    assert (it.port, it.autonegotiation) == ("Twisted Pair", False)
    assert it.supported == it.advertised == ()


def test_link_modes_on_several_lines_belong_together() -> None:
    it = ethtool.settings(COPPER.replace("\n", "\r\n"))
    assert it is not None
    assert it.supported == ("100baseT/Full", "1000baseT/Full", "10000baseT/Full")
    assert it.advertised == ("100baseT/Full", "10000baseT/Full")
    assert it.partner == ("10baseT/Half", "10baseT/Full", "1000baseT/Half", "1000baseT/Full", "10000baseT/Full")


def test_no_link_has_no_speed() -> None:
    it = ethtool.settings(DOWN)
    assert it is not None
    assert (it.speed_bps, it.duplex, it.link, it.port) == (None, None, False, "FIBRE")


def test_newer_versions_say_why_there_is_no_link() -> None:
    it = ethtool.settings("Settings for ens1:\n\tLink detected: no (No cable)\n")
    assert it is not None
    assert (it.link, it.link_reason) == (False, "No cable")


@pytest.mark.parametrize(
    ("text", "speed"), [("40000Mb/s", 40e9), ("1000Mb/s", 1e9), ("Unknown!", None), ("65535", None)]
)
def test_speeds_are_in_bit_per_second(text: str, speed: float | None) -> None:
    it = ethtool.settings(f"Settings for e:\n\tSpeed: {text}\n")
    assert it is not None
    assert it.speed_bps == speed


# Xilinx/open-nic-driver issue 29: without root
def test_a_report_with_a_complaint_in_it_is_still_a_report() -> None:
    text = "Settings for e:\nCannot get wake-on-lan settings: Operation not permitted\n\tLink detected: yes\n"
    it = ethtool.settings(text)
    assert it is not None
    assert it.link is True
    assert ethtool.refusal(text) is Refusal.NOT_PERMITTED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("netlink error: no device matches name (offset 24)\nnetlink error: No such device\n", Refusal.NO_DEVICE),
        ("Cannot get driver information: No such device\n", Refusal.NO_DEVICE),
        ("Cannot get device settings: No such device\n", Refusal.NO_DEVICE),
        ("netlink error: Operation not supported\n", Refusal.NOT_SUPPORTED),
        ("Cannot get module EEPROM information: Operation not supported\n", Refusal.NOT_SUPPORTED),
        ("Cannot get EEPROM data: Operation not supported\n", Refusal.NOT_SUPPORTED),
        ("Cannot get Module EEPROM data: Input/output error\n", Refusal.NO_MODULE),
        ("netlink error: Invalid argument\n", Refusal.NO_MODULE),
        ("Cannot get device settings: Operation not permitted\n", Refusal.NOT_PERMITTED),
        ("no stats available\n", Refusal.NO_DATA),
        ("", None),
        ("# ", None),
    ],
)
def test_a_refusal_says_why_and_is_no_report(text: str, reason: Refusal | None) -> None:
    assert ethtool.refusal(text) is reason
    assert ethtool.settings(text) is None
    assert ethtool.driver(text) is None
    assert ethtool.module(text) is None


def test_the_driver_is_read_with_its_bus_address() -> None:
    text = """driver: mlx4_en
version: 4.0-0
firmware-version: 2.42.5700
expansion-rom-version:
bus-info: 0000:01:00.0
supports-statistics: yes
"""
    assert ethtool.driver(text) == Driver("mlx4_en", "4.0-0", "2.42.5700", "", "0000:01:00.0")


# e1000-devel thread on X710, and a page on ixgbe
MODULE = """\tIdentifier                                : 0x03 (SFP)
\tExtended identifier                       : 0x04 (GBIC/SFP defined by 2-wire interface ID)
\tConnector                                 : 0x07 (LC)
\tTransceiver codes                         : 0x10 0x00 0x00 0x01 0x00 0x00 0x00 0x00 0x00
\tTransceiver type                          : 10G Ethernet: 10G Base-SR
\tTransceiver type                          : Ethernet: 1000BASE-SX
\tVendor name                               : Intel Corp
\tVendor OUI                                : 00:1b:21
\tVendor PN                                 : FTLX8571D3BCVIT1
\tVendor SN                                 : AAA0BBB
\tModule temperature                        : 38.91 degrees C / 102.03 degrees F
\tModule temperature high alarm threshold   : 75.00 degrees C / 167.00 degrees F
"""


def test_a_module_is_read_with_maker_part_and_all_its_types() -> None:
    it = ethtool.module(MODULE)
    assert it is not None
    assert (it.identifier, it.connector, it.vendor, it.part_number, it.serial) == (
        "SFP",
        "LC",
        "Intel Corp",
        "FTLX8571D3BCVIT1",
        "AAA0BBB",
    )
    assert it.types == ("10G Ethernet: 10G Base-SR", "Ethernet: 1000BASE-SX")
    assert it.temperature_c == 38.91


def test_a_copper_cable_has_no_temperature() -> None:
    it = ethtool.module("\tIdentifier   : 0x0d (QSFP+)\n\tConnector   : 0x23 (No separable connector)\n")
    assert it is not None
    assert (it.identifier, it.connector, it.temperature_c) == ("QSFP+", "No separable connector", None)


def test_counters_are_read_by_the_drivers_names() -> None:
    text = "NIC statistics:\n     rx_packets: 18446744073709551615\n     rx_queue_0_drops: 0\n   veb.tc_0_tx: 7\n"
    assert ethtool.statistics(text) == {"rx_packets": 2**64 - 1, "rx_queue_0_drops": 0, "veb.tc_0_tx": 7}
    assert ethtool.statistics("no stats available\n") == {}
    assert ethtool.statistics(VETH) == {}
