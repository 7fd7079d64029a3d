"""A 366FLR under the real igb: what its driver, ethtool and the kernel's log say of the four functions."""

import base64
import contextlib
import gzip
import os
import time

import pytest
from running_host import CARRIER_S, Running

from rig.config.library import default_library
from rig.parse import ethtool
from rig.steps import pci
from rig.steps.netdev import netdevs

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
CARD = default_library().card("366FLR")
NET = os.getpid() % 30 * 8  # another suite may run beside this one; 250 and above no twin takes by itself
CABLES = tuple(f"127.253.{NET + n}.2" for n in range(1, 5))
OTHER_CABLES = tuple(f"127.253.{NET + n}.2" for n in range(5, 9))
"""The good card's machine still runs."""


def told_by_igb(host):
    """The driver's lines of the kernel's log."""
    return [line for line in host.run("dmesg").text.splitlines() if "igb" in line]


def nvm_of(host, name):
    """What `ethtool -e` reads."""
    dump = host.run(f"ethtool -e {name} | gzip -c | base64", timeout_s=120.0).text
    return ethtool.eeprom(gzip.decompress(base64.b64decode(dump)).decode())


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The card, its ports up with carrier, and the rig's host on its console."""
    with contextlib.ExitStack() as closing:
        running = Running("linux", tmp_path_factory.mktemp("good"), closing, CARD, CABLES)
        yield running, running.log_in()


def test_igb_takes_all_four_functions_without_a_complaint(good):
    running, host = good
    found = pci.locate(host, CARD, None)
    assert [address[-1] for address in found.functions] == ["0", "1", "2", "3"]
    for address in found.functions:
        assert host.run(f"readlink {pci.DEVICES}/{address}/driver").text.endswith("/igb")
    told = "\n".join(told_by_igb(host))
    assert told.count("Intel(R) Gigabit Ethernet Network Connection") == 4
    assert told.count("Using MSI-X interrupts") == 4
    assert told.count("(PCIe:5.0Gb/s:Width x4)") == 4
    assert told.count("PBA No: G15136-005") == 4
    complaints = host.run("dmesg --level=emerg,alert,crit,err,warn | grep -e igb -e 01:00").text
    assert complaints == ""
    macs = [device.mac for device in netdevs(host, found.functions)]
    assert macs == [port.mac for port in running.world.view().ports]


def test_every_port_has_a_link_of_1_gigabit_through_its_phy(good):
    _, host = good
    for device in netdevs(host, pci.locate(host, CARD, None).functions):
        settings = ethtool.settings(host.run(f"ethtool {device.name}").text)
        assert (settings.speed_bps, settings.link) == (1_000_000_000, True)
    assert "\n".join(told_by_igb(host)).count("NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX/TX") == 4


def test_ethtool_shows_the_nvm_of_the_card_and_its_version(good):
    running, host = good
    assert nvm_of(host, "eth0") == running.world.load_nvm()
    driver = ethtool.driver(host.run("ethtool -i eth0").text)
    assert (driver.driver, driver.firmware_version) == ("igb", "1.63, 0x800009fb")


def test_a_byte_that_ethtool_writes_is_kept_with_good_checksums(good):
    running, host = good
    before = running.world.load_nvm()
    assert host.run("ethtool -E eth2 magic 0x15218086 offset 0x21 value 0x5a").code == 0
    after = running.world.load_nvm()
    assert [n for n in range(len(before)) if before[n] != after[n]] == [0x21, 0x7F]
    assert nvm_of(host, "eth1") == after


@pytest.mark.parametrize("port", range(1, 5))
def test_frames_go_both_ways(good, port):
    running, host = good
    partner = running.addresses[port - 1].rpartition(".")[0] + ".1"
    said = host.run(f"ping -c 5 -s 1400 -i 0.2 {partner}", timeout_s=60.0)
    assert "5 packets received, 0% packet loss" in said.text
    moved = host.run(f"ethtool -S eth{port - 1}").text
    counts = {name: int(n) for name, _, n in (line.strip().partition(": ") for line in moved.splitlines()) if n}
    assert counts["tx_packets"] >= 5 and counts["rx_packets"] >= 5
    assert [n for n, count in counts.items() if count and ("err" in n or "drop" in n)] == []


def test_its_sensor_is_that_of_the_model(good):
    running, host = good
    assert host.run("cat /sys/class/hwmon/hwmon*/name").text == "i350bb"
    shown = int(host.run("cat /sys/class/hwmon/hwmon*/temp1_input").text)
    assert abs(shown / 1000 - running.world.view().functions[0].celsius) <= 3


def test_a_card_that_loses_its_power_is_a_lost_link_for_igb(good):
    running, host = good
    running.cut_12v()
    deadline = time.monotonic() + CARRIER_S
    while "PCIe link lost" not in "\n".join(told_by_igb(host)):
        assert time.monotonic() < deadline
    assert host.run("setpci -s 01:00.3 0.l").text == "ffffffff"


def test_igb_refuses_a_card_whose_nvm_does_not_sum_up(tmp_path):
    with contextlib.ExitStack() as closing:
        host = Running("linux", tmp_path, closing, CARD, OTHER_CABLES, nvram="checksum").host()
        assert "\n".join(told_by_igb(host)).count("The NVM Checksum Is Not Valid") == 4
        assert netdevs(host, pci.locate(host, CARD, None).functions) == []
