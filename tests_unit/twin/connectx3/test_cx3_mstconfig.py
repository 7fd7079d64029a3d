"""The real mstconfig on the model."""

from __future__ import annotations

import pytest
from cx3_lab import Lab

from conftest import MakeLab


def values(text: str) -> dict[str, str]:
    rows = (line.split() for line in text.partition("Configurations:")[2].splitlines())
    return {row[0]: row[-1] for row in rows if len(row) >= 2 and row[0] != "Next"}


@pytest.mark.parametrize(("variant", "link"), [("ib", None), ("vpi", "VPI(3)"), ("eth", "ETH(2)")])
def test_a_link_type_is_listed_where_the_firmware_has_ethernet(
    make_lab: MakeLab, variant: str, link: str | None
) -> None:
    ran = make_lab(variant).config("q")
    assert ran.code == 0
    listed = values(ran.text)
    assert (listed.get("LINK_TYPE_P1"), listed.get("LINK_TYPE_P2")) == (link, link)
    assert listed["SRIOV_EN"] == ("True(1)" if variant == "ib" else "False(0)")
    assert listed["NUM_OF_VFS"] == ("16" if variant == "eth" else "8")
    assert listed["LOG_BAR_SIZE"] == "3"


def test_a_vpi_card_becomes_ethernet_without_a_burn(make_lab: MakeLab) -> None:
    it = make_lab("vpi")
    ran = it.config("set", "LINK_TYPE_P1=2", "LINK_TYPE_P2=2", answers=b"y\n")
    assert ran.code == 0
    assert "Applying... Done!" in ran.text
    assert "LINK_TYPE_P1                        VPI(3)          ETH(2)" in ran.text
    assert it.chip.running is not None
    assert it.chip.running.link_types == {1: "vpi", 2: "vpi"}
    it.power_cycle()
    assert it.chip.running.link_types == {1: "eth", 2: "eth"}
    assert values(it.config("q", "LINK_TYPE_P1", "LINK_TYPE_P2").text) == dict.fromkeys(
        ("LINK_TYPE_P1", "LINK_TYPE_P2"), "ETH(2)"
    )
    assert it.config("-y", "reset").code == 0
    it.power_cycle()
    assert it.chip.running.link_types == {1: "vpi", 2: "vpi"}


def test_an_infiniband_card_refuses_a_link_type(ib: Lab) -> None:
    ran = ib.config("-y", "set", "LINK_TYPE_P1=2")
    assert ran.code != 0
    assert "-E- " in ran.text
    ib.power_cycle()
    assert ib.chip.running is not None
    assert ib.chip.running.link_types == {1: "ib", 2: "ib"}


def test_what_was_not_confirmed_is_not_stored(make_lab: MakeLab) -> None:
    it = make_lab("vpi")
    ran = it.config("set", "LINK_TYPE_P1=2", answers=b"n\n")
    assert ran.code != 0
    assert "Aborted by user" in ran.text
    it.power_cycle()
    assert it.chip.running is not None
    assert it.chip.running.link_types[1] == "vpi"


def test_virtual_functions_are_switched_off(ib: Lab) -> None:
    assert ib.config("-y", "set", "SRIOV_EN=0").code == 0
    ib.power_cycle()
    assert ib.chip.running is not None
    assert (ib.chip.running.sriov, ib.chip.running.vfs) == (False, 8)


def test_the_bar_is_made_larger(ib: Lab) -> None:
    assert ib.config("-y", "set", "LOG_BAR_SIZE=5").code == 0
    ib.power_cycle()
    assert ib.chip.running is not None
    assert ib.chip.running.log2_bar_mib == 5


def test_parameters_outlive_a_burn(make_lab: MakeLab) -> None:
    it = make_lab("vpi")
    assert it.config("-y", "set", "LINK_TYPE_P1=2").code == 0
    it.chip.program((it.chip.cr_path.parent / "flash.bin").read_bytes()[:0x4000], odd=True)
    it.power_cycle()
    assert it.chip.running is not None
    assert it.chip.running.link_types == {1: "eth", 2: "vpi"}


def test_the_way_through_configuration_space_tells_the_same(ib: Lab) -> None:
    quick = ib.config("q", "SRIOV_EN")
    assert quick.code == 0
    assert ib.config("q", "SRIOV_EN", locked=False) == quick
