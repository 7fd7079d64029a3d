"""BARs that find no room: what the kernel says, what the driver does, and what the rig reads of it."""

from __future__ import annotations

import dataclasses

import pytest
from host_fakes import FakeSlot, card, config_space, port, view_of

from rig.config.twin import TwinHost
from rig.parse import sysfs as rig_sysfs
from rig.parse.kernel_log import Harm, events, failed_bars, symptoms
from rig.twin.host import pci, sysfs
from rig.twin.host.kernel import Kernel
from rig.twin.host.klog import ERR, WARNING, KernelLog
from rig.twin.view import Bar, Function

MIB = 1 << 20
CARD = "0000:01:00.0"
FORMATS = ("6.1", "5.10")
NO_PLACE = {
    "6.1": [
        f"pci {CARD}: BAR 2 [mem size 0x00800000 64bit pref]: can't assign; no space",
        f"pci {CARD}: BAR 2 [mem size 0x00800000 64bit pref]: failed to assign",
    ],
    "5.10": [
        f"pci {CARD}: BAR 2: no space for [mem size 0x00800000 64bit pref]",
        f"pci {CARD}: BAR 2: failed to assign [mem size 0x00800000 64bit pref]",
    ],
}


def connectx3(vfs: int = 0) -> Function:
    """1 MiB below 4 GiB, 8 MiB prefetchable, and 8 MiB for each virtual function."""
    config = bytearray(config_space((0x15B3, 0x1003)))
    config[0x10], config[0x18], config[0x20] = 0x04, 0x0C, 0x00
    bars = {0: Bar(MIB, "mem64"), 2: Bar(8 * MIB, "pref64")}
    return dataclasses.replace(
        card(0, (0x15B3, 0x1003), "mlx4_core"),
        config=bytes(config),
        bars=bars,
        vfs=vfs,
        vf_bars={2: Bar(8 * MIB, "pref64")},
    )


def booted(
    *functions: Function, window_mib: int | None, kernel_format: str = "6.1"
) -> tuple[Kernel, KernelLog, FakeSlot]:
    ports = tuple(port(f"ens1f{f.number}", f.number, f"127.86.41.{f.number + 2}") for f in functions)
    slot = FakeSlot(view_of(*functions, ports=ports))
    log = KernelLog(lambda _: None)
    log.restart()
    host = TwinHost.model_validate({"window_mib": window_mib, "kernel_format": kernel_format})
    kernel = Kernel(slot, log, host)
    for level, text in [*kernel.enumerate(), *(line for d in kernel.drivers() for line in kernel.load(d))]:
        log.write(text, level)
    kernel.refresh()
    return kernel, log, slot


def texts(log: KernelLog) -> list[str]:
    return [record.text for record in log.read()]


def about_places(log: KernelLog) -> list[str]:
    return [t for t in texts(log) if "assign" in t or "no space" in t]


def dmesg(log: KernelLog) -> str:
    return "".join(f"{record}\n" for record in log.read())


def lost(log: KernelLog) -> list[tuple[str, int | None, Harm]]:
    return [(b.resource, b.size, b.harm) for b in failed_bars(events(dmesg(log)))]


# --- the card's own BAR does not fit


@pytest.mark.parametrize("kernel_format", FORMATS)
def test_a_bar_without_room_is_told_in_the_words_of_the_kernel(kernel_format: str) -> None:
    _, log, _ = booted(connectx3(), window_mib=4, kernel_format=kernel_format)
    assert about_places(log) == [
        *NO_PLACE[kernel_format],
        "pci_bus 0000:00: Some PCI device resources are unassigned, try booting with pci=realloc",
    ]
    found = {"6.1": "BAR 2", "5.10": "reg 0x18:"}[kernel_format]
    assert f"pci {CARD}: {found} [mem 0x00000000-0x007fffff 64bit pref]" in texts(log)


@pytest.mark.parametrize("kernel_format", FORMATS)
def test_the_rig_reads_the_failed_bar_and_the_missing_uar_of_either_format(kernel_format: str) -> None:
    _, log, _ = booted(connectx3(), window_mib=4, kernel_format=kernel_format)
    assert lost(log) == [("BAR 2", 8 * MIB, Harm.FATAL)]
    assert symptoms(events(dmesg(log)), CARD) == ("mlx4.missing_uar", "pci.bar_failed")


def test_mlx4_without_its_uar_gives_the_card_up_and_nothing_is_bound() -> None:
    kernel, log, slot = booted(connectx3(), window_mib=4)
    assert [t for t in texts(log) if "mlx4" in t] == [
        "mlx4_core: Mellanox ConnectX core driver v4.0-0",
        f"mlx4_core: Initializing {CARD}",
        f"mlx4_core {CARD}: Missing UAR, aborting",
    ]
    assert [r.level for r in log.read() if "Missing UAR" in r.text] == [ERR]
    assert kernel.netdevs == {}
    assert ("driver", True) not in slot.calls
    paths = sysfs.tree(kernel)
    assert not [p for p in paths if p.endswith((f"{CARD}/driver", f"{CARD}/resource2"))]
    assert not [p for p in sysfs.writable(kernel) if "mlx4_port" in p]


def test_the_row_of_a_bar_that_failed_for_good_is_zero_and_so_is_its_register() -> None:
    kernel, _, slot = booted(connectx3(), window_mib=4)
    text = sysfs.tree(kernel)[f"{sysfs.folder(kernel.devices[CARD])}/resource"]
    assert isinstance(text, bytes)
    assert text.decode().splitlines()[2] == "0x0000000000000000 0x0000000000000000 0x0000000000000000"
    assert [b.index for b in rig_sysfs.bars(text.decode())] == [0]
    config = slot.view().functions[0].config
    assert (pci.u32(config, 0x18), pci.u32(config, 0x1C)) == (0xC, 0)
    assert pci.u32(config, 0x10) & 0xFFFFFFF0


@pytest.mark.parametrize("window_mib", [8, 9, 65536, None])
def test_a_window_that_is_just_large_enough_is_enough(window_mib: int | None) -> None:
    kernel, log, _ = booted(connectx3(), window_mib=window_mib)
    assert about_places(log) == []
    assert kernel.devices[CARD].bound
    assert sorted(kernel.devices[CARD].resources) == [0, 2]
    assert symptoms(events(dmesg(log)), CARD) == ()


@pytest.mark.parametrize("window_mib", [0, 7])
def test_a_window_that_is_just_too_small_is_not(window_mib: int) -> None:
    assert not booted(connectx3(), window_mib=window_mib)[0].devices[CARD].bound


# --- several functions


@pytest.mark.parametrize(
    ("kernel_format", "assigned"),
    [
        ("6.1", "BAR 4 [mem 0x380000200000-0x380000203fff 64bit pref]: assigned"),
        ("5.10", "BAR 4: assigned [mem 0x380000200000-0x380000203fff 64bit pref]"),
    ],
)
def test_after_a_large_bar_failed_a_smaller_one_finds_room(kernel_format: str, assigned: str) -> None:
    kernel, log, _ = booted(card(0), card(1), window_mib=3, kernel_format=kernel_format)
    failed, *rest = [t for t in about_places(log) if "failed to assign" in t or ": assigned" in t]
    assert "0000:01:00.1: BAR 0" in failed
    assert rest[0] == f"pci {CARD}: {assigned}"
    assert [(b.device, b.resource) for b in failed_bars(events(dmesg(log)))] == [("0000:01:00.1", "BAR 0")]
    assert [d.bound for d in kernel.devices.values()] == [True, True, False]


def test_a_driver_that_only_fails_to_map_is_named_by_the_driver_core() -> None:
    kernel, log, _ = booted(card(0), card(1), window_mib=3)
    said = [(r.level, r.text) for r in log.read() if "probe of" in r.text]
    assert said == [(WARNING, "ixgbe: probe of 0000:01:00.1 failed with error -5")]
    assert list(kernel.netdevs) == ["ens1f0"]
    assert "pci.probe_failed" in symptoms(events(dmesg(log)), "0000:01:00.1")
    assert symptoms(events(dmesg(log)), CARD) == ()


# --- SR-IOV


@pytest.mark.parametrize(
    ("kernel_format", "name"),
    [("6.1", "VF BAR 2 [mem size 0x10000000"), ("5.10", "BAR 9: no space for [mem size 0x10000000")],
)
def test_virtual_functions_without_room_do_not_harm_the_card(kernel_format: str, name: str) -> None:
    kernel, log, _ = booted(connectx3(vfs=32), window_mib=64, kernel_format=kernel_format)
    assert any(name in t for t in texts(log))
    assert lost(log) == [("VF BAR 2", 256 * MIB, Harm.VIRTUAL_FUNCTIONS)]
    assert kernel.devices[CARD].bound
    assert symptoms(events(dmesg(log)), CARD) == ()


def test_the_kernel_places_what_must_be_again_before_it_tries_what_may_be() -> None:
    _, log, _ = booted(connectx3(vfs=32), window_mib=64)
    heads = [t.partition(f"pci {CARD}: ")[2].partition(" [")[0] + t.rpartition("]")[2] for t in about_places(log)]
    once = ["BAR 2: assigned", "VF BAR 2: can't assign; no space", "VF BAR 2: failed to assign"]
    assert heads == once * 2


def test_virtual_functions_that_the_bios_placed_first_leave_no_room_for_the_card() -> None:
    kernel, log, _ = booted(connectx3(vfs=32), window_mib=260)
    assert lost(log) == [("BAR 2", 8 * MIB, Harm.FATAL)]
    assert not kernel.devices[CARD].bound
    space = "VF BAR 2 [mem 0x380000000000-0x38000fffffff 64bit pref]: contains BAR 2 for 32 VFs"
    assert f"pci {CARD}: {space}" in texts(log)


def test_an_older_kernel_tells_of_the_virtual_functions_in_its_own_words() -> None:
    _, log, _ = booted(connectx3(vfs=32), window_mib=260, kernel_format="5.10")
    space = "VF(n) BAR2 space: [mem 0x380000000000-0x38000fffffff 64bit pref] (contains BAR2 for 32 VFs)"
    assert f"pci {CARD}: {space}" in texts(log)


def test_the_same_card_in_the_same_slot_works_with_sr_iov_off() -> None:
    kernel, log, _ = booted(connectx3(vfs=0), window_mib=260)
    assert kernel.devices[CARD].bound
    assert " VFs" not in dmesg(log)


def test_without_room_for_either_both_fail_and_the_kernel_tells_of_its_own_try() -> None:
    _, log, _ = booted(connectx3(vfs=32), window_mib=4)
    assert [name for name, _, _ in lost(log)] == ["BAR 2", "VF BAR 2"]
    assert any("Automatically enabled pci realloc" in t for t in texts(log))


# --- later


def test_a_card_that_was_removed_finds_its_place_again() -> None:
    kernel, _, _ = booted(connectx3(), window_mib=8)
    before = kernel.devices[CARD].resources
    kernel.remove(CARD)
    assert [t for _, t in kernel.enumerate() if "assign" in t] == []
    kernel.bind()
    assert kernel.devices[CARD].resources == before
    assert kernel.devices[CARD].bound


def test_a_driver_that_gave_up_is_asked_again_only_when_it_is_loaded_again_or_the_card_comes_back() -> None:
    kernel, _, _ = booted(connectx3(), window_mib=4)
    assert kernel.bind() == []
    kernel.unload("mlx4_core")
    assert any("Missing UAR" in text for _, text in kernel.load("mlx4_core"))
    kernel.remove(CARD)
    kernel.enumerate()
    assert any("Missing UAR" in text for _, text in kernel.bind())


def test_a_bar_below_4_gib_has_room_whatever_the_window() -> None:
    kernel, _, _ = booted(connectx3(), window_mib=0)
    assert list(kernel.devices[CARD].resources) == [0]


def test_the_window_starts_where_the_bridge_says() -> None:
    bridge = bytearray(config_space((0x8086, 0x1901), bridge=True))
    bridge[0x24:0x2C] = bytes.fromhex("01f0 f1ff 3f00 0000")
    assert pci.prefetchable_base(bytes(bridge)) == 0x3F_F000_0000
