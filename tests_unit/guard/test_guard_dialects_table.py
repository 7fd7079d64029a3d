"""The table of supplies: what it says of each, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.errors import UsageError
from rig.guard import dialects
from rig.guard.config import GuardConfig, RailConfig
from rig.guard.dialects import table
from rig.guard.supply import SetPoint, opened

PAGE = Path(__file__).parents[2] / "docs" / "supplies.md"


def test_the_page_shows_the_table_as_it_is():
    assert table.markdown() in PAGE.read_text(encoding="utf-8")


def test_the_error_of_a_dp832_at_12_v_and_10_w_is_that_of_its_data_sheet():
    assert table.watts_error(dialects.find("DP832").channels[1]) == pytest.approx(0.09, abs=0.005)
    assert table.watts_error(dialects.find("SPD3303X").channels[1]) is None


def test_a_supply_that_cannot_give_it_says_which_channel_or_supply_can():
    told = opened(GuardConfig("TCPIP0::127.0.0.1::9::SOCKET", "E36312A", {"12v": RailConfig(2, 12.6, 1.0)}))
    have = r"E36312A channel 2 gives 0 to 25.75 V and up to 1.03 A, asked for 12 V and 2.1 A"
    with pytest.raises(UsageError, match=f"{have}; another supply can, such as DP832"):
        told.check(2, SetPoint(12.0, 2.1))
    with pytest.raises(UsageError, match="channel 1 can"):
        told.check(2, SetPoint(5.0, 3.0))
    told.check(2, SetPoint(12.0, 1.0))


def test_a_supply_with_one_switch_guards_one_channel_only():
    rails = {"12v": RailConfig(1, 12.6, 2.5), "3v3": RailConfig(2, 3.5, 2.0)}
    with pytest.raises(UsageError, match="one switch for all channels, so 1 and 2 cannot be guarded apart"):
        opened(GuardConfig("ASRL/dev/none::INSTR", "KA3305P", rails))


def test_a_model_that_is_nearly_one_of_them_is_guessed():
    with pytest.raises(UsageError, match="did you mean 'DP832'"):
        dialects.find("DP 832")
