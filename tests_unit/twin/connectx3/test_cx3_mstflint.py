"""The real mstflint on the model; what it prints is the tool's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from cx3_lab import Lab

from conftest import SMALL, MakeLab, write_images
from rig.twin.connectx3.faults import ChipFault
from rig.twin.connectx3.flash import Timing
from rig.twin.connectx3.image import build

NEW, OLD = (2, 42, 5010), (2, 42, 5000)


def flash_of(it: Lab) -> bytes:
    return (it.chip.cr_path.parent / "flash.bin").read_bytes()


def running_after_power_cycle(it: Lab) -> tuple[tuple[int, int, int], str] | None:
    it.power_cycle()
    now = it.chip.running
    return (now.version, now.psid) if now else None


# --- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("variant", "psid", "protocol"), [
    ("ib", "LAB0000000IB1", "IB"), ("vpi", "LAB00000VPI01", "IB"), ("eth", "LAB000000ETH1", "ETH"),
])  # fmt: skip
def test_every_variant_is_queried(make_lab: MakeLab, variant: str, psid: str, protocol: str) -> None:
    ran = make_lab(variant).flint("q", "full")
    assert ran.code == 0
    assert ran.text.splitlines() == [
        "Image type:            FS2",
        "FW Version:            2.42.5000",
        "FW Release Date:       2.1.2026",
        "Min FIT Version:       1.0.0.0",
        "MIC Version:           2.0.0",
        "Config Sectors:        16",
        f"PRS Name:              lab-cx3-{variant}.prs",
        "Product Version:       02.42.5000",
        f"Rom Info:              type=PXE version=3.4.752 proto={protocol}",
        "Device ID:             4099",
        "Description:           Node             Port1            Port2            Sys image",
        "GUIDs:                 0200000300c0ffe0 0200000300c0ffe1 0200000300c0ffe2 0200000300c0ffe3 ",
        "MACs:                                       020000c0ffe0     020000c0ffe1",
        "VSD:                   ",
        f"PSID:                  {psid}",
    ]


@pytest.mark.parametrize(("part", "name", "jedec"), [
    ("w25q32", "W25QxxBV", "0x1640ef"), ("w25q16", "W25QxxBV", "0x1540ef"), ("n25q032", "N25Q0XX", "0x16ba20"),
    ("m25px16", "M25PXxx", "0x157120"), ("m25p16", "M25Pxx", "0x152020"), ("mx25l16", "MX25L16xxx", "0x1520c2"),
])  # fmt: skip
def test_every_flash_part_is_known_and_burns(make_lab: MakeLab, part: str, name: str, jedec: str) -> None:
    it = make_lab("ib", part=part)
    write_images(it)
    ran = it.flint("hw", "query")
    fields = dict(line.split(maxsplit=1) for line in ran.text.splitlines() if len(line.split()) == 2)
    assert (fields["HwDevId"], fields["Type"], fields["JEDEC_ID"]) == ("501", name, jedec)
    assert it.flint("-i", "ib-5010.bin", "-y", "b").code == 0
    assert running_after_power_cycle(it) == (NEW, "LAB0000000IB1")


def test_a_good_card_verifies_and_reads_back_what_was_programmed(ib: Lab) -> None:
    ran = ib.flint("v")
    assert ran.code == 0
    assert ran.text.count(" - OK") == 8
    assert "FW image verification succeeded. Image is bootable." in ran.text
    assert ib.flint("ri", "back.bin").code == 0
    assert (ib.files / "back.bin").read_bytes() == (ib.files / "ib-5000.bin").read_bytes()


def test_the_configuration_comes_out_as_it_went_in(ib: Lab) -> None:
    assert ib.flint("dc", "card.ini").code == 0
    text = (ib.files / "card.ini").read_text()
    assert text.startswith(";; synthetic configuration")
    assert "eth_xfi_en = false\n" in text
    assert "sriov_en = true\n" in text
    assert ib.flint("dc").text == text


def test_damage_under_a_running_card_is_found_by_verify(ib: Lab) -> None:
    path = ib.chip.cr_path.parent / "flash.bin"
    with path.open("r+b") as flash:
        flash.seek(0x1100)
        flash.write(b"\x55")
    ran = ib.flint("v")
    assert ran.code == 1
    assert "(DDR) /0x00001048/ - wrong CRC" in ran.text
    assert "AN HCA DEVICE CAN NOT BOOT FROM THIS IMAGE" in ran.text
    assert running_after_power_cycle(ib) is None


# --- burning ------------------------------------------------------------------------------------------------------


def test_a_newer_image_is_burnt_and_runs_from_the_next_cold_start(make_lab: MakeLab) -> None:
    it = make_lab("ib", size=0x80000)
    (it.files / "new.bin").write_bytes(build("ib", version=NEW, mac=0x0200000BEEF0))
    ran = it.flint("-i", "new.bin", "-y", "b")
    assert ran.code == 0
    assert (
        "\rBurning FS2 FW image without signatures -  99%\rBurning FS2 FW image without signatures - OK  \n" in ran.text
    )
    assert ran.text.endswith("\rRestoring signature                     - OK\n")
    assert "FW Version(Running):   2.42.5000" in it.flint("q").text
    assert running_after_power_cycle(it) == (NEW, "LAB0000000IB1")
    query = it.flint("q").text
    assert "Running" not in query
    assert "020000c0ffe0     020000c0ffe1" in query, "a burn keeps the card's own addresses"


@pytest.mark.parametrize("image", ["ib-5000.bin", "ib-4000.bin"])
def test_a_version_that_is_not_newer_is_asked_about(ib: Lab, image: str) -> None:
    before = flash_of(ib)
    for answers in (b"", b"n\n", b"\n"):
        ran = ib.flint("-i", image, "b", answers=answers)
        assert ran.code == 7
        assert ran.text.endswith(" Do you want to continue ? (y/n) [n] : -E- Aborted by user\n")
    assert flash_of(ib) == before
    assert ib.flint("-i", image, "b", answers=b"y\n").code == 0


def test_another_psid_is_refused_and_burnt_when_allowed(ib: Lab) -> None:
    before = flash_of(ib)
    ran = ib.flint("-i", "eth-5010.bin", "-y", "b")
    assert ran.code == 1
    assert "-E- PSID mismatch. The PSID on flash (LAB0000000IB1) differs" in ran.text
    assert flash_of(ib) == before
    ran = ib.flint("-i", "eth-5010.bin", "-allow_psid_change", "b", answers=b"y\n")
    assert ran.code == 0
    assert ran.text.count("Do you want to continue ?") == 1
    assert running_after_power_cycle(ib) == (NEW, "LAB000000ETH1")
    assert "eth_xfi_en = true\n" in ib.flint("dc").text


def test_three_questions_in_a_row_take_three_answers(ib: Lab) -> None:
    (ib.files / "same.bin").write_bytes(build("eth", version=OLD, size=SMALL, failsafe=False))
    command = ("-i", "same.bin", "-nofs", "-allow_psid_change", "b")
    before = flash_of(ib)
    ran = ib.flint(*command, answers=b"y\ny\n")
    assert (ran.code, ran.text.count("Do you want to continue ?")) == (1, 3), "7 is for the first question alone"
    assert ran.text.endswith("-E- Aborted by user\n")
    assert flash_of(ib) == before
    assert ib.flint(*command, answers=b"y\ny\ny\n").code == 0
    assert running_after_power_cycle(ib) == (OLD, "LAB000000ETH1")


def test_an_image_without_failsafe_needs_to_be_asked_for(ib: Lab) -> None:
    before = flash_of(ib)
    ran = ib.flint("-i", "eth-nofs.bin", "-allow_psid_change", "-y", "b")
    assert ran.code == 1
    assert "-E- Failsafe burn failed: FW image in the given file is non failsafe." in ran.text
    assert flash_of(ib) == before


def test_an_image_without_guids_is_given_the_card_s_own(ib: Lab) -> None:
    assert ib.run("mstflint", "-i", "blank-guids.bin", "v").code == 1
    assert ib.flint("-i", "blank-guids.bin", "-y", "b").code == 0
    assert running_after_power_cycle(ib) == (NEW, "LAB0000000IB1")
    assert "020000c0ffe0     020000c0ffe1" in ib.flint("q").text
    ran = ib.flint("v")
    assert ran.code == 0
    assert "(Full Image) /0x00000000/ - wrong CRC" in ran.text, "the tool leaves the whole-image sum blank"


def test_guids_and_macs_are_set_by_a_burn(ib: Lab) -> None:
    assert ib.flint("-guid", "0x0002c903000c0de0", "-mac", "0002c90c0de0", "-y", "sg").code == 0
    ib.power_cycle()
    assert ib.chip.running is not None
    assert ib.chip.running.macs == (bytes.fromhex("0002c90c0de0"), bytes.fromhex("0002c90c0de1"))
    assert ib.chip.running.guids[0] == 0x0002C903000C0DE0


# --- refused before anything is written ---------------------------------------------------------------------------


def damaged(image: bytes) -> bytes:
    return image[:0x1100] + bytes((image[0x1100] ^ 0xA5,)) + image[0x1101:]


@pytest.mark.parametrize(("spoil", "words"), [
    (damaged, "Bad CRC."),
    (lambda image: b"\0" + image[1:], "No valid image found"),
    (lambda image: image[:0x2000], "read error"),
    (lambda image: b"", ""),
    (lambda image: build("ib", version=NEW, size=SMALL, pro=True), "Device/Image mismatch"),
    (lambda image: build("ib", version=NEW, size=0x1F8000), "greater than max failsafe image size"),
], ids=["damaged", "magic", "truncated", "empty", "other chip", "too large"])  # fmt: skip
def test_a_wrong_image_is_refused_and_nothing_is_written(ib: Lab, spoil: object, words: str) -> None:
    assert callable(spoil)
    (ib.files / "bad.bin").write_bytes(spoil((ib.files / "ib-5010.bin").read_bytes()))
    before = flash_of(ib)
    ran = ib.flint("-i", "bad.bin", "-y", "b")
    assert ran.code == 1
    assert "-E- " in ran.text
    assert words in ran.text
    assert flash_of(ib) == before


def test_a_pro_takes_its_own_images_only(make_lab: MakeLab) -> None:
    it = make_lab("ib", pro=True)
    write_images(it)
    assert "Device ID:             4103" in it.flint("q").text
    ran = it.flint("-i", "ib-5010.bin", "-y", "b")
    assert ran.code == 1
    assert "cannot be programmed to device ConnectX-3Pro" in ran.text
    assert it.flint("-i", "pro.bin", "-y", "b").code == 0
    assert running_after_power_cycle(it) == (NEW, "LAB0000000IB1")


# --- killed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("programs", [7, 27, 61])
def test_a_burn_that_was_killed_leaves_the_old_image(ib: Lab, programs: int) -> None:
    assert ib.flint("-i", "ib-5010.bin", "-y", "b", kill_after=programs).code == -9
    ran = ib.flint("q")
    assert ran.code == 1
    assert "Can not obtain Flash semaphore" in ran.text
    assert "FW Version:            2.42.5000" in ib.flint("q").text
    assert ib.flint("v").code == 0
    assert running_after_power_cycle(ib) == (OLD, "LAB0000000IB1")
    assert ib.flint("-i", "ib-5010.bin", "-y", "b").code == 0
    assert running_after_power_cycle(ib) == (NEW, "LAB0000000IB1")


def test_a_cold_start_frees_the_semaphore_of_a_killed_burn(ib: Lab) -> None:
    ib.flint("-i", "ib-5010.bin", "-y", "b", kill_after=20)
    ib.power_cycle()
    assert ib.flint("q").code == 0


def test_the_semaphore_can_be_cleared(ib: Lab) -> None:
    ib.flint("-i", "ib-5010.bin", "-y", "b", kill_after=20)
    assert ib.flint("-clear_semaphore").code == 0
    assert ib.flint("q").code == 0


def test_power_cut_in_the_middle_of_a_burn_leaves_the_old_image(make_lab: MakeLab) -> None:
    it = make_lab("ib", faults=[ChipFault("off-bus", after=30, times=1)], timing=Timing(0.0001, 0.002))
    write_images(it)
    assert it.flint("-i", "ib-5010.bin", "-y", "b").code == 1
    assert running_after_power_cycle(it) == (OLD, "LAB0000000IB1")


# --- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "words"), [
    (ChipFault("off-bus"), "MFE_"),
    (ChipFault("secure-host"), "HW access is disabled on the device."),
    (ChipFault("gateway-stuck"), "MFE_TIMEOUT"),
    (ChipFault("no-flash"), "MFE_NO_FLASH_DETECTED"),
], ids=lambda it: it.kind if isinstance(it, ChipFault) else "")  # fmt: skip
def test_a_chip_that_cannot_be_opened_is_named_by_the_tool(make_lab: MakeLab, fault: ChipFault, words: str) -> None:
    ran = make_lab("ib", faults=[fault]).flint("q")
    assert ran.code == 1
    assert words in ran.text


@pytest.mark.parametrize(("fault", "words"), [
    (ChipFault("wip-stuck", times=1), "Flash erase of address 0x80000 failed: MFE_WRITE_TIMEOUT"),
    (ChipFault("program-fails", after=20, times=1), "MFE_VERIFY_ERROR"),
    (ChipFault("stuck-byte", times=1, address=0x81234), "to address physical 0x1010 failed: MFE_VERIFY_ERROR"),
], ids=lambda it: it.kind if isinstance(it, ChipFault) else "")  # fmt: skip
def test_a_flash_that_fails_leaves_the_old_image_and_takes_the_next_burn(
    make_lab: MakeLab, fault: ChipFault, words: str
) -> None:
    it = make_lab("ib", faults=[fault])
    write_images(it)
    ran = it.flint("-i", "ib-5010.bin", "-y", "b")
    assert ran.code == 1
    assert words in ran.text
    assert running_after_power_cycle(it) == (OLD, "LAB0000000IB1")
    assert it.flint("-i", "ib-5010.bin", "-y", "b").code == 0
    assert running_after_power_cycle(it) == (NEW, "LAB0000000IB1")


def test_an_erase_that_fails_is_seen_where_something_was_written(ib: Lab, tmp_path: Path) -> None:
    assert ib.flint("-i", "ib-5010.bin", "-y", "b").code == 0
    ib.close()
    again = Lab(tmp_path / "again", faults=[ChipFault("erase-fails")])
    (again.chip.cr_path.parent / "flash.bin").write_bytes(flash_of(ib))
    (again.files / "newer.bin").write_bytes(build("ib", version=(2, 42, 5020), size=SMALL))
    again.power_cycle()
    ran = again.flint("-i", "newer.bin", "-y", "b")
    assert ran.code == 1
    assert "MFE_VERIFY_ERROR" in ran.text
    assert running_after_power_cycle(again) == (NEW, "LAB0000000IB1")
    again.close()


def test_a_part_with_real_timing_is_waited_for(make_lab: MakeLab) -> None:
    it = make_lab("ib", timing=Timing(page_s=0.0007, erase_s=0.05))
    write_images(it)
    assert it.flint("-i", "ib-5010.bin", "-y", "b").code == 0
    assert running_after_power_cycle(it) == (NEW, "LAB0000000IB1")
