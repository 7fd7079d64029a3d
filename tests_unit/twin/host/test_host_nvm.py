"""`ethtool -e`, `devlink`, and the kernel's words about a damaged NVM."""

from __future__ import annotations

import dataclasses

import pytest
from host_fakes import FakeSlot, card, port, view_of
from test_host_tools import Desk, real

from rig.twin.host import nvm
from rig.twin.host.tools import Answer

NVM = bytes(range(20))


def desk_of(driver: str, content: bytes = NVM, fault: str = "", ports: int = 1, firmware: str = "0x1") -> Desk:
    function = dataclasses.replace(card(0, driver=driver), nvm=content, fault=fault)
    slot = FakeSlot(view_of(function, ports=tuple(port(f"ens1f{n}", 0, "127.86.41.2") for n in range(ports))))
    slot.change(firmware_version=firmware)
    return Desk(slot)


def log_of(desk: Desk) -> list[str]:
    return [record.text for record in desk.log.read()]


def test_a_dump_has_the_layout_of_dump_hex() -> None:
    assert desk_of("ixgbe").run("ethtool", "-e", "ens1f0").out == (
        "Offset\t\tValues\n------\t\t------\n"
        "0x0000:\t\t00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f \n"
        "0x0010:\t\t10 11 12 13 \n"
    )


def test_tg3_has_its_own_layout() -> None:
    assert desk_of("tg3", NVM[:2]).run("ethtool", "-e", "ens1f0").out == (
        "Address   \tData\n----------\t----\n0x00000000\t0x00\n0x00000001\t0x01\n"
    )


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (("offset", "0x10"), "0x0010:\t\t10 11 12 13 \n"),
        (("offset", "2", "length", "2"), "0x0002:\t\t02 03 \n"),
        (("raw", "off", "length", "1"), "0x0000:\t\t00 \n"),
        (("offset", "18", "length", "99"), "0x0012:\t\t12 13 \n"),
    ],
)
def test_a_part_is_dumped_at_its_own_offset(options: tuple[str, ...], rows: str) -> None:
    assert desk_of("ixgbe").run("ethtool", "-e", "ens1f0", *options).out.splitlines(keepends=True)[2:] == [rows]


@pytest.mark.parametrize(
    ("driver", "content", "reason"),
    [
        ("mlx5_core", b"", "Operation not supported"),
        ("bnxt_en", b"", "Invalid argument"),
        ("bnx2x", NVM, "Resource temporarily unavailable"),
    ],
)
def test_a_driver_that_cannot_says_why(driver: str, content: bytes, reason: str) -> None:
    assert desk_of(driver, content).run("ethtool", "-e", "ens1f0") == Answer(
        err=f"Cannot get EEPROM data: {reason}\n", code=74
    )


def test_an_offset_beyond_the_end_is_refused() -> None:
    assert desk_of("ixgbe").run("ethtool", "-e", "ens1f0", "offset", "20").err.endswith("Invalid argument\n")


def test_bnx2x_reads_while_it_is_up() -> None:
    desk = desk_of("bnx2x")
    assert desk.run("ip", "link", "set", "dev", "ens1f0", "up").code == 0
    assert "0x0010:" in desk.run("ethtool", "-e", "ens1f0").out


@pytest.mark.parametrize(
    "words",
    [
        ("ethtool", "-e"),
        ("ethtool", "-e", "lo"),
        ("ethtool", "-e", "lo", "foo"),
        ("ethtool", "-e", "lo", "offset"),
        ("ethtool", "-e", "lo", "offset", "x"),
        ("ethtool", "-e", "nope", "length", "0x10"),
        ("devlink", "-V"),
    ],
)
def test_a_wrong_or_plain_call_answers_as_the_real_program(words: tuple[str, ...]) -> None:
    theirs, ours = real(*words), desk_of("ixgbe").run(*words)
    assert (ours.out, ours.err, ours.code) == (theirs.stdout, theirs.stderr, theirs.returncode)


def test_ethtool_says_which_driver_gives_access() -> None:
    assert "supports-eeprom-access: yes\n" in desk_of("ixgbe").run("ethtool", "-i", "ens1f0").out
    assert "supports-eeprom-access: no\n" in desk_of("mlx5_core", b"").run("ethtool", "-i", "ens1f0").out


def test_devlink_tells_running_and_stored_versions_of_bnxt() -> None:
    desk = desk_of("bnxt_en", firmware="218.0.166.0/pkg 218.0.169.1")
    assert desk.run("devlink", "dev", "info", "pci/0000:01:00.0").out == (
        "pci/0000:01:00.0:\n  driver bnxt_en\n  serial_number 9C-B6-54-FF-FE-00-00-01\n  versions:\n"
        "      fixed:\n        asic.id 1528\n        asic.rev 1\n"
        "      running:\n        fw.psid 0.0.0\n        fw 218.0.169.1\n        fw.mgmt 218.0.166.0\n"
        "        fw.mgmt.api 1.10.2\n"
        "      stored:\n        fw.psid 0.0.0\n        fw 218.0.169.1\n        fw.mgmt 218.0.166.0\n"
    )
    assert desk.run("devlink", "dev").out == "pci/0000:01:00.0\n"


def test_devlink_tells_the_psid_of_mlx5() -> None:
    out = desk_of("mlx5_core", firmware="14.27.1016 (HP_2420110034)").run("devlink", "dev", "info").out
    assert "fw.psid HP_2420110034\n" in out
    assert out.count("fw.version 14.27.1016\n") == 2


@pytest.mark.parametrize(
    ("driver", "reason"),
    [("ixgbe", "No such device"), ("i40e", "No such device"), ("mlx4_core", "Operation not supported")],
)
def test_a_driver_without_versions_is_refused_by_the_kernel(driver: str, reason: str) -> None:
    answer = desk_of(driver).run("devlink", "dev", "info", "pci/0000:01:00.0")
    assert answer == Answer(err=f"kernel answers: {reason}\n", code=1)
    assert desk_of(driver).run("devlink", "dev", "info") == Answer()


@pytest.mark.parametrize(
    ("driver", "fault", "said", "error"),
    [
        ("ixgbe", "checksum", "ixgbe 0000:01:00.0: The EEPROM Checksum Is Not Valid", -5),
        ("ixgbe", "zero_mac", "ixgbe 0000:01:00.0: invalid MAC address", -5),
        ("igb", "checksum", "igb 0000:01:00.0: The NVM Checksum Is Not Valid", -5),
        ("bnx2x", "no_bootcode", "bnx2x: [bnx2x_init_shmem:11593(eth%d)]BAD MCP validity signature", -22),
    ],
)
def test_a_driver_that_refuses_the_card_says_so_and_registers_nothing(driver, fault, said, error) -> None:
    desk = desk_of(driver, fault=fault)
    assert said in log_of(desk)
    assert log_of(desk)[-1] == f"{driver}: probe of 0000:01:00.0 failed with error {error}"
    assert not desk.kernel.netdevs
    assert not desk.kernel.devices["0000:01:00.0"].bound
    assert ("driver", True) not in desk.slot.calls


def test_bnx2x_takes_a_card_without_a_mac_and_it_cannot_be_set_up() -> None:
    desk = desk_of("bnx2x", fault="zero_mac")
    desk.slot.change(ports=tuple(dataclasses.replace(p, mac="00:00:00:00:00:00") for p in desk.slot.view().ports))
    desk.kernel.refresh()
    assert "bnx2x 0000:01:00.0: bad Ethernet MAC address configuration: 00:00:00:00:00:00" in log_of(desk)
    refused = desk.run("ip", "link", "set", "dev", "ens1f0", "up")
    assert refused == Answer(err="RTNETLINK answers: Cannot assign requested address\n", code=2)
    assert desk.run("ip", "link", "set", "dev", "ens1f0", "down").code == 0


@pytest.mark.parametrize("fault", ["", "checksum", "nonsense"])
def test_a_driver_nobody_described_takes_every_card(fault: str) -> None:
    assert not nvm.refuses("tg3", fault)
    assert nvm.said(None, "0000:01:00.0", fault) == []
