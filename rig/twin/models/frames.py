"""What a network card does to the frames themselves: checksums in, checksums tested, large ones cut.

Ref: RFC 1071 (the Internet checksum), RFC 791, RFC 8200, RFC 9293.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Buffer = bytes | bytearray | memoryview

LEAST_BYTES = 60
"""A shorter frame is padded before its check sequence."""
TCP, UDP = 6, 17
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_ETHERNET = 14
_WORTH_IT = 4
"""Fewer frames of one length are summed one by one."""
_SHORT, _PAIR, _LONG = struct.Struct(">H"), struct.Struct(">HH"), struct.Struct(">I")
_TCP_FLAGS, _FIN_PSH, _CWR = 13, 0x09, 0x80


@dataclass(frozen=True, slots=True)
class Offload:
    """What the driver asks of the card for one frame: header lengths and what to do with them."""

    mac: int
    ip: int
    l4: int = 0
    mss: int = 0
    """0: the frame leaves in one piece."""
    tcp: bool = True
    ip_checksum: bool = False
    l4_checksum: bool = False


def ones_sum(data: Buffer, extra: int = 0) -> int:
    """The one's complement sum of big-endian 16-bit words, by the identity 2**16 = 1 (mod 2**16 - 1)."""
    value = int.from_bytes(data, "big")
    if len(data) & 1:
        value <<= 8
    return (value + extra) % 0xFFFF


def checksum(data: Buffer, extra: int = 0) -> bytes:
    """The field that makes the sum come out right."""
    return (~ones_sum(data, extra) & 0xFFFF).to_bytes(2, "big")


def with_checksums(frame: bytearray, todo: Offload) -> bytearray:
    """Put the checksums in; the driver left the pseudo header's sum in the field of the upper one."""
    if todo.ip_checksum and len(frame) >= todo.mac + todo.ip >= todo.mac + 20:
        frame[todo.mac + 10 : todo.mac + 12] = b"\0\0"
        frame[todo.mac + 10 : todo.mac + 12] = checksum(frame[todo.mac : todo.mac + todo.ip])
    start = todo.mac + todo.ip
    at = start + (16 if todo.tcp else 6)
    if todo.l4_checksum and len(frame) >= at + 2:
        field = checksum(memoryview(frame)[start:])
        frame[at : at + 2] = field if todo.tcp or field != b"\0\0" else b"\xff\xff"
    return frame


def segments(frame: Buffer, todo: Offload) -> Iterator[bytes]:
    """Cut a large TCP or UDP frame: each piece with its own lengths, sequence number, flags and checksums.

    The driver left the pseudo header's sum without the length in the checksum field. Ref: Linux
    ixgbe_main.c (`ixgbe_tso`); X540 datasheet section 7.2.4 (Transmit Segmentation).
    """
    mac, start = todo.mac, todo.mac + todo.ip
    head_bytes = start + todo.l4
    if len(frame) < head_bytes or todo.l4 < (20 if todo.tcp else 8) or todo.ip < 20 or not todo.mss:
        return
    out, body = bytearray(frame[:head_bytes]), memoryview(frame)[head_bytes:]
    v6 = out[mac] >> 4 == 6
    ident = _SHORT.unpack_from(out, mac + 4)[0]
    at_sum = start + (16 if todo.tcp else 6)
    seed = _SHORT.unpack_from(out, at_sum)[0]
    number = _number_tcp(out, start, len(body), todo.mss) if todo.tcp else _number_udp(out, start)
    # what stays the same in all of them is summed once
    if not v6:
        out[mac + 2 : mac + 6], out[mac + 10 : mac + 12] = bytes(4), bytes(2)
    out[at_sum : at_sum + 2] = bytes(2)
    ip_same, l4_same = ones_sum(out[mac:start]), seed + ones_sum(out[start:])
    sums = _piece_sums(body, todo.mss)
    for n, at in enumerate(range(0, len(body), todo.mss)):
        part = body[at : at + todo.mss]
        length = todo.l4 + len(part)
        if v6:
            _SHORT.pack_into(out, mac + 4, length + todo.ip - 40)
        else:
            name = (ident + n) & 0xFFFF
            _PAIR.pack_into(out, mac + 2, length + todo.ip, name)
            _SHORT.pack_into(out, mac + 10, ~((ip_same + length + todo.ip + name) % 0xFFFF) & 0xFFFF)
        field = ~((l4_same + number(at, length) + length + sums[n]) % 0xFFFF) & 0xFFFF
        _SHORT.pack_into(out, at_sum, field if todo.tcp or field else 0xFFFF)
        yield bytes(out) + part


Number = Callable[[int, int], int]
"""Place in the body and length with the header of a piece to the sum of what its own header then says."""


def _number_tcp(out: bytearray, start: int, total: int, mss: int) -> Number:
    """Sequence number and flags; the head's own are taken out of `out`."""
    sequence: int = _LONG.unpack_from(out, start + 4)[0]
    flags = out[start + _TCP_FLAGS]
    out[start + 4 : start + 8], out[start + _TCP_FLAGS] = bytes(4), 0

    def number(at: int, length: int) -> int:
        del length
        here = (sequence + at) & 0xFFFFFFFF
        kept = flags if at + mss >= total else flags & ~_FIN_PSH
        kept = kept & ~_CWR if at else kept
        _LONG.pack_into(out, start + 4, here)
        out[start + _TCP_FLAGS] = kept
        return here + kept

    return number


def _number_udp(out: bytearray, start: int) -> Number:
    """The datagram's length. Ref: RFC 768."""
    out[start + 4 : start + 6] = bytes(2)

    def number(at: int, length: int) -> int:
        del at
        _SHORT.pack_into(out, start + 4, length)
        return length

    return number


def _piece_sums(body: memoryview, size: int) -> list[int]:
    """The sum of each piece; many of one even size at once."""
    whole = len(body) // size
    rest = [ones_sum(body[whole * size :])] if len(body) % size else []
    if size % 2 or whole < _WORTH_IT:
        return [ones_sum(body[n * size : (n + 1) * size]) for n in range(whole)] + rest
    return _row_sums(body[: whole * size], size) + rest


def _row_sums(data: Buffer, size: int) -> list[int]:
    """The sums of rows of an even size; numpy adds in the machine's order, and the sum turned round is the same."""
    rows = np.frombuffer(data, dtype="<u2").reshape(-1, size // 2)
    found = rows.sum(axis=1, dtype=np.uint64) % np.uint64(0xFFFF)
    return [(n & 0xFF) << 8 | n >> 8 for n in found.tolist()]


def packet_sums(batch: Sequence[Buffer]) -> list[int]:
    """The one's complement sum of each frame behind its Ethernet header."""
    found = [0] * len(batch)
    alike: dict[int, list[int]] = {}
    for n, frame in enumerate(batch):
        alike.setdefault(len(frame), []).append(n)
    for size, where in alike.items():
        if len(where) < _WORTH_IT or size % 2 or size <= _ETHERNET:
            for n in where:
                found[n] = ones_sum(batch[n][_ETHERNET:])
            continue
        heads = b"".join(batch[n][_ETHERNET:] for n in where)
        for n, value in zip(where, _row_sums(heads, size - _ETHERNET), strict=True):
            found[n] = value
    return found


class Kind(NamedTuple):
    """What a receiver finds in a frame; `ip_good` and `l4_good` None: not tested."""

    ip: int = 0
    """4, 6, or 0: neither."""
    protocol: int = 0
    """TCP, UDP, or 0: neither."""
    ip_good: bool | None = None
    l4_good: bool | None = None


OTHER = Kind()


def inspected(frame: Buffer, total: int | None = None) -> Kind:
    """Which protocols, and whether their checksums hold; fragments and tagged frames are not looked into.

    `total` is the frame's own of `packet_sums`, where the caller has it.
    """
    ether = frame[12:14]
    if ether == _IPV4 and len(frame) >= 34:
        ihl, length = (frame[14] & 0xF) * 4, _SHORT.unpack_from(frame, 16)[0]
        end = _ETHERNET + length
        if ihl < 20 or length < ihl or end > len(frame):
            return Kind(4)
        good = ones_sum(frame[14 : 14 + ihl]) == 0
        if frame[20] & 0x3F or frame[21]:
            return Kind(4, 0, good)
        # a header that adds up adds nothing
        whole = total if good and end == len(frame) else None
        return _upper(4, frame[23], frame[26:34], frame[14 + ihl : end], good, whole)
    if ether == _IPV6 and len(frame) >= 54:
        end = 54 + _SHORT.unpack_from(frame, 18)[0]
        return _upper(6, frame[20], frame[22:54], frame[54:end], None, None) if end <= len(frame) else Kind(6)
    return OTHER


def _upper(ip: int, protocol: int, addresses: Buffer, body: Buffer, ip_good: bool | None, total: int | None) -> Kind:
    if protocol not in (TCP, UDP) or len(body) < (20 if protocol == TCP else 8):
        return Kind(ip, 0, ip_good)
    if protocol == UDP and body[6:8] == b"\0\0":
        return Kind(ip, protocol, ip_good)
    pseudo = int.from_bytes(addresses, "big") + protocol + len(body)
    value = ones_sum(body) if total is None else total
    return Kind(ip, protocol, ip_good, (value + pseudo) % 0xFFFF == 0)
