"""What comes through `gzip -c | base64` on a console."""

from __future__ import annotations

import base64
import gzip
import subprocess

import pytest

from rig.parse.packed import unpack

TEXT = "".join(f"0x{at:04x}:\t\t{at % 251:02x} \n" for at in range(3000))
PACKED = base64.encodebytes(gzip.compress(TEXT.encode(), mtime=0)).decode()


def test_the_hosts_own_programs_pack_what_is_unpacked_here() -> None:
    done = subprocess.run(["/bin/sh", "-c", "gzip -c | base64"], input=TEXT, capture_output=True, text=True, check=True)
    assert unpack(done.stdout) == TEXT


def test_a_console_may_end_lines_its_own_way_and_print_kernel_messages_between() -> None:
    lines = PACKED.splitlines()
    lines.insert(3, "[   12.345678] usb 1-1: new high-speed USB device")
    assert unpack("\r\n".join(lines)) == TEXT


@pytest.mark.parametrize(
    "damaged",
    [
        PACKED[:-40],
        PACKED[:200] + PACKED[201:],
        PACKED[:100] + ("A" if PACKED[100] != "A" else "B") + PACKED[101:],
        PACKED + PACKED,
        "bash: gzip: command not found\n",
        "Cannot get EEPROM data: Operation not supported\n",
        "",
        "====",
        "\udcff" * 10,
        base64.b64encode(TEXT.encode()).decode(),
    ],
)
def test_what_is_not_whole_is_none(damaged: str) -> None:
    assert unpack(damaged) is None


def test_a_text_longer_than_the_limit_is_not_unpacked() -> None:
    bomb = base64.b64encode(gzip.compress(b"\0" * 5_000_000)).decode()
    assert unpack(bomb, limit=4_999_999) is None
    assert unpack(PACKED, limit=len(TEXT)) == TEXT


def test_bytes_that_are_no_text_are_kept_readable() -> None:
    assert unpack(base64.b64encode(gzip.compress(b"a\xff\n")).decode()) == "a\\xff\n"
