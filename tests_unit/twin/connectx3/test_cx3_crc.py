from __future__ import annotations

import pytest

from rig.twin.connectx3.crc import POLYNOMIAL, crc16


def bit_by_bit(data: bytes) -> int:
    register = 0xFFFF
    for byte in data + b"\0\0":
        for bit in range(7, -1, -1):
            top = register & 0x8000
            register = (register << 1 | byte >> bit & 1) & 0xFFFF
            register ^= POLYNOMIAL if top else 0
    return register ^ 0xFFFF


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff", bytes(range(256)) * 3, b"\0" * 64, b"123456789"])
def test_the_sum_is_the_one_of_the_definition(data: bytes) -> None:
    assert crc16(data) == bit_by_bit(data)


def test_every_single_bit_counts() -> None:
    data = bytes(range(32))
    changed = {
        crc16(data[:n] + bytes((data[n] ^ 1 << bit,)) + data[n + 1 :]) for n in range(len(data)) for bit in range(8)
    }
    assert crc16(data) not in changed
    assert len(changed) == 256
