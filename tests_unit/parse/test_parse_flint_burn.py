"""What mstflint asks in a burn, what blank and bad sums mean, and what a burn that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.parse import flint
from rig.parse.flint import Problem, Prompt

DATA = Path(__file__).parent / "data"


def text(name: str) -> str:
    # bytes, because read_text() would make a line end of every carriage return
    return (DATA / f"mstflint-4.21-{name}.txt").read_bytes().decode()


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
