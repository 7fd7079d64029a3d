from __future__ import annotations

import pytest

from rig.parse import scpi


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            "RIGOL TECHNOLOGIES,DP832,DP8C000000001,00.01.16\n",
            ("RIGOL TECHNOLOGIES", "DP832", "DP8C000000001", "00.01.16"),
        ),
        (
            "Siglent Technologies,SPD3303X-E,SPD3XIDX5R0001,1.01.01.02.07R2,V3.0\n",
            ("Siglent Technologies", "SPD3303X-E", "SPD3XIDX5R0001", "1.01.01.02.07R2,V3.0"),
        ),
        ("*IDN SIGLENT,SPD3303X,SPD0001,1.01\n", ("SIGLENT", "SPD3303X", "SPD0001", "1.01")),
        (
            "Keysight Technologies,E36312A,MY00000001,2.1.0-1.0.4-1.12\n",
            ("Keysight Technologies", "E36312A", "MY00000001", "2.1.0-1.0.4-1.12"),
        ),
        ("Agilent Technologies,E3631A,0,2.1-5.0-1.0\r\n", ("Agilent Technologies", "E3631A", "0", "2.1-5.0-1.0")),
        ("HAMEG,HMP4040,000000001,HW50020001/SW2.30", ("HAMEG", "HMP4040", "000000001", "HW50020001/SW2.30")),
        ("ROHDE&SCHWARZ,HMP4040,000001,HW50020003/SW2.70", ("ROHDE&SCHWARZ", "HMP4040", "000001", "HW50020003/SW2.70")),
        ("GW INSTEK,GPD-4303S,SN:EM000001,V2.10\n", ("GW INSTEK", "GPD-4303S", "EM000001", "V2.10")),
        # libsigrok PRs 47, 54, 55: no commas, with or without blanks, version and serial
        ("KORAD KA3005P V4.2 SN:00000001\0\xff", ("KORAD", "KA3005P", "00000001", "4.2")),
        ("KORADKA3005PV2.0\0", ("KORAD", "KA3005P", "", "2.0")),
        ("TENMA 72-2540 V5.2 SN:12345678", ("TENMA", "72-2540", "12345678", "5.2")),
        ("TENMA72-2540V2.0", ("TENMA", "72-2540", "", "2.0")),
        ("RND 320-KA3005P V5.5", ("RND", "320-KA3005P", "", "5.5")),
    ],
)
def test_every_maker_is_recognised(reply: str, expected: tuple[str, ...]) -> None:
    it = scpi.identity(reply)
    assert it is not None
    assert (it.maker, it.model, it.serial, it.firmware) == expected
    assert it.raw == reply


@pytest.mark.parametrize(
    "reply", ["", "\n", "1.234,0.567,0.700", '0,"No error"', ",,,", "A,,1,2", "KORAD", "SSH-2.0-x", "\0\0"]
)
def test_what_is_no_identification_is_none(reply: str) -> None:
    assert scpi.identity(reply) is None


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("1.234", 1.234),
        ("1.234\n", 1.234),
        ("+1.23400000E+00\n", 1.234),
        ("-0.001", -0.001),
        ("12.000V", 12.0),
        ("0.5 A", 0.5),
        ("12mA", 0.012),
        ("3.3e-3", 0.0033),
        (".5", 0.5),
        ("5.", 5.0),
        ("0", 0.0),
        ("05.00\0", 5.0),  # KORAD
        ("9.91E37", None),  # SCPI: not a number
        ("9.9E+37", None),  # SCPI: infinity
        ("-9.9E37", None),
        ("1e999", None),
        ("nan", None),
        ("inf", None),
        ("5m", None),
        ("1,2", None),
        ("1.2.3", None),
        ("****", None),
        ("", None),
        ("ON", None),
    ],
)
def test_numbers_are_read_as_supplies_print_them(reply: str, value: float | None) -> None:
    assert scpi.number(reply) == (None if value is None else pytest.approx(value, rel=1e-12))


def test_replies_to_several_questions_are_split() -> None:
    assert scpi.numbers("12.0012,0.8331,9.998\n") == (12.0012, 0.8331, 9.998)
    assert scpi.numbers("12.0012;9.91E37") == (12.0012, None)


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        ("ON\n", True),
        ("1", True),
        ("+1", True),
        ("on", True),
        ("OFF\r\n", False),
        ("0", False),
        ("", None),
        ("2", None),
        ("ONN", None),
    ],
)
def test_switches_are_read(reply: str, state: bool | None) -> None:
    assert scpi.switch(reply) is state


@pytest.mark.parametrize(
    ("reply", "limiting"), [("CV\n", False), ("CC", True), ("cc", True), ("UR", None), ("", None), ("CCC", None)]
)
def test_only_cc_is_limiting_and_unregulated_is_neither(reply: str, limiting: bool | None) -> None:
    assert scpi.limiting(reply) is limiting
    assert scpi.mode(reply) == (reply.strip().upper() if reply.strip().upper() in ("CV", "CC", "UR") else None)


@pytest.mark.parametrize(
    ("reply", "entry"),
    [
        ('0,"No error"\n', (0, "No error")),
        ('+0,"No error"', (0, "No error")),
        ('-113,"Undefined header; keyword cannot be found"', (-113, "Undefined header; keyword cannot be found")),
        ('-222,"Data out of range;VOLT 99"\r\n', (-222, "Data out of range;VOLT 99")),
        ("0  No Error", (0, "No Error")),  # Siglent
        ("0,No Error", (0, "No Error")),
        ("0", (0, "")),  # Aim-TTi
        ("100\r\n", (100, "")),
        ("No Error", None),
        ("", None),
        ("1.5", None),
    ],
)
def test_error_queues_of_several_makers_are_read(reply: str, entry: tuple[int, str] | None) -> None:
    assert scpi.error(reply) == entry


@pytest.mark.parametrize(
    ("reply", "rest"),
    [("V1 12.000", "12.000"), ("VP1 OFF", "OFF"), ("OP1 1", "1"), ("12.000V", "12.000V"), ("ON", "ON"), ("", "")],
)
def test_the_name_before_a_reply_is_taken_off(reply: str, rest: str) -> None:
    assert scpi.headless(reply) == rest


def test_many_numbers_between_blanks_are_split_and_a_unit_is_not_cut_off() -> None:
    assert scpi.numbers("12.0 0.5 6.0 0 0 0 1") == (12.0, 0.5, 6.0, 0.0, 0.0, 0.0, 1.0)
    assert scpi.numbers("0.5 A") == (0.5,)
