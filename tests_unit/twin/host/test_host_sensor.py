"""Temperature sensors as hwmon devices in /sys."""

from __future__ import annotations

import dataclasses

from host_fakes import FakeSlot, card, view_of

from rig.twin.host import sysfs
from rig.twin.host.kernel import Kernel
from rig.twin.host.klog import KernelLog

AT = "devices/pci0000:00/0000:00:01.0/0000:01:00.0/hwmon/hwmon0"


def kernel_of(sensor: str) -> tuple[Kernel, FakeSlot]:
    function = dataclasses.replace(card(0, driver="tg3"), sensor=sensor, celsius=41)
    slot = FakeSlot(view_of(function))
    kernel = Kernel(slot, KernelLog(lambda text: None))
    kernel.enumerate()
    kernel.load("tg3")
    return kernel, slot


def test_a_sensor_is_there_under_its_device_and_its_class() -> None:
    files = sysfs.tree(kernel_of("tg3")[0])
    assert (files[f"{AT}/name"], files[f"{AT}/temp1_input"]) == (b"tg3\n", b"41000\n")
    assert files["class/hwmon/hwmon0"] == sysfs.Link(f"../../{AT}")


def test_it_shows_the_temperature_as_it_is_now() -> None:
    kernel, slot = kernel_of("tg3")
    slot.change(functions=(dataclasses.replace(slot.view().functions[0], celsius=55),))
    kernel.refresh()
    assert sysfs.tree(kernel)[f"{AT}/temp1_input"] == b"55000\n"


def test_it_goes_with_its_driver() -> None:
    kernel, _ = kernel_of("tg3")
    kernel.unload("tg3")
    assert not [path for path in sysfs.tree(kernel) if "hwmon0" in path]


def test_a_card_without_one_has_none() -> None:
    assert not [path for path in sysfs.tree(kernel_of("")[0]) if "hwmon0" in path]
