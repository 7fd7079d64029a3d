"""The 82599 model: its module behind I2C, its EEPROM behind SPI, both clocked as ixgbe clocks them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from card_driver import MACS, Cable, Driver, FakeBus, FakeNvm, Spi, eventually, image

from rig.twin.host.tools import transceiver
from rig.twin.models import MODELS
from rig.twin.models.i82599 import I82599Port, i82599
from rig.twin.models.ixgbe.names import Register
from rig.twin.models.sfp import direct_attach

CLOCK_IN, CLOCK_OUT, DATA_IN, DATA_OUT = 1, 2, 4, 8
TEN, ONE = 10_000_000_000, 1_000_000_000


def module(**bytes_at: int) -> bytes:
    """A 10GBASE-SR module; `b3=0x20` sets byte 3 of its first page."""
    first = bytearray(256)
    first[0], first[3] = 0x03, 0x10
    for name, value in bytes_at.items():
        first[int(name[1:])] = value
    return bytes(first) + bytes(range(256))


class Bench:
    """One port with a module."""

    def __init__(self, content: bytes) -> None:
        self.cable, self.nvm = Cable(), FakeNvm(image())
        self.port: I82599Port = i82599([self.cable.wiring(self.nvm, module=content)])[0]
        self.driver = Driver(self.port, FakeBus())

    def close(self) -> None:
        self.port.close()
        self.cable.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(module())
    yield bench
    bench.close()


class I2c:
    """ixgbe_read_i2c_byte_generic() and ixgbe_write_i2c_byte_generic()."""

    def __init__(self, driver: Driver) -> None:
        self._driver, self._lines = driver, CLOCK_OUT | DATA_OUT

    def read(self, device: int, at: int) -> int | None:
        if not (self._start(device) and self._byte(at) and self._start(device | 1)):
            self._stop()
            return None
        value = 0
        for _ in range(8):
            value = value << 1 | self._bit(True)
        self._bit(True)
        self._stop()
        return value

    def write(self, device: int, at: int, value: int) -> bool:
        done = self._start(device) and self._byte(at) and self._byte(value)
        self._stop()
        return done

    def _set(self, clock: bool, data: bool) -> None:
        self._lines = (CLOCK_OUT if clock else 0) | (DATA_OUT if data else 0)
        self._driver.write(Register.I2CCTL, self._lines)

    def _start(self, byte: int) -> bool:
        self._set(False, True)
        self._set(True, True)
        self._set(True, False)
        self._set(False, False)
        return self._byte(byte)

    def _stop(self) -> None:
        self._set(False, False)
        self._set(True, False)
        self._set(True, True)

    def _byte(self, value: int) -> bool:
        for n in range(7, -1, -1):
            self._bit(bool(value >> n & 1))
        return not self._bit(True)

    def _bit(self, data: bool) -> int:
        self._set(False, data)
        self._set(True, data)
        got = self._driver.read(Register.I2CCTL)
        assert got & CLOCK_IN
        self._set(False, data)
        return int(bool(got & DATA_IN))


def test_the_table_has_it() -> None:
    assert MODELS["8086:10fb"] is i82599


def test_both_pages_of_the_module_are_read_bit_by_bit(bench: Bench) -> None:
    i2c = I2c(bench.driver)
    assert (i2c.read(0xA0, 0), i2c.read(0xA0, 3), i2c.read(0xA0, 4)) == (0x03, 0x10, 0)
    assert (i2c.read(0xA2, 0x60), i2c.read(0xA2, 0xFF)) == (0x60, 0xFF)


def test_the_module_takes_what_is_written_and_nobody_is_at_another_address(bench: Bench) -> None:
    i2c = I2c(bench.driver)
    assert i2c.write(0xA2, 0x6E, 0x48)
    assert i2c.read(0xA2, 0x6E) == 0x48
    assert i2c.read(0xA4, 0) is None
    assert i2c.read(0xA0, 0) == 0x03


def test_the_cable_in_the_cage_is_the_one_that_the_process_host_prints() -> None:
    page = direct_attach(MACS[0])
    bench = Bench(page)
    i2c = I2c(bench.driver)
    assert bytes(i2c.read(0xA0, n) or 0 for n in range(40, 54)) == b"VIRTUAL-DAC-1M"
    assert (page[8], page[12], page[18], page[63]) == (0x04, 103, 1, sum(page[:63]) & 0xFF)
    printed = transceiver.text("SFP+", MACS[0].hex(":"))
    assert f": {page[68:84].decode().rstrip()}\n" in printed
    assert f": {page[40:56].decode().rstrip()}\n" in printed
    bench.close()


def test_an_empty_cage_acknowledges_nothing_and_has_no_link() -> None:
    bench = Bench(b"")
    bench.driver.up()
    assert I2c(bench.driver).read(0xA0, 0) is None
    assert not bench.driver.read(Register.ESDP) & 1 << 2
    assert bench.driver.read(Register.LINKS) == 0
    bench.close()


@pytest.mark.parametrize(
    ("content", "allowed_bps", "links"),
    [
        (module(), TEN, 0x7),
        (module(), ONE, 0x0),
        (module(b6=1), ONE, 0x6),
        (module(b3=0, b6=1), TEN, 0x6),
        (module(b3=0, b8=4), TEN, 0x7),
        (module(b3=0), TEN, 0x0),
    ],
)
def test_the_link_is_what_module_cable_and_partner_have_in_common(content: bytes, allowed_bps: int, links: int) -> None:
    bench = Bench(content)
    bench.cable.rate_bps = allowed_bps
    bench.port.link_changed()
    eventually(lambda: bench.driver.read(Register.LINKS) >> 28 == links)
    bench.close()


def test_a_word_is_written_bit_by_bit_and_kept_at_once(bench: Bench) -> None:
    spi = Spi(bench.driver, Register.EEC)
    spi.transfer(b"\x02\x00\x5a\x55\x55")
    assert bench.nvm.stored == 0
    spi.transfer(b"\x06")
    assert spi.transfer(b"\x05", 8) == 0x02
    spi.transfer(b"\x02\x00\x5a\xaa\x07")
    assert bench.nvm.content[0x5A:0x5C] == b"\xaa\x07"
    assert spi.transfer(b"\x05", 8) == 0
    assert spi.transfer(b"\x03\x00\x5a", 16) == 0xAA07
    assert bench.driver.word(0x2D) == 0x07AA


def test_the_eeprom_has_its_size_and_wide_addresses(bench: Bench) -> None:
    control = bench.driver.read(Register.EEC)
    assert 1 << ((control >> 11 & 0xF) + 6) == len(image()) // 2
    assert control & 1 << 10


def test_its_semaphores_are_the_older_ones(bench: Bench) -> None:
    driver = bench.driver
    assert driver.read(Register.SWSM) == 0
    driver.write(Register.SWSM, 3)
    assert driver.read(Register.SWSM) == 3
    driver.write(Register.SWSM, 0)
    assert driver.read(Register.SWSM) == 0
    assert [driver.read(Register.SW_FW_SYNC) for _ in range(2)] == [0, 0]


def test_its_pipeline_reset_ends(bench: Bench) -> None:
    """ixgbe_reset_pipeline_82599() waits for the negotiation's state machine."""
    assert bench.driver.read(Register.ANLP1) & 0xF0000
    assert bench.driver.read(Register.AUTOC) >> 13 & 7 == 3
