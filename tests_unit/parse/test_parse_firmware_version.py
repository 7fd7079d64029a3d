"""The firmware-version of `ethtool -i`, of every driver the rig meets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.parse.firmware_version import Agreement, compare, parts

YES, OLDER, NEWER, OTHER = Agreement.YES, Agreement.OLDER, Agreement.NEWER, Agreement.OTHER
I40E, BNX2X, BNXT = "8.50 0x8000641a 1.3295.0", "bc 7.10.10 phy 1.34", "218.0.166.0/pkg 218.0.169.1"
TG3, MLX5 = "5719-v1.46 NCSI v1.3.16.0", "14.27.1016 (HP_2420110034)"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0x80000838", ["id"]),
        ("1.63, 0x800009fb", ["number", "id"]),
        ("0x80000f56, 1.1767.0", ["id", "number"]),
        (I40E, ["number", "id", "number 2"]),
        (BNX2X, ["bc", "phy"]),
        ("7.14.62 bc 7.14.62 phy 1.45", ["number", "bc", "phy"]),
        (BNXT, ["number", "pkg"]),
        (TG3, ["5719", "ncsi"]),
        (MLX5, ["number", "psid"]),
        ("2.42.5000", ["number"]),
        ("N/A", []),
        ("", []),
    ],
)
def test_the_parts_of_a_version_are_named(text: str, names: list[str]) -> None:
    assert list(parts(text)) == names


@pytest.mark.parametrize(
    ("found", "wanted", "agreement"),
    [
        # ixgbe: image ids are equal or not
        ("0x80000838", "0x80000838", YES),
        ("0x80000838", "0X80000838", YES),
        ("0x80000838", "0x0080000838", YES),
        ("0x80000838", "0x800005b6", OTHER),
        ("0x80000f56, 1.1767.0", "0x80000f56", YES),
        ("0x80000f56, 1.1767.0", "0x80000f57, 1.1900.0", OTHER),
        # igb: a number first
        ("1.63, 0x800009fb", "1.63, 0x800009fb", YES),
        ("1.63, 0x800009fb", "1.63, 0x800009fa", OTHER),
        ("1.52, 0x800009fa", "1.63, 0x800009fb", OLDER),
        ("1.63, 0x800009fb", "1.7", NEWER),
        ("1.63, 0x800009fb", "1.63.0", YES),
        # i40e
        (I40E, "8.50", YES),
        (I40E, "0x8000641a", YES),
        (I40E, "0x8000641b", OTHER),
        (I40E, "9.20 0x8000d8bd 1.3353.0", OLDER),
        (I40E, "8.5", NEWER),
        # bnx2x: the bootcode counts, by its name, not by its place
        (BNX2X, "bc 7.10.10 phy 1.34", YES),
        (BNX2X, "bc 7.10.10", YES),
        (BNX2X, "bc 7.9.11", NEWER),
        (BNX2X, "bc 7.10.51 phy 1.34", OLDER),
        (BNX2X, "bc 7.10.10 phy 1.45", OTHER),
        ("7.14.62 bc 7.14.62 phy 1.45", "bc 7.14.62", YES),
        ("bc 7.15.24", "bc 7.15.24 phy 1.34", OTHER),
        # bnxt
        (BNXT, BNXT, YES),
        (BNXT, "pkg 218.0.169.1", YES),
        (BNXT, "pkg 219.0.1.0", OLDER),
        (BNXT, "214.4.9.6", NEWER),
        # tg3: another chip's bootcode is not older or newer
        (TG3, "5719-v1.46", YES),
        (TG3, "5719-v1.47 NCSI v1.3.16.0", OLDER),
        (TG3, "5720-v1.40", OTHER),
        (TG3, "5719-v1.46 NCSI v1.4.0.0", OTHER),
        # mlx5, mlx4: another PSID is another card's firmware, whatever its number
        (MLX5, "14.27.1016", YES),
        (MLX5, "14.28.2006 (HP_2420110034)", OLDER),
        (MLX5, "14.28.2006 (MT_2420110034)", OTHER),
        ("2.42.5000", "2.42.5700", OLDER),
        ("2.9.1000", "2.42.5000", OLDER),
        # nothing to hold on to: the texts are equal or not
        ("N/A", "n/a ", YES),
        ("N/A", "2.42.5000", OTHER),
        ("", "0x80000838", OTHER),
        ("2.42.5000", "", OTHER),
    ],
)
def test_a_version_is_compared_part_by_part(found: str, wanted: str, agreement: Agreement) -> None:
    assert compare(found, wanted) is agreement


@pytest.mark.parametrize(
    "text", ["9" * 100_000, "1." * 50_000, "0x" * 50_000, "(" * 50_000, "\x1b[2J\0", "٣.٤", "v.v.v"]
)
def test_hostile_text_is_other_than_any_version(text: str) -> None:
    assert compare(text, "2.42.5000") is OTHER
    assert compare("2.42.5000", text) is OTHER


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_is_too_strange_to_compare(found: str, wanted: str) -> None:
    assert compare(found, wanted) in Agreement
    assert compare(found, found) is YES
