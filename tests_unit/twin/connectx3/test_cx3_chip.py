from __future__ import annotations

import mmap
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.twin.connectx3.chip import Chip
from rig.twin.connectx3.faults import ChipFault
from rig.twin.connectx3.flash import Timing
from rig.twin.connectx3.image import build
from rig.twin.connectx3.parameters import BAR, LINK, SRIOV, Parameters
from rig.twin.connectx3.variants import VARIANTS

SMALL, HALF = 0x4000, 0x80000
GATEWAY, ADDRESS, DATA, SEMAPHORE = 0xF0400, 0xF0404, 0xF0410, 0xF03FC
HARDWARE_ID, RECOVERY, VERSION = 0xF0014, 0x41270, 0x1F064
BUSY = 0x40000000
READ_16, ENABLE, ERASE, PAGE, JEDEC = 0x4003241D, 0x40062004, 0x40D8200C, 0x4002241C, 0x409F2215


class Tool:
    """What mstflint does to the registers it maps."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        with chip.cr_path.open("r+b") as file:
            self.bar = mmap.mmap(file.fileno(), 1 << 20)

    def get(self, address: int) -> int:
        return int(struct.unpack_from(">I", self.bar, address)[0])

    def put(self, address: int, value: int) -> None:
        struct.pack_into(">I", self.bar, address, value)

    def command(self, word: int, address: int = 0) -> bool:
        """Whether the command was done."""
        self.put(ADDRESS, address)
        self.put(GATEWAY, word)
        self.chip.service()
        return not self.get(GATEWAY) & BUSY

    def read(self, address: int) -> bytes:
        assert self.command(READ_16, address)
        return self.bar[DATA : DATA + 16]

    def program(self, address: int, data: bytes) -> None:
        assert self.command(ENABLE)
        self.bar[DATA : DATA + 16] = data
        assert self.command(PAGE, address)


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Chip]:
    it = Chip(tmp_path)
    it.program(build("ib", size=SMALL))
    it.cold_start()
    yield it
    it.close()


def make(path: Path, *faults: ChipFault, timing: Timing | None = None) -> Chip:
    it = Chip(path, faults=faults, timing=timing or Timing())
    it.program(build("ib", size=SMALL))
    return it


# --- registers ----------------------------------------------------------------------------------------------------


def test_the_gateway_reads_what_is_on_the_flash(chip: Chip) -> None:
    tool = Tool(chip)
    assert tool.read(0) == bytes.fromhex("4d5446578cdfd000dead92704154beef")
    assert tool.get(SEMAPHORE) == 1
    assert tool.command(JEDEC)
    assert tool.bar[DATA : DATA + 4] == b"\xef\x40\x16\x00"


def test_a_page_goes_out_in_words_of_one_transaction(chip: Chip) -> None:
    tool = Tool(chip)
    page = bytes(range(256))
    assert tool.command(ENABLE)
    for n in range(16):
        tool.bar[DATA : DATA + 16] = page[n * 16 : n * 16 + 16]
        assert tool.command({0: 0x4002243C, 15: 0x40002410}.get(n, 0x40002430), 0x90000 if n == 0 else 0)
    assert b"".join(tool.read(0x90000 + n * 16) for n in range(16)) == page
    assert tool.command(ENABLE)
    assert tool.command(ERASE, 0x90000)
    assert tool.read(0x90000) == b"\xff" * 16


def test_a_second_flash_is_not_there(chip: Chip) -> None:
    tool = Tool(chip)
    assert tool.command(READ_16 | 1 << 11, 0)
    assert tool.bar[DATA : DATA + 16] == b"\xff" * 16


def test_nothing_happens_that_was_not_raised(chip: Chip) -> None:
    tool = Tool(chip)
    before = tool.bar[:]
    chip.service()
    assert tool.bar[:] == before


def test_the_register_file_stays_the_same_file(chip: Chip, tmp_path: Path) -> None:
    link = tmp_path / "resource0"
    os.link(chip.cr_path, link)
    chip.power_off()
    chip.cold_start()
    assert link.stat().st_ino == chip.cr_path.stat().st_ino
    assert link.read_bytes()[HARDWARE_ID : HARDWARE_ID + 4] == bytes.fromhex("000101f5")
    assert link.stat().st_size == 1 << 20


def test_a_cold_start_resets_the_registers_and_loads_anew(chip: Chip) -> None:
    tool = Tool(chip)
    assert (tool.get(HARDWARE_ID), tool.get(RECOVERY)) == (0x000101F5, 0)
    assert (tool.get(VERSION), tool.get(VERSION + 4)) == (2 << 16, 42 << 16 | 5000)
    tool.put(SEMAPHORE, 1)
    chip.program(build("eth", size=SMALL, version=(2, 42, 5010)))
    assert chip.running is not None
    assert chip.running.psid == "LAB0000000IB1"
    it = chip.cold_start()
    assert it is chip.running
    assert it is not None
    assert (it.psid, it.personality, it.version) == ("LAB000000ETH1", "eth", (2, 42, 5010))
    assert (tool.get(SEMAPHORE), tool.get(VERSION + 4)) == (0, 42 << 16 | 5010)


def test_the_config_gateway_is_the_same_registers_and_latches_semaphores(chip: Chip) -> None:
    chip.config_write_address(SEMAPHORE)
    assert chip.config_read_address() == SEMAPHORE
    assert [chip.config_read_data() for _ in range(3)] == [0, 1, 1]
    chip.config_write_data(0)
    assert chip.config_read_data() == 0
    chip.config_write_address(ADDRESS)
    chip.config_write_data(0)
    chip.config_write_address(GATEWAY)
    chip.config_write_data(READ_16)
    assert chip.config_read_data() == READ_16 & ~BUSY
    chip.config_write_address(DATA)
    assert chip.config_read_data() == 0x4D544657


@pytest.mark.parametrize("address", [0, 3, 0xFFFFF, 0x100000, 0xFFFFFFFF])
def test_any_config_address_is_survived(chip: Chip, address: int) -> None:
    chip.config_write_address(address)
    chip.config_write_data(0xFFFFFFFF)
    assert 0 <= chip.config_read_data() <= 0xFFFFFFFF
    assert chip.config_read_address() == address & 0xFFFFC


def test_garbage_in_every_register_is_survived(chip: Chip) -> None:
    tool = Tool(chip)
    for fill in (b"\xff", b"\xc0", b"\x80", b"\x7f"):
        tool.bar[:] = fill * (1 << 20)
        chip.service()
    chip.cold_start()
    assert tool.read(0)[:4] == b"MTFW"


def test_two_threads_do_not_meet_inside(chip: Chip) -> None:
    tool, done = Tool(chip), threading.Event()

    def cycle() -> None:
        while not done.is_set():
            chip.cold_start(hold=True)

    other = threading.Thread(target=cycle)
    other.start()
    for _ in range(200):
        tool.put(GATEWAY, READ_16)
        chip.service()
    done.set()
    other.join()
    chip.cold_start(hold=True)
    assert tool.read(0)[:4] == b"MTFW"


# --- power --------------------------------------------------------------------------------------------------------


def test_a_chip_is_off_until_it_is_started(tmp_path: Path) -> None:
    chip = Chip(tmp_path / "new" / "card")
    assert (chip.powered, chip.running, chip.blank()) == (False, None, True)
    assert Tool(chip).get(HARDWARE_ID) == 0xFFFFFFFF
    assert chip.config_read_data() == chip.config_read_address() == 0xFFFFFFFF
    chip.close()


def test_without_power_everything_reads_ones_whatever_is_written(chip: Chip) -> None:
    tool = Tool(chip)
    chip.power_off()
    assert (chip.powered, chip.running) == (False, None)
    tool.put(HARDWARE_ID, 0)
    tool.command(ENABLE)
    chip.config_write_address(HARDWARE_ID)
    chip.config_write_data(0)
    assert tool.get(HARDWARE_ID) == chip.config_read_data() == 0xFFFFFFFF
    assert chip.cold_start() is not None


def test_power_lost_during_an_erase_leaves_it_torn(tmp_path: Path) -> None:
    now = [0.0]
    chip = Chip(tmp_path, timing=Timing(erase_s=0.5), clock=lambda: now[0])
    chip.program(build("ib", size=SMALL))
    chip.cold_start()
    tool = Tool(chip)
    assert tool.command(ENABLE)
    assert tool.command(ERASE, 0)
    now[0] = 0.05
    chip.power_off()
    assert chip.cold_start() is None
    assert tool.read(0) == b"\xff" * 16
    assert tool.read(SMALL - 16) != b"\xff" * 16
    chip.close()


def test_a_closed_chip_does_nothing(chip: Chip) -> None:
    chip.close()
    chip.close()
    chip.service()
    assert chip.config_read_data() == 0xFFFFFFFF
    assert not chip.powered


# --- recovery -----------------------------------------------------------------------------------------------------


def test_a_blank_card_comes_up_for_recovery(tmp_path: Path) -> None:
    chip = Chip(tmp_path)
    assert chip.cold_start() is None
    assert chip.powered
    assert Tool(chip).get(RECOVERY) == 0xFFFFFFFF
    chip.close()


def test_a_held_card_keeps_its_good_image_for_the_next_start(chip: Chip) -> None:
    tool = Tool(chip)
    assert chip.cold_start(hold=True) is None
    assert tool.get(RECOVERY) == 0xFFFFFFFF
    assert tool.read(0)[:4] == b"MTFW"
    assert chip.cold_start() is not None
    assert tool.get(RECOVERY) == 0


@pytest.mark.parametrize(("chip_is_pro", "image_is_pro"), [(False, False), (False, True), (True, False), (True, True)])
def test_firmware_of_the_other_chip_does_not_run(tmp_path: Path, chip_is_pro: bool, image_is_pro: bool) -> None:
    chip = Chip(tmp_path, pro=chip_is_pro)
    chip.program(build("eth", size=SMALL, pro=image_is_pro))
    assert (chip.cold_start() is not None) == (chip_is_pro == image_is_pro)
    assert Tool(chip).get(HARDWARE_ID) & 0xFFFF == (0x1F7 if chip_is_pro else 0x1F5)
    chip.close()


# --- what is in force ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("variant", "own"), [("ib", "ib"), ("vpi", "vpi"), ("eth", "eth")])
@pytest.mark.parametrize(("stored", "asked"), [(None, None), (1, "ib"), (2, "eth"), (3, "vpi")])
def test_only_vpi_firmware_takes_the_stored_link_type(
    tmp_path: Path, variant: str, own: str, stored: int | None, asked: str | None
) -> None:
    if stored:
        Parameters(tmp_path / "parameters.json").set(LINK, 2, bytes((0, 0, 0, stored)))
    chip = Chip(tmp_path)
    chip.program(build(variant, size=SMALL))
    it = chip.cold_start()
    assert it is not None
    assert it.personality == variant
    assert it.link_types == {1: own, 2: asked if asked and variant == "vpi" else own}
    chip.close()


def test_stored_parameters_win_over_the_firmware_s(tmp_path: Path) -> None:
    chip = make(tmp_path)
    it = chip.cold_start()
    assert it is not None
    assert (it.sriov, it.vfs, it.log2_bar_mib) == (True, 8, 3)
    chip.close()
    stored = Parameters(tmp_path / "parameters.json")
    stored.set(SRIOV, 0, bytes((0, 0, 0, 16)))
    stored.set(BAR, 0, bytes((0, 0, 0, 5)))
    it = Chip(tmp_path).cold_start()
    assert it is not None
    assert (it.sriov, it.vfs, it.log2_bar_mib) == (False, 16, 5)


def test_an_infiniband_card_becomes_an_ethernet_card_by_two_lines_of_its_ini(tmp_path: Path) -> None:
    chip = make(tmp_path)
    assert chip.cold_start() is not None
    text = VARIANTS["ib"].ini("LAB0000000IB1", pro=False)
    text = text.replace("eth_xfi_en = false", "eth_xfi_en = true").replace("sriov_en = true", "sriov_en = false")
    chip.program(build("ib", size=SMALL, ini=text), odd=True)
    it = chip.cold_start()
    assert it is not None
    assert (it.personality, it.sriov, it.psid) == ("eth", False, "LAB0000000IB1")
    assert it.link_types == {1: "eth", 2: "eth"}
    chip.close()


# --- faults -------------------------------------------------------------------------------------------------------


def test_a_card_that_fell_off_the_bus_comes_back_with_a_cold_start(tmp_path: Path) -> None:
    chip = make(tmp_path, ChipFault("off-bus", after=2, times=1))
    assert chip.cold_start() is not None
    tool = Tool(chip)
    tool.program(0x90000, bytes(16))
    assert tool.command(ENABLE)
    assert not tool.command(PAGE, 0x90010)
    assert not chip.answering
    assert tool.get(HARDWARE_ID) == 0xFFFFFFFF
    assert chip.config_read_data() == 0xFFFFFFFF
    assert chip.cold_start() is not None
    assert chip.answering
    assert tool.read(0)[:4] == b"MTFW"
    assert chip.page_programs == 2
    chip.close()


def test_a_stuck_gateway_stays_busy(tmp_path: Path) -> None:
    chip = make(tmp_path, ChipFault("gateway-stuck", times=1))
    chip.cold_start()
    tool = Tool(chip)
    assert not tool.command(READ_16)
    assert tool.command(READ_16)
    chip.close()


def test_a_secure_host_does_not_tell_its_id(tmp_path: Path) -> None:
    chip = make(tmp_path, ChipFault("secure-host"))
    assert chip.cold_start() is not None
    assert Tool(chip).get(HARDWARE_ID) == 0xBAD0CAFE
    chip.close()


def test_no_flash_is_no_firmware(tmp_path: Path) -> None:
    chip = make(tmp_path, ChipFault("no-flash", times=1))
    assert chip.cold_start() is None
    assert Tool(chip).read(0) == b"\xff" * 16
    assert chip.cold_start() is not None
    chip.close()
