"""Cards without running firmware: the real mstflint goes through the PCI configuration gateway."""

from __future__ import annotations

from cx3_lab import Lab

from conftest import MakeLab, write_images

NEW = (2, 42, 5010)
GUID, MAC = "0x0002c903000c0de0", "0002c90c0de0"


def recover(it: Lab, image: str = "ib-5010.bin") -> int:
    return it.flint("-i", image, "-nofs", "-guid", GUID, "-mac", MAC, "b", answers=b"y\ny\ny\n").code


def test_a_blank_card_is_recovered_with_an_identity_given_by_hand(make_lab: MakeLab) -> None:
    it = make_lab(None)
    write_images(it)
    assert it.chip.running is None
    ran = it.flint("q")
    assert (ran.code, ran.text) == (1, "-E- Failed to query Device: 0000:05:00.0. No valid image found\n")
    ran = it.flint("-i", "ib-5010.bin", "-y", "b")
    assert "Can not burn in a failsafe mode." in ran.text
    ran = it.flint("-i", "ib-5010.bin", "-nofs", "-y", "b")
    assert "Please specify GUIDs / MACs" in ran.text
    assert it.chip.blank()
    assert recover(it) == 0
    it.power_cycle()
    now = it.chip.running
    assert now is not None
    assert (now.version, now.psid, now.macs[0]) == (NEW, "LAB0000000IB1", bytes.fromhex(MAC))
    assert now.guids[0] == int(GUID, 0)


def test_a_card_killed_in_an_unsafe_burn_needs_recovery(make_lab: MakeLab) -> None:
    it = make_lab("ib")
    write_images(it)
    ran = it.flint("-i", "eth-nofs.bin", "-nofs", "-allow_psid_change", "-y", "b", kill_after=30)
    assert ran.code == -9
    it.power_cycle()
    assert it.chip.running is None
    ran = it.flint("v")
    assert ran.code == 1
    assert "No valid image found" in ran.text
    assert recover(it, "ib-5000.bin") == 0
    it.power_cycle()
    assert it.chip.running is not None
    assert it.chip.running.psid == "LAB0000000IB1"


def test_a_held_card_with_a_good_image_verifies_and_burns_as_usual(make_lab: MakeLab) -> None:
    it = make_lab("ib")
    write_images(it)
    it.power_cycle(hold=True)
    assert it.chip.running is None
    ran = it.flint("v")
    assert ran.code == 0
    assert "Image is bootable." in ran.text
    assert it.flint("-i", "ib-5010.bin", "-y", "b").code == 0
    it.power_cycle()
    assert it.chip.running is not None
    assert it.chip.running.version == NEW


def test_mstconfig_says_that_nothing_runs(make_lab: MakeLab) -> None:
    ran = make_lab(None).config("q")
    assert ran.code != 0
    assert "-E- " in ran.text


def test_a_blank_pro_is_seen_as_one(make_lab: MakeLab) -> None:
    ran = make_lab(None, pro=True).flint("hw", "query")
    assert ran.code == 0
    assert "HwDevId                 503" in ran.text
