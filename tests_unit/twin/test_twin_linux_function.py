"""The card's function as a machine meets it: the model's registers, silence, and what is behind the BARs."""

from __future__ import annotations

import struct

import pytest
from twin_bench import X8_GEN3, running

from rig.twin.linux.function import CardFunction, Look, capabilities
from rig.twin.linux.hand import CARD, ErrorFeed
from rig.twin.linux.network import arguments, subnet, wire

X540 = "561FLR-T"
ONES = b"\xff\xff\xff\xff"


class Registers:
    """Remembers; reads as its own count of resets."""

    def __init__(self) -> None:
        self.resets, self.written = 0, []

    def read(self, bar, at, size):
        return struct.pack("<I", self.resets)[:size]

    def write(self, bar, at, data):
        self.written.append((bar, at, data))

    def reset(self):
        self.resets += 1

    def plugged(self, bus): ...

    def close(self): ...


def plugged(bench, registers=None):
    return CardFunction(bench.world, bench.world.view().functions[0], registers, Look(bench.world))


def test_ids_link_and_serial_number_are_the_models():
    bench = running(model=X540)
    function = plugged(bench)
    assert function.config_read(0, 4) == struct.pack("<HH", 0x8086, 0x1528)
    assert function.vectors == 64
    at = capabilities(bench.world.view().functions[0].config)[0x10]
    assert struct.unpack("<H", function.config_read(at + 0x12, 2))[0] >> 4 & 0x3F == 8


def test_vital_product_data_comes_by_its_address_register():
    function = plugged(running(model=X540))
    at = function._vpd_at
    function.config_write(at + 2, struct.pack("<H", 4))
    flag = struct.unpack("<H", function.config_read(at + 2, 2))[0]
    assert flag == 0x8004, "the flag says that the data has arrived"
    function.config_write(at + 2, struct.pack("<H", 0))
    assert function.config_read(at + 4, 1) == b"\x82", "the tag of the product's name"
    assert function.config_read(at, 8)[:1] == b"\x03"


def test_bars_answer_once_memory_is_decoded():
    registers = Registers()
    function = plugged(running(model=X540), registers)
    function.config_write(4, b"\x00\x00")
    function.write(0, 0x10, b"lost")
    assert (function.read(0, 0, 4), registers.written) == (ONES, [])
    function.config_write(4, b"\x06\x00")
    function.write(0, 0x10, b"kept")
    assert registers.written == [(0, 0x10, b"kept")]
    assert function.read(0, 0, 4) == bytes(4) and function.is_driven


def test_a_card_that_loses_its_power_reads_as_ones_and_forgets():
    bench, registers = running(model=X540), Registers()
    function = plugged(bench, registers)
    function.config_write(4, b"\x06\x00")
    bench.world.drive(1, on=False)
    bench.wait(1.0)
    function._look.again()
    function.watch()
    assert (function.config_read(0, 4), function.read(0, 0, 4)) == (ONES, ONES)
    assert registers.resets == 1
    function.write(0, 0, b"gone")
    assert registers.written == []
    assert not function.is_driven


def test_a_card_that_dies_some_time_after_the_boot_stays_away():
    bench = running(model=X540, card={"dies_after_s": 5.0})
    assert bench.world.view().functions
    bench.wait(6.0)
    assert bench.world.view().functions == ()
    assert bench.world.state()["link"]["why"] == "the card died"


def test_a_connectx3_is_reached_through_bar_0_and_through_configuration_space():
    bench = running(model=X8_GEN3)
    function = plugged(bench)
    function.config_write(4, b"\x02\x00")
    hardware = function.read(0, 0xF0014, 4)
    assert hardware == bytes.fromhex("000101f5")
    function.config_write(0x58, struct.pack("<I", 0xF0014))
    assert function.config_read(0x5C, 4) == struct.pack("<I", 0x101F5)


def test_a_semaphore_of_the_chip_is_taken_by_the_read_that_finds_it_free():
    bench = running(model=X8_GEN3)
    function = plugged(bench)
    function.config_write(4, b"\x02\x00")
    first, second = (function.read(0, 0xF03FC, 4) for _ in range(2))
    assert (first, second) == (bytes(4), b"\x00\x00\x00\x01")


def test_a_look_that_a_write_overtook_is_not_kept():
    bench = running(model=X540)
    look = Look(bench.world, clock=lambda: 0.0)
    before = bench.world.view()

    class Slow:
        def view(self):
            look.again()  # as another thread may, while this one looks
            return before

    look._slot = Slow()
    assert look.view() is before
    look._slot = bench.world
    bench.world.write_registers(0, 4, b"\x06\x00")
    assert look.function(0).config[4] == 6


# --- errors, cables -------------------------------------------------------------------------------------------


def test_errors_are_handed_over_once_each_with_kinds_side_by_side():
    feed = ErrorFeed()
    assert feed.due(CARD, {"RxErr": 2, "BadTLP": 1}).line() == "aer 1 0 0 0 41 1"
    assert feed.due(CARD, {"RxErr": 2, "BadTLP": 1}).line() == ""
    assert feed.due(CARD, {"RxErr": 2, "BadTLP": 2}).line() == "aer 1 0 0 0 40"


def test_counters_that_started_anew_count_from_nothing():
    feed = ErrorFeed()
    feed.due(CARD, {"Timeout": 7})
    assert feed.due(CARD, {"Timeout": 1}).line() == "aer 1 0 0 0 1000"
    assert feed.due(CARD, None).line() == ""


def test_no_look_hands_over_more_than_a_kernel_takes():
    assert len(ErrorFeed().due(CARD, {"RxErr": 1000}).raised) == 40


def test_a_port_has_a_network_of_its_own_and_is_forwarded_from_the_loopback():
    net, cable = subnet("127.86.2.2"), wire()
    try:
        assert (net.guest, net.partner, net.network) == ("10.86.2.2", "10.86.2.1", "10.86.2.0/24")
        words = " ".join(arguments([(net, cable)]))
    finally:
        cable.close()
    assert "restrict=on,hostfwd=tcp:127.86.2.2:5201-10.86.2.2:5201" in words


@pytest.mark.parametrize("frame", [b"x" * 60, b"y" * 1514])
def test_a_cable_carries_whole_frames(frame):
    cable = wire()
    try:
        cable.card.send(frame)
        assert cable.machine.recv(2000) == frame
    finally:
        cable.close()
