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


# --- the questions of a burn ----------------------------------------------------------------------------------

ASKED = " Do you want to continue ? (y/n) [n] : "
SAME = "    Note: The new FW version is the same as the current FW version on flash.\n\n"
PSID = '    You are about to replace current PSID on flash - "A_1" with a different PSID - "B_2".\n\n'


def asked(name: str) -> list[str]:
    """Each question of a captured burn with the text before it, as whoever answers it is shown it."""
    *questions, _ = text(name).split(ASKED)
    return [question + ASKED for question in questions]


@pytest.mark.parametrize(
    ("name", "prompts"),
    [
        ("burn", []),
        ("burn-older", [Prompt.OLDER_VERSION]),
        ("burn-psid-change", [Prompt.SAME_VERSION, Prompt.OTHER_PSID]),
        ("burn-nofs", [Prompt.NOT_FAILSAFE]),
        ("burn-nofs-psid", [Prompt.SAME_VERSION, Prompt.OTHER_PSID, Prompt.NOT_FAILSAFE]),
        ("burn-same-version-declined", [Prompt.SAME_VERSION]),
        ("burn-blank", [Prompt.IDENTIFIERS, Prompt.BLANK_VSD, Prompt.NOT_FAILSAFE]),
        ("burn-blank-use-image-ps", [Prompt.IDENTIFIERS, Prompt.NOT_FAILSAFE]),
    ],
)
def test_every_question_of_a_burn_is_understood_one_by_one(name: str, prompts: list[Prompt]) -> None:
    for line_end in ("\n", "\r\n"):
        found = [flint.questions(question.replace("\n", line_end)) for question in asked(name)]
        assert found == [(prompt,) for prompt in prompts]


def test_two_things_asked_in_one_question_are_both_told() -> None:
    assert flint.questions(SAME + PSID + ASKED) == (Prompt.SAME_VERSION, Prompt.OTHER_PSID)


@pytest.mark.parametrize(
    "said",
    [
        "",
        ASKED,
        SAME,
        SAME + " Are you sure ? (y/n) [n] : ",
        "    The ROM in the image is older than the one on flash." + "\n\n" + ASKED,
        SAME + "    The boot record of the flash will be erased.\n\n" + ASKED,
        "    The boot record of the flash will be erased.\n\n" + SAME + ASKED,
        # FS3 and later: a prompt of the same tool about another family
        "    You are about to change the security mode of the device.\n\n" + ASKED,
        "    Invariant sector is about to be changed\r" + SAME + ASKED,
        "-W- The security mode will change.\n" + SAME + ASKED,
        "-E- The flash part is not known.\n" + SAME + ASKED,
        SAME + "    Note: the flash will be locked after this.\n" + ASKED,
        SAME + "    Burning needs the boot block erased.\n" + ASKED,
        "x" * 200_000 + "\n" + ASKED,
        "\x1b[2J\0" + ASKED,
    ],
)
def test_a_question_that_is_not_understood_to_the_last_line_is_none(said: str) -> None:
    assert flint.questions(said) is None


def test_the_psids_of_a_change_are_read_from_its_question() -> None:
    _, question = asked("burn-psid-change")
    assert flint.new_psids(question) == ("LAB0000000IB1", "LAB000000ETH1")
    assert flint.new_psids(question.replace("\n", "\r\n")) == ("LAB0000000IB1", "LAB000000ETH1")


@pytest.mark.parametrize("said", ["", SAME + ASKED, "PSID on flash (A) differs from the PSID in the image (B)"])
def test_no_change_of_the_psid_has_no_psids(said: str) -> None:
    assert flint.new_psids(said) is None


def test_the_identifiers_about_to_be_set_are_the_new_ones_of_the_table() -> None:
    guids = tuple(f"0002c903000c0de{n}" for n in range(4))
    assert flint.new_identifiers(asked("burn-blank")[0]) == (guids, ("0002c90c0de0", "0002c90c0de1"))
    # over a flash that has its own: the second column is not what is set
    assert flint.new_identifiers(asked("set-guids")[0]) == (guids, ("0002c90c0de0", "0002c90c0de1"))


@pytest.mark.parametrize(
    "said",
    [
        "",
        asked("burn-older")[0],
        "        Node  GUID:     N/A    0200000300c0ffe0\n",
        "        Port1 MAC:      0002c90c0d     N/A\n",
        "        Port1 MAC:      0002c90c0de00000000     N/A\n",
    ],
)
def test_no_table_of_identifiers_sets_none(said: str) -> None:
    assert flint.new_identifiers(said) == ((), ())


# --- what is blank, and what is bad ---------------------------------------------------------------------------


def test_an_image_as_mlxburn_makes_it_lacks_only_guids() -> None:
    it = flint.verify(text("verify-blank-guids"))
    assert it is not None
    assert (it.ok, it.reason, it.failsafe, it.only_guids_blank) == (False, "BLANK GUIDS", True, True)
    assert [s.name for s in it.sections if s.blank] == ["GUID", "Full Image"]


def test_a_flash_that_got_such_an_image_is_good_though_its_whole_sum_was_never_set() -> None:
    it = flint.verify(text("verify-blank-sum"))
    assert it is not None
    assert (it.ok, it.reason, it.only_guids_blank) == (True, "", False)
    assert [(s.name, s.ok, s.blank) for s in it.sections][-1] == ("Full Image", False, True)


def test_a_flash_without_an_image_is_not_one_with_blank_guids() -> None:
    it = flint.verify(text("verify-blank-flash"))
    assert it is not None
    assert (it.ok, it.reason, it.sections, it.only_guids_blank) == (False, "No valid image found", (), False)


@pytest.mark.parametrize(
    ("name", "said", "blank"),
    [
        ("GUID", "BLANK CRC (0xffff)", True),
        ("Full Image", "BLANK CRC (0xffff)", True),
        ("Full Image", "wrong CRC (exp:0x97cb, act:0xffff)", True),
        ("Full Image", "wrong CRC (exp:0xffff, act:0x97cb)", False),
        ("Full Image", "OK", False),
        ("DDR", "wrong CRC (exp:0x97cb, act:0xffff)", False),
        ("DDR", "BLANK CRC (0xffff)", False),
        ("BOOT2", "BLANK CRC (0xffff)", False),
        ("FW Configuration", "wrong CRC (exp:0x97cb, act:0xffff)", False),
    ],
)
def test_only_the_sums_of_guids_and_of_the_whole_may_be_unset(name: str, said: str, blank: bool) -> None:
    assert flint.Section(name, said == "OK", said).blank is blank


def test_guids_that_are_blank_do_not_excuse_another_section() -> None:
    bad = text("verify-blank-guids").replace("(ROM) - OK", "(ROM) - wrong CRC (exp:0x1, act:0xffff)")
    it = flint.verify(bad)
    assert it is not None
    assert (it.ok, it.only_guids_blank) == (False, False)


def test_a_sum_of_all_f_in_another_section_is_a_damaged_flash_though_the_tool_calls_it_bootable() -> None:
    it = flint.verify(text("verify-blank-sum").replace("(DDR) - OK", "(DDR) - wrong CRC (exp:0x1, act:0xffff)"))
    assert it is not None
    assert not it.ok


# --- what a failed burn means ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (text("burn-stuck-byte"), Problem.FLASH_BAD),
        (text("burn-erase-fails"), Problem.FLASH_BAD),
        (text("burn-not-failsafe-refused"), Problem.NOT_FAILSAFE),
        (text("burn-blank-refused"), Problem.NO_GUIDS),
        (text("burn-same-version-declined"), Problem.ABORTED),
        (text("burn-psid-mismatch"), Problem.PSID),
        (text("burn-blank"), None),
        (
            "-E- Burning FS2 image failed: Flash write failed: Flash erase of address 0x80000 failed: "
            "MFE_WRITE_TIMEOUT",
            Problem.FLASH_STUCK,
        ),
        ("-E- Cannot open Device: 0000:05:00.0. Read-only file system. MFE_NO_FLASH_DETECTED", Problem.NO_FLASH),
        ("-E- Cannot open Device: 0000:05:00.0. Read-only file system. MFE_TIMEOUT", Problem.TIMEOUT),
        (
            "-E- Burning FS2 image failed: Device/Image mismatch: FW image file cannot be programmed to device "
            "ConnectX-3 A1, it is intended for: ConnectX-3Pro only",
            Problem.WRONG_DEVICE,
        ),
        (
            "-E- Failed to query image: truncated.bin.      /0x00001048-0x0005e97b (0x05d934)/ (DDR) - read error "
            "(Reading 0x4 bytes from  address 0x5e978 is out of image limits (0x50000 bytes))",
            Problem.BAD_IMAGE,
        ),
        ("-E- Failed to query Device: 0000:05:00.0. No valid image found", Problem.BAD_IMAGE),
        (
            "-E- Can not extract GUIDs/MACs info from flash, No valid image foundPlease specify GUIDs / MACs (using "
            "command line flags -guid(s) / -mac(s) ).",
            Problem.NO_GUIDS,
        ),
    ],
)
def test_the_errors_of_a_burn_are_told_apart(said: str, problem: Problem | None) -> None:
    assert flint.problem(said) is problem


@pytest.mark.parametrize(
    ("name", "started", "done"),
    [
        ("burn-psid-change", True, True),
        ("burn-blank", True, True),
        ("burn-nofs", True, True),
        ("burn-stuck-byte", True, False),
        ("burn-erase-fails", True, False),
        ("burn-not-failsafe-refused", False, False),
        ("burn-blank-refused", False, False),
        ("burn-same-version-declined", False, False),
        ("burn-psid-mismatch", False, False),
    ],
)
def test_a_burn_tells_whether_the_flash_was_written_to(name: str, started: bool, done: bool) -> None:
    it = flint.burn(text(name))
    assert (it.started, it.done) == (started, done)


def test_a_flash_without_an_image_has_no_version_to_replace() -> None:
    it = flint.burn(text("burn-blank"))
    assert (it.old_version, it.new_version, it.psids) == ("N/A", "2.42.5010", None)


def test_a_later_family_fails_with_a_problem_too() -> None:
    # public texts of MFT's flint on FS3 and FS4
    assert flint.problem("-E- Burning FS4 image failed: The Digest in the signature is wrong") is Problem.FLASH_WRITE
    assert flint.verify("-E- Verify flash failed: The image is encrypted") is None
