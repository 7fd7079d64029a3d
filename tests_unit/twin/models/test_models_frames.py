"""Checksums and segmentation, held to the arithmetic of RFC 1071."""

from __future__ import annotations

import hashlib
import struct

import pytest

from rig.twin.models import frames
from rig.twin.models.frames import Offload

ETHERNET = bytes.fromhex("9cb654010208 9cb654010209")
SOURCE, TARGET = bytes([10, 7, 0, 1]), bytes([10, 7, 0, 2])
TCP_OFFLOAD = Offload(mac=14, ip=20, l4=32, tcp=True, l4_checksum=True)


def plain_sum(data: bytes) -> int:
    """Word by word, as the RFC has it."""
    padded = data + b"\0" * (len(data) & 1)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def noise(size: int) -> bytes:
    return hashlib.shake_256(b"body").digest(size)


def tcp_frame(body: bytes, seed_length: bool = True, flags: int = 0x18) -> bytearray:
    """As Linux hands it to a card: the pseudo header's sum in the checksum field."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 52 + len(body), 7, 0x4000, 64, 6, 0, SOURCE, TARGET)
    head = head[:10] + (~plain_sum(head) & 0xFFFF).to_bytes(2, "big") + head[12:]
    pseudo = SOURCE + TARGET + struct.pack(">HH", 6, 32 + len(body) if seed_length else 0)
    tcp = struct.pack(">HHIIBBHHH", 5201, 40000, 1000, 1, 0x80, flags, 500, plain_sum(pseudo), 0) + bytes([1] * 12)
    return bytearray(ETHERNET + b"\x08\x00" + head + tcp + body)


def checks_out(frame: bytes) -> bool:
    body = frame[34:]
    return plain_sum(SOURCE + TARGET + struct.pack(">HH", 6, len(body)) + body) == 0xFFFF


@pytest.mark.parametrize("size", [0, 1, 36, 37, 1448])
def test_a_tcp_checksum_is_put_in_for_any_length(size: int) -> None:
    body = noise(size)
    frame = bytes(frames.with_checksums(tcp_frame(body), TCP_OFFLOAD))
    assert checks_out(frame)
    assert frame[54 + 12 :] == body


def test_a_large_frame_is_cut_into_segments_that_are_right_in_themselves() -> None:
    body = noise(1448 * 3 + 101)
    todo = Offload(mac=14, ip=20, l4=32, mss=1448, tcp=True, ip_checksum=True, l4_checksum=True)
    out = list(frames.segments(tcp_frame(body, seed_length=False, flags=0x99), todo))
    assert [len(f) - 66 for f in out] == [1448, 1448, 1448, 101]
    assert b"".join(f[66:] for f in out) == body
    assert all(checks_out(f) for f in out)
    assert all(plain_sum(f[14:34]) == 0xFFFF for f in out)
    assert [struct.unpack_from(">H", f, 16)[0] for f in out] == [1500, 1500, 1500, 153]
    assert [struct.unpack_from(">H", f, 18)[0] for f in out] == [7, 8, 9, 10]
    assert [struct.unpack_from(">I", f, 38)[0] for f in out] == [1000, 2448, 3896, 5344]
    # CWR in the first alone, FIN and PSH in the last alone
    assert [f[47] for f in out] == [0x90, 0x10, 0x10, 0x19]


def test_ipv6_segments_have_the_right_payload_length() -> None:
    addresses = bytes(range(32))
    seed = plain_sum(addresses + struct.pack(">IHH", 0, 0, 6))
    tcp = struct.pack(">HHIIBBHHH", 1, 2, 3, 4, 0x50, 0x10, 500, seed, 0)
    head = struct.pack(">IHBB", 0x60000000, 0, 6, 64) + addresses
    whole = ETHERNET + b"\x86\xdd" + head + tcp + bytes(3000)
    out = list(frames.segments(whole, Offload(mac=14, ip=40, l4=20, mss=1440, tcp=True)))
    assert [struct.unpack_from(">H", f, 18)[0] for f in out] == [1460, 1460, 140]
    assert all(frames.inspected(f) == frames.Kind(6, 6, None, True) for f in out)


@pytest.mark.parametrize("v6", [False, True])
def test_a_large_datagram_is_cut_into_datagrams_of_their_own(v6: bool) -> None:
    """As Linux's UDP segmentation offload asks: one header for all, the pseudo header's sum without a length."""
    addresses = bytes(range(32)) if v6 else SOURCE + TARGET
    udp = struct.pack(">HHHH", 5201, 40000, 0xBEEF, plain_sum(addresses + struct.pack(">HH", 0, 17)))
    body, ip = noise(1000 * 2 + 11), 40 if v6 else 20
    v4_head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 7, 0x4000, 64, 17, 0, SOURCE, TARGET)
    head = struct.pack(">IHBB", 0x60000000, 0, 17, 64) + addresses if v6 else v4_head
    whole = ETHERNET + (b"\x86\xdd" if v6 else b"\x08\x00") + head + udp + body
    out = list(frames.segments(whole, Offload(mac=14, ip=ip, l4=8, mss=1000, tcp=False)))
    start = 14 + ip
    assert b"".join(f[start + 8 :] for f in out) == body
    assert [struct.unpack_from(">HHH", f, start) for f in out] == [(5201, 40000, n) for n in (1008, 1008, 19)]
    assert {frames.inspected(f) for f in out} == {frames.Kind(6 if v6 else 4, 17, None if v6 else True, True)}
    assert list(frames.segments(whole, Offload(mac=14, ip=ip, l4=7, mss=1000, tcp=False))) == []


def test_lengths_that_cannot_be_send_nothing() -> None:
    frame = tcp_frame(bytes(100))
    for todo in (Offload(14, 20, 32), Offload(14, 20, 0, 1448), Offload(14, 400, 32, 1448), Offload(14, 0, 32, 1448)):
        assert list(frames.segments(frame, todo)) == []
    assert frames.with_checksums(bytearray(b"short"), TCP_OFFLOAD) == b"short"


def test_a_receiver_tests_what_it_can_test() -> None:
    good = bytes(frames.with_checksums(tcp_frame(b"hello"), TCP_OFFLOAD))
    assert frames.inspected(good) == frames.Kind(4, 6, True, True)
    assert frames.inspected(good[:-1] + b"x") == frames.Kind(4, 6, True, False)
    assert frames.inspected(good[:22] + b"\0" + good[23:]).ip_good is False
    assert frames.inspected(good[:50]) == frames.Kind(4)
    fragment = good[:20] + b"\x20\x01" + good[22:]
    assert frames.inspected(fragment).l4_good is None
    assert frames.inspected(bytes(60)) == frames.OTHER


def test_a_frame_with_padding_behind_its_packet_is_tested_without_it() -> None:
    good = bytes(frames.with_checksums(tcp_frame(b""), TCP_OFFLOAD))
    assert frames.inspected(good + b"\x55" * 6).l4_good is True


def test_udp_without_a_checksum_is_left_untested_and_zero_is_never_sent() -> None:
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 30, 7, 0, 64, 17, 0, SOURCE, TARGET)
    untested = ETHERNET + b"\x08\x00" + head + struct.pack(">HHHH", 1, 2, 10, 0) + b"ab"
    assert frames.inspected(untested).l4_good is None
    # a body that makes the sum all ones
    pseudo = plain_sum(SOURCE + TARGET + struct.pack(">HH", 17, 10))
    rest = (0xFFFF - plain_sum(struct.pack(">HHHH", 1, 2, 10, pseudo))) & 0xFFFF
    frame = bytearray(untested[:34] + struct.pack(">HHHHH", 1, 2, 10, pseudo, rest))
    out = frames.with_checksums(frame, Offload(14, 20, tcp=False, l4_checksum=True))
    assert out[40:42] == b"\xff\xff"
    assert frames.inspected(bytes(out)).l4_good is True
