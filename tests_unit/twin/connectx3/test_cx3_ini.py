from __future__ import annotations

import pytest

from rig.twin.connectx3 import ini
from rig.twin.connectx3.variants import VARIANTS


@pytest.mark.parametrize(("text", "kind"), [
    ("", "ib"),
    ("[HCA]\neth_xfi_en = true", "eth"),
    ("[hca]\n  ETH_XFI_EN=True ; as in the thread", "eth"),
    ("[HCA]\neth_xfi_en = 1\n[lab]\nvpi = true", "eth"),
    ("[HCA]\neth_xfi_en = false\n[lab]\nvpi = true", "vpi"),
    ("[HCA]\n;eth_xfi_en = true", "ib"),
    ("eth_xfi_en = true\n[ADAPTER]\neth_xfi_en = true", "ib"),
])  # fmt: skip
def test_the_personality_follows_from_the_text(text: str, kind: str) -> None:
    assert ini.personality(ini.parse(text)) == kind


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_what_its_ini_says(name: str) -> None:
    assert ini.personality(ini.parse(VARIANTS[name].ini("X", pro=False))) == name


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8", 8),
        ("0x10", 16),
        ("", 3),
        ("many", 3),
        ("-", 3),
        ("9" * 5000, 3),
        ("-5", 3),
        ("0xffffffff", 0xFFFFFFFF),
        ("0x100000000", 3),
    ],
)
def test_a_number_that_is_none_is_the_default(text: str, value: int) -> None:
    assert ini.number(ini.parse(f"[HCA]\ntotal_vfs = {text}"), "hca", "total_vfs", 3) == value


def test_hostile_text_is_read_without_a_complaint() -> None:
    text = "[[[\n]\n=\n[\x00]\nkey\x1b[31m = \x00\n" + "[" * 10000 + "\n= = =\n[HCA]\nsriov_en = true"
    assert ini.flag(ini.parse(text), "hca", "sriov_en")
