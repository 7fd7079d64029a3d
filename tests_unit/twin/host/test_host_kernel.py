"""What the kernel says, finds and shows."""

from __future__ import annotations

import dataclasses
import re

import pytest
from host_fakes import FakeSlot, card, config_space, port, view_of

from rig.twin.host import aer, pci, sysfs, writes
from rig.twin.host.bandwidth import sentence
from rig.twin.host.dialects import known_modules
from rig.twin.host.kernel import Kernel
from rig.twin.host.klog import KernelLog
from rig.twin.host.pci import Link


def booted(slot: FakeSlot) -> tuple[Kernel, KernelLog]:
    log = KernelLog(lambda _: None)
    log.restart()
    kernel = Kernel(slot, log)
    lines = kernel.enumerate()
    for driver in kernel.drivers():
        lines += kernel.load(driver)
    for level, text in lines:
        log.write(text, level)
    kernel.refresh()
    return kernel, log


def texts(log: KernelLog) -> list[str]:
    return [record.text for record in log.read()]


def connectx3() -> FakeSlot:
    slot = FakeSlot(view_of(card(0, (0x15B3, 0x1003), "mlx4_core")))
    slot.change(port_types={1: "ib", 2: "ib"})
    return slot


def test_a_full_link_is_told_by_the_driver_alone() -> None:
    full = Link(3, 8)
    assert sentence(full, [("a", full), ("b", full)], verbose=False) is None
    assert sentence(full, [("a", full)], verbose=True) == (
        "63.008 Gb/s available PCIe bandwidth (8.0 GT/s PCIe x8 link)"
    )


def test_correctable_errors_are_logged_as_linux_6_1_does() -> None:
    slot = FakeSlot(view_of(card(0)))
    kernel, log = booted(slot)
    function = dataclasses.replace(slot.view().functions[0], correctable={"RxErr": 1, "BadTLP": 2})
    slot.change(functions=(function,))
    kernel.refresh()
    assert texts(log)[-5:] == [
        "pcieport 0000:00:01.0: AER: Multiple Corrected error message received from 0000:01:00.0",
        "ixgbe 0000:01:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)",
        "ixgbe 0000:01:00.0:   device [8086:1528] error status/mask=00000041/00002000",
        "ixgbe 0000:01:00.0:    [ 0] RxErr                  (First)",
        "ixgbe 0000:01:00.0:    [ 6] BadTLP                ",
    ]
    counts = sysfs.tree(kernel)["devices/pci0000:00/0000:00:01.0/0000:01:00.0/aer_dev_correctable"]
    assert counts == (
        b"RxErr 1\nBadTLP 2\nBadDLLP 0\nRollover 0\nTimeout 0\nNonFatalErr 0\nCorrIntErr 0\nHeaderOF 0\n"
        b"TOTAL_ERR_COR 3\n"
    )


def test_without_aer_there_are_no_aer_files() -> None:
    slot = FakeSlot(view_of(dataclasses.replace(card(0), correctable=None)))
    kernel, _ = booted(slot)
    assert not [path for path in sysfs.tree(kernel) if "0000:01:00.0/aer_" in path]


def test_an_empty_slot_leaves_the_root_port() -> None:
    kernel, _ = booted(FakeSlot(view_of()))
    shown = [p for p in sysfs.tree(kernel) if p.startswith("bus/pci/devices/")]
    assert shown == ["bus/pci/devices/0000:00:01.0"]


def test_a_function_without_a_driver_is_listed_and_not_bound() -> None:
    kernel, _ = booted(FakeSlot(view_of(card(0, driver=None))))
    paths = sysfs.tree(kernel)
    assert "bus/pci/devices/0000:01:00.0" in paths
    assert not [p for p in paths if p.endswith("0000:01:00.0/driver")]


def test_a_function_that_comes_late_is_found_by_a_rescan_only() -> None:
    slot = FakeSlot(view_of())
    kernel, log = booted(slot)
    slot.change(functions=(card(0),))
    kernel.refresh()
    assert "0000:01:00.0" not in kernel.devices
    writes.apply(kernel, log, slot, {"bus/pci/rescan": b"1\n"})
    assert "0000:01:00.0" in kernel.devices
    assert "pci 0000:01:00.0: [8086:1528] type 00 class 0x020000" in texts(log)


def test_an_mlx4_port_that_can_be_ethernet_changes() -> None:
    slot = connectx3()
    kernel, log = booted(slot)
    path = next(p for p in sysfs.writable(kernel) if p.endswith("mlx4_port1"))
    writes.apply(kernel, log, slot, {path: b"eth\n"})
    assert ("type", 1, "eth") in slot.calls
    assert sysfs.writable(kernel)[path] == b"eth\n"


def test_an_mlx4_port_that_cannot_stays_and_the_kernel_says_why() -> None:
    slot = connectx3()
    slot.refuses = True
    kernel, log = booted(slot)
    path = next(p for p in sysfs.writable(kernel) if p.endswith("mlx4_port2"))
    writes.apply(kernel, log, slot, {path: b"eth\n"})
    assert texts(log)[-1] == "mlx4_core 0000:01:00.0: Requested port type for port 2 is not supported on this HCA"
    assert sysfs.writable(kernel)[path] == b"ib\n"
    writes.apply(kernel, log, slot, {path: b"\x1b[2Jx"})
    assert "\x1b" not in texts(log)[-1]


@pytest.mark.parametrize("driver", sorted(known_modules() - {"mlx4_en"}))
def test_every_driver_names_its_interface_and_its_link(driver: str) -> None:
    slot = FakeSlot(view_of(card(0, driver=driver), ports=(port("ens1f0", 0, "127.86.41.2"),)))
    kernel, log = booted(slot)
    slot.set_admin("ens1f0", True)
    kernel.refresh()
    slot.change(ports=(dataclasses.replace(slot.view().ports[0], speed_bps=None),))
    kernel.refresh()
    said = texts(log)
    assert not [t for t in said if "{" in t or "<" in t]
    assert any(t.endswith("ens1f0: renamed from eth0") for t in said)
    ups = [t for t in said if re.search(r"link (is )?up", t, re.IGNORECASE)]
    downs = [t for t in said if re.search(r"link (is )?down", t, re.IGNORECASE)]
    assert (len(ups), len(downs)) == (1, 1)


def test_a_capability_list_that_loops_ends_the_search() -> None:
    space = bytearray(config_space((1, 2)))
    space[0xA0] = 0x05
    space[0xA1] = 0xA0
    assert pci.express_at(bytes(space)) is None
    assert pci.express_at(pci.GONE) is None


def test_every_error_name_has_a_bit_of_its_own() -> None:
    assert len(set(aer.CORRECTABLE.values())) == 8
