from __future__ import annotations

from pathlib import Path

import pytest

from rig.parse import flint
from rig.parse.flint import Problem, Progress, Prompt

DATA = Path(__file__).parent / "data"


def text(name: str) -> str:
    # bytes, because read_text() would make a line end of every carriage return
    return (DATA / f"mstflint-4.21-{name}.txt").read_bytes().decode()


def test_a_query_is_read_whole() -> None:
    it = flint.query(text("query").replace("\n", "\r\n"))
    assert it is not None
    assert (it.image_type, it.fw_version, it.running_version, it.psid) == ("FS2", "2.42.5000", None, "LAB0000000IB1")
    assert (it.release_date, it.product_version, it.device_id) == ("2.1.2026", "02.42.5000", 4099)
    assert it.roms == ("type=PXE version=3.4.752 proto=IB",)
    assert it.guids == ("0200000300c0ffe0", "0200000300c0ffe1", "0200000300c0ffe2", "0200000300c0ffe3")
    assert it.macs == ("020000c0ffe0", "020000c0ffe1")
    assert (it.vsd, it.identity_set) == ("", True)


def test_a_full_query_keeps_every_field() -> None:
    it = flint.query(text("query-full"))
    assert it is not None
    assert it.fields["PRS Name"] == "lab-cx3-ib.prs"
    assert it.fields["Config Sectors"] == "16"


# a public note on an HP 544+QSFP: three ROMs, one a line
HP = """Image type:            FS2
FW Version:            2.42.5044
FW Version(Running):   2.40.5032
FW Release Date:       21.10.2018
Rom Info:              version_id=8025 type=CLP
                       type=UEFI version=14.11.48 cpu=AMD64
                       type=PXE version=3.4.754
Device ID:             4103
Description:           Node             Port1            Port2            Sys image
GUIDs:                 ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff
MACs:                                       02000000ae91     02000000ae92
VSD:
PSID:                  HP_1370110017
"""

# MrBr-github/lshca issue 54: MFT's flint on a later family
FS4 = """Image type:            FS4
FW Version:            24.33.1048
Rom Info:              type=UEFI Virtio net version=21.2.10 cpu=AMD64
                       type=PXE version=3.6.502 cpu=AMD64
Description:           UID                GuidsNumber
Base GUID:             020000030053eaec        16
Base MAC:              02000053eaec            16
Image VSD:             N/A
Device VSD:            N/A
PSID:                  MT_0000000723
Security Attributes:   secure-fw
"""


def test_several_roms_and_a_pending_restart_are_read() -> None:
    it = flint.query(HP)
    assert it is not None
    assert it.roms == ("version_id=8025 type=CLP", "type=UEFI version=14.11.48 cpu=AMD64", "type=PXE version=3.4.754")
    assert (it.fw_version, it.running_version) == ("2.42.5044", "2.40.5032")


def test_guids_of_all_f_are_normal_on_ethernet_only_cards() -> None:
    it = flint.query(HP)
    assert it is not None
    assert set(it.guids) == {"f" * 16}
    assert it.identity_set


def test_macs_of_all_f_and_a_warning_mean_blank() -> None:
    blank = flint.query(HP.replace("02000000ae91", "f" * 12).replace("02000000ae92", "f" * 12))
    warned = flint.query(HP + "-W- GUIDs/MACs values and their CRC are not set.\n")
    assert blank is not None
    assert warned is not None
    assert (blank.identity_set, warned.identity_set) == (False, False)


def test_later_families_have_a_base_guid_and_mac() -> None:
    it = flint.query(FS4)
    assert it is not None
    assert (it.image_type, it.guids, it.macs) == ("FS4", ("020000030053eaec",), ("02000053eaec",))
    assert it.fields["Security Attributes"] == "secure-fw"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("-E- Cannot open Device: 05:00.0. No such file or directory. MFE_CR_ERROR", Problem.NO_DEVICE),
        ("-E- Cannot open Device: 05:00.0. Permission denied. MFE_CR_ERROR", Problem.NO_PERMISSION),
        ("-E- Cannot open Device: 05:00.0. No such file or directory. MFE_TIMEOUT", Problem.TIMEOUT),
        (
            "-E- Can not obtain Flash semaphore-E- Cannot open Device: 05:00.0. Can not obtain Flash semaphore. "
            'You can run "flint -clear_semaphore -d <device>" to force semaphore unlock.',
            Problem.SEMAPHORE,
        ),
        ('-E- Cannot open Image: nofile. Can not open file "nofile" - No such file or directory', Problem.NO_FILE),
        ("-E- Cannot open Image: /dev/null. Invalid Firmware Format (found FS Gen 1)", Problem.BAD_IMAGE),
        ("-E- Failed to query image: z.bin. No valid image found", Problem.BAD_IMAGE),
        ("-E- Failed to query image: bad-ddr.bin. Bad CRC.", Problem.BAD_IMAGE),
        (
            "-E- PSID mismatch. The PSID on flash (LNV0000000025) differs from the PSID in the image (MT_0000000158).",
            Problem.PSID,
        ),
        ("-E- Failsafe burn failed: FW image in the given file is non failsafe.", Problem.NOT_FAILSAFE),
        (
            "-E- Burning FS2 image failed: Size of failsafe image (0x1f8000) is greater than max failsafe image size",
            Problem.TOO_BIG,
        ),
        ("-E- Burning FS2 image failed: Flash write failed. x", Problem.FLASH_WRITE),
        ("-E- Device/Image mismatch: Only FS2 device types are supported.", Problem.WRONG_DEVICE),
        (
            "-E- The given device requires an FS2 image type, but the given image file does not contain one",
            Problem.WRONG_DEVICE,
        ),
        ("-E- Can not extract VSD/PSID info from flash.", Problem.NO_VSD),
        ("-E- Can not extract GUIDs/MACs info from flash, x", Problem.NO_GUIDS),
        ("-E- Configuration section offset on flash (8 sectors) differs from the image", Problem.LAYOUT),
        ("-E- Failed dumping Fw Configuration : x", Problem.NO_CONFIGURATION),
        (" Do you want to continue ? (y/n) [n] : -E- Aborted by user", Problem.ABORTED),
        ("-E- Device ConnectX3 doesn't support swreset command.", Problem.UNSUPPORTED),
        ("-E- something nobody has seen", Problem.OTHER),
        ("-W- only a warning", None),
        ("", None),
    ],
)
def test_errors_are_told_apart(said: str, problem: Problem | None) -> None:
    assert flint.problem(said + "\r\n") is problem
    assert flint.query(said) is None


def test_messages_are_sorted_by_mark() -> None:
    it = flint.messages("-E- one-E- two\r\n-W- three\n-I- four\nfive\n")
    assert (it.errors, it.warnings, it.notes) == (("one", "two"), ("three",), ("four",))


def test_a_good_image_verifies_section_by_section() -> None:
    it = flint.verify(text("verify"))
    assert it is not None
    assert (it.ok, it.failsafe, it.reason) == (True, True, "")
    assert [s.name for s in it.sections][:3] == ["BOOT2", "DDR", "ROM"]
    assert len(it.sections) == 8
    assert all(s.ok for s in it.sections)


def test_a_damaged_image_names_its_section() -> None:
    it = flint.verify(text("verify-bad"))
    assert it is not None
    assert (it.ok, it.reason) == (False, "Bad CRC")
    assert [(s.name, s.text) for s in it.sections if not s.ok] == [("DDR", "wrong CRC (exp:0xf523, act:0x372a)")]


def test_no_valid_image_and_blank_guids_fail_with_their_reason() -> None:
    said = "-E- FW image verification failed: {}. AN HCA DEVICE CAN NOT BOOT FROM THIS IMAGE.\n"
    for reason in ("No valid image found", "BLANK GUIDS"):
        it = flint.verify(said.format(reason))
        assert it is not None
        assert (it.ok, it.reason, it.failsafe) == (False, reason, None)


def test_a_non_failsafe_image_is_said() -> None:
    it = flint.verify("     FS2 non failsafe image:\n\n-I- FW image verification succeeded. Image is bootable.\n")
    assert it is not None
    assert (it.ok, it.failsafe) == (True, False)


def test_a_verification_without_a_result_is_none() -> None:
    assert flint.verify("-E- Cannot open Device: 05:00.0. MFE_CR_ERROR\n") is None


def test_progress_is_the_last_thing_drawn() -> None:
    whole = text("burn")
    part = whole[: whole.index("42%") + 3]
    assert flint.progress(part) == Progress("Burning FS2 FW image without signatures", 42)
    assert flint.progress(whole) == Progress("Restoring signature", 100)
    assert flint.progress("nothing - here\n") is None


def test_a_finished_burn_is_done() -> None:
    it = flint.burn(text("burn").replace("\n", "\r\n"))
    assert (it.old_version, it.new_version) == ("2.42.5000", "2.42.5010")
    assert (it.started, it.done, it.prompts, it.psids) == (True, True, (), None)


def test_a_burn_that_stopped_half_way_is_started_and_not_done() -> None:
    whole = text("burn")
    it = flint.burn(whole[: whole.index("42%") + 3])
    assert (it.started, it.done) == (True, False)


def test_every_prompt_is_seen() -> None:
    it = flint.burn(text("burn-nofs-psid"))
    assert it.prompts == (Prompt.SAME_VERSION, Prompt.OTHER_PSID, Prompt.NOT_FAILSAFE)
    assert it.psids == ("LAB0000000IB1", "LAB000000ETH1")


def test_a_refused_burn_never_started() -> None:
    it = flint.burn("-E- Failsafe burn failed: FW image in the given file is non failsafe.\n")
    assert (it.started, it.done, it.old_version) == (False, False, None)
