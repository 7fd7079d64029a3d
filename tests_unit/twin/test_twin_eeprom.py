"""The twin's NVM: what is in it, and what a host sees of a damaged one."""

from __future__ import annotations

import struct
import zlib

import pytest
from pydantic import ValidationError
from twin_bench import bench_with, running

from rig.errors import UsageError

DESIGN = "TobleMiner-revC"
MAC = "9c:b6:54:01:02:08"


def nvm(model: str, function: int = 0, **card: object) -> bytes:
    return running(DESIGN, model, card={"mac": MAC, **card}).world.view().functions[function].nvm


def words(content: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(content) // 2}H", content)


def ixgbe_sum(content: bytes) -> int:
    """As ixgbe_calc_eeprom_checksum_generic() goes through it, checksum word included."""
    w = words(content)
    total = sum(w[:0x40])
    for pointer in w[0x03:0x0F]:
        if pointer not in (0, 0xFFFF) and w[pointer] not in (0, 0xFFFF):
            total += sum(w[pointer + 1 : pointer + 1 + w[pointer]])
    return total & 0xFFFF


@pytest.mark.parametrize("model", ["560FLR-SFP+", "561FLR-T", "562FLR-T"])
def test_an_ixgbe_eeprom_sums_up_and_holds_the_macs_of_both_ports(model: str) -> None:
    content = nvm(model)
    assert ixgbe_sum(content) == 0xBABA
    w = words(content)
    macs = [struct.pack("<3H", *w[w[pointer] + 1 : w[pointer] + 4]).hex(":") for pointer in (0x09, 0x0A)]
    assert macs == [MAC, "9c:b6:54:01:02:09"]


def test_an_i350_has_a_block_a_port_each_summing_up() -> None:
    w = words(nvm("366FLR"))
    blocks = [w[at : at + 0x40] for at in (0, 0x80, 0xC0, 0x100)]
    assert [sum(b) & 0xFFFF for b in blocks] == [0xBABA] * 4
    assert [struct.pack("<3H", *b[:3])[5] for b in blocks] == [8, 9, 10, 11]


def test_an_x710_sums_up_as_a_whole() -> None:
    assert sum(words(nvm("562FLR-SFP+"))) & 0xFFFF == 0xBABA


@pytest.mark.parametrize(
    ("model", "blocks", "mac_at"),
    [("530FLR-SFP+", [(0, 0x14), (0x14, 0xEC), (0x100, 0x350), (0x7E8, 0x350)], 0x13E),
     ("331FLR", [(0, 0x14), (0x74, 0x8C)], 0x7E)],
)  # fmt: skip
def test_a_broadcom_nvram_starts_with_its_magic_and_its_blocks_end_with_their_crc(model, blocks, mac_at) -> None:
    content = nvm(model)
    assert content[:4] == bytes.fromhex("669955aa")
    for at, length in blocks:
        end = at + length - 4
        assert zlib.crc32(content[at:end]) == struct.unpack_from("<I", content, end)[0]
    assert content[mac_at : mac_at + 6].hex(":") == MAC


def test_all_functions_read_the_same_nvm_and_it_stays_the_same() -> None:
    assert nvm("561FLR-T", 0) == nvm("561FLR-T", 1)
    assert nvm("561FLR-T") != nvm("561FLR-T", mac="9c:b6:54:01:02:10")


@pytest.mark.parametrize("model", ["535FLR-T", "640FLR-SFP28", "544FLR-QSFP-649283"])
def test_a_driver_without_a_way_to_the_whole_nvm_reads_nothing(model: str) -> None:
    assert nvm(model) == b""


def test_a_spoilt_checksum_is_one_bit_away_from_the_good_one() -> None:
    bad = nvm("560FLR-SFP+", nvram="checksum")
    assert ixgbe_sum(bad) != 0xBABA
    assert sum(a != b for a, b in zip(bad, nvm("560FLR-SFP+"), strict=True)) == 1


@pytest.mark.parametrize(
    ("model", "nvram", "ports"),
    [
        ("560FLR-SFP+", "checksum", 0),
        ("561FLR-T", "zero_mac", 0),
        ("366FLR", "checksum", 0),
        ("530FLR-SFP+", "no_bootcode", 0),
        ("530FLR-SFP+", "zero_mac", 2),
        ("530FLR-SFP+", "good", 2),
    ],
)
def test_a_damaged_card_has_the_ports_its_driver_lets_it_have(model: str, nvram: str, ports: int) -> None:
    view = running(DESIGN, model, card={"nvram": nvram}).world.view()
    assert len(view.ports) == ports
    assert {f.fault for f in view.functions} == {"" if nvram == "good" else nvram}
    assert {f.driver for f in view.functions} != {None}


def test_a_zero_mac_is_zero_on_every_port_and_its_nvm_is_valid() -> None:
    view = running(DESIGN, "530FLR-SFP+", card={"nvram": "zero_mac"}).world.view()
    assert {p.mac for p in view.ports} == {"00:00:00:00:00:00"}
    assert ixgbe_sum(nvm("561FLR-T", nvram="zero_mac")) == 0xBABA


@pytest.mark.parametrize("card", [{"nvram": "blank"}, {"firmware": "blank"}, {"nvram": "blank", "firmware": "eth"}])
def test_a_blank_nvm_is_a_blank_card(card: dict[str, str]) -> None:
    (function,) = running(DESIGN, "560FLR-SFP+", card=card).world.view().functions
    assert function.config[:4] == bytes.fromhex("8680d810")
    assert (function.nvm, function.fault, function.driver) == (b"", "", None)


@pytest.mark.parametrize(
    ("model", "nvram"),
    [("561FLR-T", "no_bootcode"), ("530FLR-SFP+", "checksum"), ("562FLR-SFP+", "checksum"),
     ("544FLR-QSFP-649283", "zero_mac")],
)  # fmt: skip
def test_damage_that_nobody_has_described_for_a_card_is_refused(model: str, nvram: str) -> None:
    with pytest.raises(UsageError, match="can be good, blank"):
        bench_with(DESIGN, model, card={"nvram": nvram})


def test_an_unknown_word_is_refused_by_the_file() -> None:
    with pytest.raises(ValidationError, match="nvram"):
        bench_with(DESIGN, "561FLR-T", card={"nvram": "soggy"})
