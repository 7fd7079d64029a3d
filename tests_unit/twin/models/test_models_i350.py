"""The I350 model's NVM, controller and link, driven as igb drives them, without a machine."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from card_driver import CS, FakeBus, FakeNvm, Spi, eventually
from igb_driver import CELSIUS, MACS, ONE, Bench, Cable, Driver, image

from rig.twin.models import MODELS
from rig.twin.models.i350 import i350
from rig.twin.models.igb.names import NAMES, Register
from rig.twin.models.trace import Traced

HUNDRED, TEN_MEGABIT = 100_000_000, 10_000_000
CONTROL, STATUS, ADVERTISED, PARTNER, ADVERTISED_1G, STATUS_1G, STATUS_2 = 0, 1, 4, 5, 9, 10, 26
RESET, POWER_DOWN, NEGOTIATE, RESTART = 0x8000, 0x0800, 0x1000, 0x0200


def block_sums(driver: Driver) -> list[int]:
    """igb_validate_nvm_checksum_i350()."""
    starts = [0x40 + 0x40 * port if port else 0 for port in range(4)]
    return [sum(driver.word(at + n) for n in range(0x40)) & 0xFFFF for at in starts]


def test_the_table_has_it() -> None:
    assert MODELS["8086:1521"] is i350


# --- NVM ------------------------------------------------------------------------------------------------------


def test_the_driver_finds_the_size_four_good_checksums_and_the_version(bench: Bench) -> None:
    driver = bench.drivers[0]
    control = driver.read(Register.EECD)
    assert control & 0x700 == 0x700  # present, read, wide addresses
    assert 1 << ((control >> 11 & 0xF) + 6) == len(image()) // 2
    assert block_sums(driver) == [0xBABA] * 4
    assert (driver.word(0x05), driver.word(0x42), driver.word(0x43)) == (0x1063, 0x09FB, 0x8000)
    assert [driver.word(0x0F + at) & 0x3000 for at in (0, 0x80, 0xC0, 0x100)] == [0x3000] * 4


def test_the_part_number_is_a_text(bench: Bench) -> None:
    """igb_read_part_string(), asked for where igb_get_flash_presence_i210() says so."""
    driver = bench.drivers[0]
    assert driver.read(Register.EECD) & 1 << 19
    assert driver.word(0x08) == 0xFAFA
    at = driver.word(0x09)
    assert b"".join(struct.pack(">H", driver.word(at + n)) for n in range(1, driver.word(at))) == b"G15136-005"


def test_a_damaged_nvm_has_another_checksum_than_it_says(bench: Bench) -> None:
    content = bytearray(image())
    content[0x22] ^= 0x10
    bench.nvm.content = bytes(content)
    bench.ports[0].reset()
    assert [total == 0xBABA for total in block_sums(bench.drivers[3])] == [False, True, True, True]


def test_each_port_takes_its_address_from_its_own_block(bench: Bench) -> None:
    for driver, mac in zip(bench.drivers, MACS, strict=True):
        low, high = driver.read(Register.RAL), driver.read(Register.RAH)
        assert (struct.pack("<IH", low, high & 0xFFFF), high >> 31) == (mac, 1)


def test_an_nvm_that_is_too_short_leaves_the_address_of_the_wiring() -> None:
    cable = Cable()
    (port,) = i350([cable.wiring(FakeNvm(b""), mac=MACS[3])])
    driver = Driver(port, FakeBus())
    assert struct.pack("<IH", driver.read(Register.RAL), driver.read(Register.RAH) & 0xFFFF) == MACS[3]
    assert driver.word(0) == 0xFFFF
    port.close()
    cable.close()


def test_a_word_is_written_bit_by_bit_and_kept_at_once_for_all_ports(bench: Bench) -> None:
    """igb_write_nvm_spi(): status, write enable, page write."""
    spi = Spi(bench.drivers[1], Register.EECD)
    assert spi.transfer(b"\x05", 8) & 1 == 0
    spi.transfer(b"\x06")
    spi.transfer(b"\x02\x00\x0a\x52\x10")
    assert bench.nvm.content[0x0A:0x0C] == b"\x52\x10"
    assert bench.drivers[2].word(0x05) == 0x1052
    bench.drivers[1].write(Register.EECD, CS)
    assert not bench.drivers[1].read(Register.EECD) & 0x80


def test_the_semaphore_locks_the_other_ports_out(bench: Bench) -> None:
    first, second = bench.drivers[:2]
    assert first.take_semaphore()
    assert not second.take_semaphore()
    first.write(Register.SW_FW_SYNC, first.read(Register.SW_FW_SYNC) | 0x2)
    first.write(Register.SWSM, 0)
    assert second.take_semaphore()
    assert second.read(Register.SW_FW_SYNC) == 0x2


# --- controller -----------------------------------------------------------------------------------------------


def test_each_port_knows_its_number_and_has_its_part_of_the_nvm(bench: Bench) -> None:
    assert [d.read(Register.STATUS) >> 2 & 3 for d in bench.drivers] == [0, 1, 2, 3]
    assert [d.read(Register.EEMNGCTL) for d in bench.drivers] == [0x40000, 0x80000, 0x100000, 0x200000]


def test_the_bus_master_stops_when_told_and_a_reset_clears_itself(bench: Bench) -> None:
    driver = bench.drivers[0]
    assert driver.read(Register.STATUS) & 1 << 19
    driver.write(Register.CTRL, 1 << 2)
    assert not driver.read(Register.STATUS) & 1 << 19
    for bit in (26, 29, 31):
        driver.write(Register.CTRL, 1 << bit)
        assert driver.read(Register.CTRL) == 0


def test_the_mac_says_copper_and_no_management(bench: Bench) -> None:
    driver = bench.drivers[0]
    assert driver.read(Register.CTRL_EXT) & 0x00C00000 == 0
    assert (driver.read(Register.FWSM), driver.read(Register.MANC)) == (0, 0)


def test_the_sensor_shows_the_temperature_of_the_model(bench: Bench) -> None:
    assert bench.drivers[0].read(Register.THMJT) == CELSIUS


# --- link -----------------------------------------------------------------------------------------------------


def test_the_phy_is_an_i350s_and_answers_at_its_own_address_alone(bench: Bench) -> None:
    driver = bench.drivers[0]
    assert (driver.phy(2) << 16 | driver.phy(3)) & 0xFFFFFFF0 == 0x015403B0
    driver.write(Register.MDIC, 2 << 16 | 5 << 21 | 1 << 27)
    assert driver.read(Register.MDIC) >> 28 & 5 == 5


@pytest.mark.parametrize(
    ("rate_bps", "status", "speed_2", "partner"),
    [(ONE, 0x83, 0x200, 0x4000), (HUNDRED, 0x43, 0x100, 0x4000), (TEN_MEGABIT, 0x03, 0x000, 0x4000)],
)
def test_the_link_is_what_cable_and_partner_allow(
    bench: Bench, driver: Driver, rate_bps: int, status: int, speed_2: int, partner: int
) -> None:
    bench.cables[0].rate_bps = rate_bps
    bench.ports[0].link_changed()
    eventually(lambda: driver.read(Register.STATUS) & 0xC3 == status)
    assert driver.phy(STATUS) & 0x24 == 0x24
    assert driver.phy(STATUS_2) & 0x300 == speed_2
    assert driver.phy(PARTNER) & 0x4000 == partner
    # igb_watchdog_task() waits for the remote receiver at 1 Gb/s
    assert bool(driver.phy(STATUS_1G) & 0x1000) is (rate_bps == ONE)


def test_a_cable_that_is_out_has_no_link_and_one_interrupt(bench: Bench, driver: Driver) -> None:
    bench.cables[0].rate_bps = None
    bench.ports[0].link_changed()
    eventually(lambda: bench.bus.interrupts == [0])
    assert driver.read(Register.STATUS) & 2 == 0
    assert (driver.phy(STATUS) & 0x24, driver.phy(STATUS_1G), driver.phy(PARTNER)) == (0, 0, 0)
    assert driver.read(Register.ICR) == 1 << 31 | 1 << 2
    assert driver.read(Register.ICR) == 0


def test_what_the_driver_offers_decides(bench: Bench, driver: Driver) -> None:
    driver.set_phy(ADVERTISED_1G, 0)
    assert driver.read(Register.STATUS) & 0xC3 == 0x43
    driver.set_phy(ADVERTISED, 0x0061)
    assert driver.read(Register.STATUS) & 0xC3 == 0x03
    driver.set_phy(ADVERTISED, 0x0001)
    assert driver.read(Register.STATUS) & 0x02 == 0
    assert bench.bus.interrupts == [0]  # masked until the driver unmasks the vector
    driver.read(Register.ICR)
    driver.write(Register.EIMS, 1)
    assert bench.bus.interrupts == [0, 0]


def test_a_port_that_is_down_has_its_phy_off(driver: Driver) -> None:
    """igb_power_down_phy_copper(), igb_power_up_phy_copper(), igb_phy_hw_reset()."""
    driver.set_phy(CONTROL, driver.phy(CONTROL) | POWER_DOWN)
    assert driver.read(Register.STATUS) & 2 == 0
    driver.write(Register.CTRL, 1 << 31)
    assert driver.read(Register.STATUS) & 2
    driver.set_phy(CONTROL, driver.phy(CONTROL) | POWER_DOWN)
    driver.set_phy(CONTROL, RESET)
    assert driver.read(Register.STATUS) & 2
    driver.write(Register.PHPM, 1 << 5)
    assert driver.read(Register.STATUS) & 2 == 0


def test_a_restart_of_the_negotiation_ends_and_the_phy_outlives_a_reset_of_the_mac(driver: Driver) -> None:
    driver.set_phy(ADVERTISED_1G, 0)
    driver.set_phy(CONTROL, driver.phy(CONTROL) | NEGOTIATE | RESTART)
    assert driver.phy(CONTROL) & RESTART == 0
    driver.write(Register.CTRL, 1 << 26)
    assert driver.phy(ADVERTISED_1G) == 0


@pytest.mark.parametrize(("forced", "status"), [(0x2100, 0x43), (0x0100, 0x03), (0x0140, 0x83)])
def test_a_forced_speed_is_taken(driver: Driver, forced: int, status: int) -> None:
    """igb_phy_force_speed_duplex_82580()."""
    driver.set_phy(CONTROL, forced)
    assert driver.read(Register.STATUS) & 0xC3 == status


def test_power_on_forgets_what_the_phy_was_told(bench: Bench, driver: Driver) -> None:
    driver.set_phy(ADVERTISED_1G, 0)
    bench.ports[0].reset()
    assert driver.phy(ADVERTISED_1G) == 0x0200


def test_closing_ends_the_ports_threads(bench: Bench) -> None:
    for port in bench.ports:
        port.close()
    assert [thread.is_alive() for thread in bench.threads] == [False] * 4


def test_a_trace_names_the_registers_a_driver_touches(bench: Bench, tmp_path: Path) -> None:
    with (tmp_path / "trace").open("w+") as file:
        driver = Driver(Traced(bench.ports[0], NAMES, file), bench.bus)
        driver.up()
        file.seek(0)
        lines = file.read().splitlines()
    assert "write RXDCTL(0) 0x02000000" in lines
    assert "write IVAR(0) 0x00008181" in lines
