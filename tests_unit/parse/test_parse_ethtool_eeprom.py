"""`ethtool -e`: the dump of a card's NVM."""

from __future__ import annotations

import pytest

from rig.parse import ethtool
from rig.parse.ethtool import Refusal

# the layout of dump_hex() in ethtool 6.1, with its blank at each line's end
DUMP = (
    "Offset\t\tValues\n------\t\t------\n"
    "0x0000:\t\t10 80 ff ff ff ff 20 00 ff ff ff ff 26 00 2e 00 \n"
    "0x0010:\t\t36 00 3e 00 \n"
)
BYTES = bytes.fromhex("1080ffffffff2000ffffffff26002e0036003e00")
# ethtool 2.6, without the colon; tg3.c of every version, one byte a line
OLD = DUMP.replace(":", "")
TG3 = "Address   \tData\n----------\t----\n0x00000000\t0x66\n0x00000001\t0x99\n0x00000002\t0x55\n0x00000003\t0xaa\n"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (DUMP, BYTES),
        (DUMP.replace("\n", "\r\n"), BYTES),
        (DUMP + "\n\n", BYTES),
        (OLD, BYTES),
        (TG3, bytes.fromhex("669955aa")),
        (DUMP.replace("0x0010", "[   12.345678] usb 1-1: new device\r\n0x0010"), BYTES),
        (DUMP.replace(" \n", "\n"), BYTES),
    ],
)
def test_a_dump_is_read_whatever_version_printed_it(text: str, content: bytes) -> None:
    assert ethtool.eeprom(text) == content


def test_a_dump_beyond_64_kib_has_longer_offsets() -> None:
    rows = "".join(f"0x{at:04x}:\t\t" + "ab " * 16 + "\n" for at in range(0, 0x10020, 16))
    assert ethtool.eeprom("Offset\t\tValues\n------\t\t------\n" + rows) == b"\xab" * 0x10020


@pytest.mark.parametrize(
    "damage",
    [
        ("20 00", "20 0"),  # a character lost
        ("0x0010", "0x0020"),  # a line lost
        ("20 00 ", ""),  # a byte lost, the next offset does not follow
        ("26", "2g"),
        ("Values", "Value"),
        (":\t\t36", ":\t\t"),
        ("0x0010", "0x10"),
        ("3e 00", "3e 00 " * 20),
    ],
)
def test_a_torn_dump_is_none(damage: tuple[str, str]) -> None:
    assert ethtool.eeprom(DUMP.replace(*damage)) is None


@pytest.mark.parametrize("text", ["", "Offset\t\tValues\n------\t\t------\n", "Offset\t\tValues", "\0" * 100])
def test_no_dump_is_none_and_not_empty(text: str) -> None:
    assert ethtool.eeprom(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Cannot get EEPROM data: Operation not supported\n", Refusal.NOT_SUPPORTED),
        ("Cannot get EEPROM data: Resource temporarily unavailable\n", Refusal.NOT_NOW),
        ("Cannot get driver information: No such device\n", Refusal.NO_DEVICE),
        ("Cannot get EEPROM data: Operation not permitted\n", Refusal.NOT_PERMITTED),
        ("Cannot get EEPROM data: Invalid argument\n", None),
    ],
)
def test_a_refused_dump_says_why(text: str, why: Refusal | None) -> None:
    assert ethtool.eeprom(text) is None
    assert ethtool.refusal(text) is why
