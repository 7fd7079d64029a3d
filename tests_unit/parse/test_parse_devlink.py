"""`devlink dev info`."""

from __future__ import annotations

import pytest

from rig.parse import devlink

# the commit message of bnxt_en's info_get (linux 2013d03827db)
BNXT = """pci/0000:af:00.0:
  driver bnxt_en
  serial_number B0-26-28-FF-FE-25-84-20
  versions:
      fixed:
        board.id BCM957454A4540
        asic.id C454
        asic.rev 1
      running:
        fw 216.1.154.0
        fw.psid 0.0.0
        fw.mgmt 216.1.146.0
        fw.mgmt.api 1.10.1
"""
# a patch of 2025 for mlx5 (netdev), shortened to its first two devices
MLX5 = """pci/0000:08:00.0:
  driver mlx5_core
  serial_number e4397f872caeed218000846daa7d2f49
  board.serial_number MT2314XZ00YA
  versions:
      fixed:
        fw.psid MT_0000000894
      running:
        fw.version 28.41.1000
        fw 28.41.1000
      stored:
        fw.version 28.42.1000
        fw 28.42.1000
auxiliary/mlx5_core.eth.0:
  driver mlx5_core.eth
"""


def test_versions_are_read_by_section() -> None:
    (it,) = devlink.infos(BNXT)
    assert (it.handle, it.driver, it.serial_number) == ("pci/0000:af:00.0", "bnxt_en", "B0-26-28-FF-FE-25-84-20")
    assert it.fixed == {"board.id": "BCM957454A4540", "asic.id": "C454", "asic.rev": "1"}
    assert it.running["fw.mgmt.api"] == "1.10.1"
    assert it.stored == {}


def test_a_version_that_waits_for_a_reset_is_apart_from_the_running_one() -> None:
    first, second = devlink.infos(MLX5.replace("\n", "\r\n"))
    assert (first.running["fw"], first.stored["fw"]) == ("28.41.1000", "28.42.1000")
    assert first.board_serial_number == "MT2314XZ00YA"
    assert (second.handle, second.driver, second.running) == ("auxiliary/mlx5_core.eth.0", "mlx5_core.eth", {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kernel answers: Operation not supported\n", "Operation not supported"),
        ("devlink answers: No such device\r\n", "No such device"),
        ("bash: devlink: command not found\n", "command not found"),
        ("/bin/sh: 1: devlink: not found\n", "not found"),
        ("Failed to connect to devlink Netlink\n", "Failed to connect"),
        ("", None),
        (BNXT, None),
    ],
)
def test_a_refusal_is_told_in_the_tools_own_words(text: str, why: str | None) -> None:
    assert devlink.refusal(text) == why
    assert bool(devlink.infos(text)) is (text == BNXT)


@pytest.mark.parametrize(
    "text", ["pci/0000:01:00.0", "x" * 100_000, "  driver a\n" * 1000, "\x1b[2J:\n", "pci/" + "a" * 999 + ":\n", ":\n"]
)
def test_garbage_is_no_device(text: str) -> None:
    assert devlink.infos(text) == ()
