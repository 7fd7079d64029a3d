from __future__ import annotations

from pathlib import Path

import pytest

from rig.parse import flint, mstconfig
from rig.parse.mstconfig import Setting

DATA = Path(__file__).parent / "data"

# the layout of -e; values from a public note on ConnectX-3 Pro
EXTENDED = """
Device #1:
----------

Device type:    ConnectX3Pro
Device:         /sys/bus/pci/devices/0000:20:00.0/config

Configurations:                              Default         Current         Next Boot
*        SRIOV_EN                            False(0)        True(1)         True(1)
         NUM_OF_VFS                          8               8               8
*        LINK_TYPE_P1                        VPI(3)          VPI(3)          ETH(2)
The '*' shows parameters with next value different from default/current value.
"""


def test_a_query_is_what_comes_after_the_next_boot() -> None:
    it = mstconfig.table((DATA / "mstconfig-4.21-query.txt").read_text())
    assert it is not None
    assert (it.device_type, it.device, it.applied) == ("ConnectX3", "0000:05:00.0", None)
    assert len(it.settings) == 17
    assert it.settings["LINK_TYPE_P1"] == Setting(next_boot="VPI(3)")
    assert it.settings["NUM_OF_VFS"].next_boot == "8"


def test_a_set_shows_old_and_new_and_that_it_was_applied() -> None:
    it = mstconfig.table((DATA / "mstconfig-4.21-set.txt").read_text().replace("\n", "\r\n"))
    assert it is not None
    assert it.settings["LINK_TYPE_P2"] == Setting(next_boot="VPI(3)", new="ETH(2)")
    assert it.applied is True


def test_the_extended_table_knows_what_runs_now() -> None:
    it = mstconfig.table(EXTENDED)
    assert it is not None
    assert it.settings["SRIOV_EN"] == Setting(default="False(0)", current="True(1)", next_boot="True(1)")
    assert it.settings["LINK_TYPE_P1"].next_boot == "ETH(2)"


def test_a_failure_to_apply_is_said() -> None:
    it = mstconfig.table(
        "Configurations:      Next Boot       New\n Apply new Configuration? (y/n) [n] : y\nApplying... Failed!\n"
    )
    assert it is not None
    assert it.applied is False


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("-E- Failed to open the device\n", flint.Problem.NO_DEVICE),
        ("-E- Unsupported device\n", flint.Problem.UNSUPPORTED),
        ("", None),
    ],
)
def test_no_table_is_none_and_the_message_says_why(text: str, problem: flint.Problem | None) -> None:
    assert mstconfig.table(text) is None
    assert flint.problem(text) is problem


@pytest.mark.parametrize(
    ("value", "number"), [("ETH(2)", 2), ("8", 8), ("True(1)", 1), ("x", None), ("", None), ("²", None)]
)
def test_the_number_behind_a_name_is_read(value: str, number: int | None) -> None:
    assert mstconfig.number(value) == number
