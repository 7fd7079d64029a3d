import pytest
from firmware_fakes import ASKED, captured

from rig.steps.firmware.authority import Answers, Authority
from rig.vault import Identity

IB, ETH = "LAB0000000IB1", "LAB000000ETH1"
GUIDS = tuple(f"0002c903000c0de{n}" for n in range(4))
MACS = ("0002c90c0de0", "0002c90c0de1")
OWN = Identity(IB, 4099, "2.42.5000", GUIDS, MACS)


def asked(name):
    """Each question of a captured burn, with the text before it."""
    *questions, _ = captured(name).split(ASKED)
    return [question + ASKED for question in questions]


SAME = asked("burn-same-version-declined")[0]
OLDER = asked("burn-older")[0]
PSID = asked("burn-psid-change")[1]
NOFS = asked("burn-nofs")[0]
SET, VSD, BLANK_NOFS = asked("burn-blank")


def allow(*words, **more):
    return Authority("plan", frozenset(words), **more)


@pytest.mark.parametrize(
    ("question", "authority"),
    [
        (SAME, allow("same version")),
        (OLDER, allow("older version")),
        (NOFS, allow("not failsafe")),
        (BLANK_NOFS, allow("not failsafe")),
        (VSD, allow("blank VSD")),
        (PSID, allow(psids=(IB, ETH))),
        (SET, allow(identity=OWN)),
        (SET, allow(identity=Identity(ETH, 4103, "1", GUIDS, MACS))),
    ],
)
def test_what_is_authorised_is_answered_with_yes(question, authority):
    answers = Answers(authority)
    assert answers(question) == "y"
    assert len(answers.asked) == 1
    assert answers.refused == ""


EVERYTHING = frozenset(["same version", "older version", "not failsafe", "blank VSD"])


@pytest.mark.parametrize(
    ("question", "authority", "why"),
    [
        (SAME, allow(), "the same version is on the flash, and 'same version' is not authorised"),
        (SAME, allow("older version"), "'same version' is not authorised"),
        (OLDER, allow("same version"), "'older version' is not authorised"),
        (NOFS, allow("same version", "older version"), "'not failsafe' is not authorised"),
        (VSD, allow("not failsafe"), "'blank VSD' is not authorised"),
        (PSID, Authority("plan", EVERYTHING), f"a PSID change from {IB} to {ETH} is not authorised"),
        (PSID, allow(psids=(ETH, IB)), f"a PSID change from {IB} to {ETH} is not authorised"),
        (PSID, allow(psids=(IB, "LAB000000ETH2")), "is not authorised"),
        (PSID, allow(psids=("LAB0000000IB2", ETH)), "is not authorised"),
        (PSID.replace(f'"{ETH}"', '"LAB"0"'), allow(psids=(IB, ETH)), "is not authorised"),
        (SET, Authority("plan", EVERYTHING), "it would set other GUIDs and MACs than the card's own"),
        (SET, allow(identity=Identity(IB, 4099, "1", GUIDS, (MACS[0], "0002c90c0de2"))), "other GUIDs and MACs"),
        (SET, allow(identity=Identity(IB, 4099, "1", (*GUIDS[:3], GUIDS[0]), MACS)), "other GUIDs and MACs"),
        (SET, allow(identity=Identity(IB, 4099, "1", GUIDS, ())), "other GUIDs and MACs"),
        (SET, allow(identity=Identity(IB, 4099, "1", GUIDS[:1], MACS[:1])), "other GUIDs and MACs"),
    ],
)
def test_what_is_not_authorised_is_answered_with_no_and_says_why(question, authority, why):
    answers = Answers(authority)
    assert answers(question) == "n"
    assert why in answers.refused


def test_a_question_with_macs_alone_is_held_against_the_macs():
    macs_only = "\n".join(line for line in SET.split("\n") if "GUID:" not in line)
    assert Answers(allow(identity=OWN))(macs_only) == "y"
    guids_only = "\n".join(line for line in SET.split("\n") if "MAC:" not in line)
    assert Answers(allow(identity=OWN))(guids_only) == "n"


@pytest.mark.parametrize(
    "question",
    [
        "",
        ASKED,
        f"    The boot record will be erased.\n\n{ASKED}",
        f"    The boot record will be erased.\n\n{SAME}",
        " Are you sure ? (y/n) [n] : ",
        PSID.replace("You are about to replace current PSID", "You are about to lose the PSID"),
    ],
)
def test_a_question_that_the_rig_does_not_know_is_answered_with_no_whatever_is_authorised(question):
    answers = Answers(Authority("operator", EVERYTHING, (IB, ETH), OWN))
    assert answers(question) == "n"
    assert "what this version of the rig does not know" in answers.refused
    assert answers.asked == []


def test_an_unknown_question_is_quoted_without_its_control_characters_and_bounded():
    answers = Answers(allow())
    answers("\x1b[2J" * 1000 + "x " * 5000 + ASKED)
    assert len(answers.refused) < 500
    assert "\x1b" not in answers.refused


def test_two_things_in_one_question_must_both_be_authorised():
    both = SAME.removesuffix(ASKED) + PSID
    assert Answers(allow("same version", psids=(IB, ETH)))(both) == "y"
    for half in (allow("same version"), allow(psids=(IB, ETH))):
        assert Answers(half)(both) == "n"


def test_a_whole_burn_is_answered_question_by_question_and_remembered():
    answers = Answers(Authority("own backup", EVERYTHING, None, OWN))
    assert [answers(question) for question in asked("burn-blank")] == ["y", "y", "y"]
    assert answers.asked == [
        "GUIDs and MACs are set",
        "the flash has no VSD to keep",
        "the burn is not failsafe",
    ]


def test_the_first_refusal_is_the_reason_that_is_kept():
    answers = Answers(allow())
    answers(SAME)
    answers(PSID)
    assert "same version" in answers.refused
    assert "PSID" not in answers.refused
    assert len(answers.asked) == 2


def test_nothing_is_authorised_by_default():
    answers = Answers(Authority("nobody"))
    assert {answers(question) for question in (SAME, OLDER, PSID, NOFS, SET, VSD)} == {"n"}
