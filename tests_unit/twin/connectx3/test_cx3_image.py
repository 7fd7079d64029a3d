from __future__ import annotations

import pytest

from rig.errors import UsageError
from rig.twin.connectx3 import layout, reader
from rig.twin.connectx3.image import build, lay_out

FLASH = 0x400000
HALF = 0x80000
SMALL = 0x4000


@pytest.fixture(scope="module")
def small() -> bytes:
    return build("ib", size=SMALL)


@pytest.mark.parametrize(("variant", "psid"), [
    ("ib", "LAB0000000IB1"), ("vpi", "LAB00000VPI01"), ("eth", "LAB000000ETH1"),
])  # fmt: skip
@pytest.mark.parametrize("odd", [False, True])
def test_what_was_built_is_read_from_either_half(variant: str, psid: str, odd: bool) -> None:
    flash = lay_out(build(variant, version=(2, 42, 5010), size=SMALL, mac=0x0002C9112233), FLASH, odd=odd)
    it = reader.firmware(flash)
    assert it is not None
    assert (it.version, it.psid) == ((2, 42, 5010), psid)
    assert it.macs == (bytes.fromhex("0002c9112233"), bytes.fromhex("0002c9112234"))
    assert it.guids == tuple(0x0002C90300112233 + n for n in range(4))
    assert it.settings["adapter"]["psid"] == psid


def test_an_image_is_the_same_whenever_it_is_built() -> None:
    assert build("eth", size=SMALL) == build("eth", size=SMALL)
    assert build("eth", size=SMALL) != build("eth", size=SMALL, version=(2, 42, 5001))


@pytest.mark.parametrize("size", [HALF, HALF + 4, 3 * HALF - 4])
def test_a_large_image_goes_to_every_other_chunk(size: int) -> None:
    image = build("vpi", size=size)
    flash = lay_out(image, FLASH, odd=True)
    assert reader.firmware(flash) is not None
    assert flash[HALF : 2 * HALF] == image[:HALF]
    assert flash[3 * HALF : 3 * HALF + 4] == (image[HALF : HALF + 4] or b"\xff" * 4)
    assert flash[:HALF] == flash[2 * HALF : 3 * HALF] == b"\xff" * HALF


def test_an_image_without_failsafe_lies_in_one_piece() -> None:
    image = build("ib", size=HALF + 0x1000, failsafe=False)
    flash = lay_out(image, FLASH, odd=True)
    assert flash[: len(image)] == image
    assert reader.firmware(flash) is not None


def test_an_ini_of_ones_own_takes_its_psid_along() -> None:
    image = build("eth", size=SMALL, ini="[ADAPTER]\nPSID = HP_1370110017\n[HCA]\neth_xfi_en = true\n")
    it = reader.firmware(lay_out(image, FLASH))
    assert it is not None
    assert it.psid == "HP_1370110017"


@pytest.mark.parametrize(("change", "words"), [
    ({"variant": "fcoe"}, "no firmware variant 'fcoe'"),
    ({"psid": "P" * 17}, "longer than 16"),
    ({"version": (2, 70000, 0)}, "no firmware version"),
    ({"size": 0x2000}, "at least"),
    ({"size": SMALL + 2}, "multiple of 4"),
    ({"vsd": "V" * 209}, "longer than 208"),
])  # fmt: skip
def test_what_cannot_be_built_is_refused_in_words(change: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build(**{"variant": "ib", "size": SMALL, **change})


@pytest.mark.parametrize(("size", "fits"), [(FLASH // 2, True), (FLASH // 2 + HALF, False)])
def test_an_image_fits_half_the_flash_and_no_more(size: int, fits: bool) -> None:
    image = build("ib", size=SMALL).ljust(size, b"\0")
    if fits:
        assert len(lay_out(image, FLASH, odd=True)) == FLASH
    else:
        with pytest.raises(UsageError, match="does not fit"):
            lay_out(image, FLASH)


@pytest.mark.parametrize("content", [b"", layout.MAGIC, b"\0" * 0x100])
def test_what_is_no_image_is_not_laid_out(content: bytes) -> None:
    with pytest.raises(UsageError, match="no FS2 image"):
        lay_out(content, FLASH)


# --- damage -------------------------------------------------------------------------------------------------------


def test_one_damaged_byte_anywhere_and_nothing_boots(small: bytes) -> None:
    flash = bytearray(lay_out(small, HALF * 4))
    for at in sorted({*range(layout.HEADER.size + 16), *range(layout.HEADER.size, SMALL, 0x5B), SMALL - 1}):
        flash[at] ^= 0x10
        assert reader.firmware(flash) is None, hex(at)
        flash[at] ^= 0x10
    assert reader.firmware(flash) is not None


def test_the_other_half_boots_when_the_first_is_damaged(small: bytes) -> None:
    flash = bytearray(lay_out(small, HALF * 4))
    other = build("eth", size=SMALL)
    flash[HALF : HALF + SMALL] = other
    found = reader.firmware(flash)
    assert found is not None
    assert found.psid == "LAB0000000IB1"
    for at in (0, 0x2C, 0x1000, 0x2500, SMALL - 8):
        torn = bytearray(flash)
        torn[at] ^= 0x01
        found = reader.firmware(torn)
        assert found is not None
        assert found.psid == "LAB000000ETH1", hex(at)


@pytest.mark.parametrize("have", [0, 4, 16, 0x38, 0x1000, 0x2000, SMALL - 256, SMALL - 1])
@pytest.mark.parametrize("rest", [b"\xff", b"\x00"])
def test_an_image_that_was_not_written_to_its_end_does_not_boot(small: bytes, have: int, rest: bytes) -> None:
    assert reader.firmware(small[:have].ljust(HALF, rest)) is None


def test_an_image_whose_guids_were_never_set_does_not_boot() -> None:
    assert reader.firmware(lay_out(build("ib", size=SMALL, blank_guids=True), FLASH)) is None


def test_a_blank_whole_image_sum_is_not_checked(small: bytes) -> None:
    flash = bytearray(lay_out(small, FLASH))
    flash[0x22:0x24] = b"\xff\xff"
    assert reader.firmware(flash) is not None


@pytest.mark.parametrize("flash", [b"", b"\xff" * 0x100, layout.MAGIC, layout.MAGIC * 0x1000, layout.MAGIC + bytes(99)])
def test_garbage_on_the_flash_is_no_firmware(flash: bytes) -> None:
    assert reader.firmware(flash) is None


def test_sections_that_lead_in_a_circle_end(small: bytes) -> None:
    flash = bytearray(lay_out(small, FLASH))
    first = layout.HEADER.size + 0x1010
    flash[first + 12 : first + 16] = first.to_bytes(4, "big")
    assert reader.firmware(flash) is None
