"""The X540 model, driven as ixgbe drives it, without a machine."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
from card_driver import (
    BROADCAST,
    CONTEXT,
    DATA,
    END,
    ENTRIES,
    EXTENDED,
    FIRMWARE,
    MACS,
    REPORT,
    RX,
    TX,
    Cable,
    CardBench,
    Driver,
    FakeBus,
    FakeNvm,
    eventually,
    frame,
    image,
    udp,
)  # fmt: skip

from rig.twin.models import MODELS
from rig.twin.models.ixgbe.names import NAMES, Register
from rig.twin.models.trace import Traced
from rig.twin.models.x540 import X540Port, x540


class Bench(CardBench[X540Port, Driver]):
    """A card with both ports on a bus, each with a cable."""

    def __init__(self) -> None:
        super().__init__(x540, Driver, FakeNvm(image()), (Cable(), Cable()))


def checksum(driver: Driver, words: int) -> int:
    """ixgbe_calc_eeprom_checksum_X540()."""
    total = sum(driver.word(n) for n in range(0x3F))
    for n in range(0x03, 0x0F):
        pointer = driver.word(n)
        if n in (0x04, 0x05) or pointer in (0, 0xFFFF) or pointer >= words:
            continue
        length = driver.word(pointer)
        if length not in (0, 0xFFFF) and pointer + length < words:
            total += sum(driver.word(pointer + m) for m in range(1, length + 1))
    return (0xBABA - total) & 0xFFFF


def test_the_table_has_it() -> None:
    assert MODELS["8086:1528"] is x540


# --- NVM ------------------------------------------------------------------------------------------------------


def test_the_driver_finds_the_size_and_a_good_checksum(bench: Bench) -> None:
    driver = bench.drivers[0]
    control = driver.read(Register.EEC)
    assert control & 0x100
    words = 1 << ((control >> 11 & 0xF) + 6)
    assert words == len(image()) // 2
    assert checksum(driver, words) == driver.word(0x3F)
    assert driver.word(0x2D) | driver.word(0x2E) << 16 == FIRMWARE


def test_a_damaged_nvm_has_another_checksum_than_it_says(bench: Bench) -> None:
    content = bytearray(image())
    content[0x22] ^= 0x10
    bench.nvm.content = bytes(content)
    bench.ports[0].reset()
    assert checksum(bench.drivers[0], 8192) != bench.drivers[0].word(0x3F)


def test_each_port_takes_its_address_from_the_nvm(bench: Bench) -> None:
    for driver, mac in zip(bench.drivers, MACS, strict=True):
        low, high = driver.read(Register.RAL), driver.read(Register.RAH)
        assert struct.pack("<IH", low, high & 0xFFFF) == mac
        assert high >> 31 == 1


def test_an_nvm_without_addresses_leaves_the_one_of_the_wiring() -> None:
    cable = Cable()
    (port,) = x540([cable.wiring(FakeNvm(b"\xff" * 4096), mac=bytes(6))])
    driver = Driver(port, FakeBus())
    assert (driver.read(Register.RAL), driver.read(Register.RAH) & 0xFFFF) == (0, 0)
    port.close()
    cable.close()


def test_a_word_is_kept_by_the_update_alone_and_both_ports_see_it(bench: Bench) -> None:
    first, second = bench.drivers
    first.set_word(0x2D, 0x07AA)
    assert second.word(0x2D) == 0x07AA
    bench.ports[0].reset()
    assert first.word(0x2D) == FIRMWARE & 0xFFFF
    first.set_word(0x2D, 0x07AA)
    first.write(Register.EEC, first.read(Register.EEC) | 1 << 23)
    assert first.read(Register.EEC) & 1 << 26
    assert bench.nvm.content[0x5A:0x5C] == b"\xaa\x07"
    bench.ports[1].reset()
    assert second.word(0x2D) == 0x07AA
    assert bench.nvm.stored == 1


def test_an_update_that_cannot_be_kept_is_never_done(bench: Bench) -> None:
    bench.nvm.broken = True
    driver = bench.drivers[0]
    driver.write(Register.EEC, 1 << 23)
    assert not driver.read(Register.EEC) & 1 << 26


def test_the_semaphores_lock_the_other_port_out(bench: Bench) -> None:
    first, second = bench.drivers
    assert first.read(Register.SWSM) & 1 == 0
    assert second.read(Register.SWSM) & 1 == 1
    assert first.read(Register.SW_FW_SYNC) >> 31 == 0
    assert second.read(Register.SW_FW_SYNC) >> 31 == 1
    first.write(Register.SW_FW_SYNC, 0x1)
    first.write(Register.SWSM, 0)
    assert second.read(Register.SWSM) & 1 == 0
    assert second.read(Register.SW_FW_SYNC) == 0x1


def test_each_port_knows_its_number(bench: Bench) -> None:
    assert [d.read(Register.STATUS) >> 2 & 3 for d in bench.drivers] == [0, 1]


def test_the_bus_master_stops_when_told(bench: Bench) -> None:
    driver = bench.drivers[0]
    assert driver.read(Register.STATUS) & 1 << 19
    driver.write(Register.CTRL, 1 << 2)
    assert not driver.read(Register.STATUS) & 1 << 19


# --- link -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate_bps", "links"),
    [(10_000_000_000, 0x7), (1_000_000_000, 0x6), (100_000_000, 0x5), (None, 0x0), (10_000_000, 0x0)],
)
def test_the_link_is_what_cable_and_partner_allow(
    bench: Bench, driver: Driver, rate_bps: int | None, links: int
) -> None:
    bench.cables[0].rate_bps = rate_bps
    bench.ports[0].link_changed()
    eventually(lambda: driver.read(Register.LINKS) >> 28 == links)


def test_a_change_of_the_carrier_interrupts_once_on_the_other_vector(bench: Bench, driver: Driver) -> None:
    bench.cables[0].rate_bps = None
    bench.ports[0].link_changed()
    eventually(lambda: bench.bus.interrupts == [1])
    assert driver.read(Register.EICS) & 1 << 20
    driver.write(Register.EICR, 1 << 20)
    assert driver.read(Register.EICS) == 0
    bench.ports[0].link_changed()
    bench.cables[0].rate_bps = 1_000_000_000
    eventually(lambda: bench.bus.interrupts == [1, 1])


def test_a_masked_cause_waits_for_its_mask(bench: Bench, driver: Driver) -> None:
    driver.write(Register.EIMC, 1 << 20)
    bench.cables[0].rate_bps = None
    bench.ports[0].link_changed()
    eventually(lambda: bool(driver.read(Register.EICS) & 1 << 20))
    assert bench.bus.interrupts == []
    driver.write(Register.EIMS, 1 << 20)
    assert bench.bus.interrupts == [1]


def test_the_phy_is_an_x540s_and_follows_what_the_driver_offers(driver: Driver, bench: Bench) -> None:
    assert (driver.phy(1, 2), driver.phy(1, 3) & 0xFFF0) == (0x0154, 0x0200)
    assert driver.phy(1, 4) == 0x31
    assert driver.phy(7, 1) & 0x04
    driver.set_phy(7, 0x20, 0x0001)
    assert driver.read(Register.LINKS) >> 28 == 0x6
    assert bench.bus.interrupts == [1]
    driver.set_phy(7, 0xC400, 0)
    assert driver.read(Register.LINKS) >> 28 == 0x5


def test_nobody_answers_at_another_mdio_address(driver: Driver) -> None:
    driver.write(Register.MSCA, 2 | 1 << 16 | 5 << 21 | 1 << 30)
    driver.write(Register.MSCA, 2 | 1 << 16 | 5 << 21 | 3 << 26 | 1 << 30)
    assert driver.read(Register.MSRWD) >> 16 == 0xFFFF


# --- frames ---------------------------------------------------------------------------------------------------


def test_frames_leave_in_order_padded_and_are_written_back(bench: Bench, driver: Driver) -> None:
    driver.send(b"first", frame(BROADCAST, b"second", 1514))
    assert bench.cables[0].far.recv(2048) == b"first".ljust(60, b"\0")
    assert bench.cables[0].far.recv(2048) == frame(BROADCAST, b"second", 1514)
    assert driver.sent(0)
    assert driver.sent(1)
    assert driver.read(TX + 0x10) == 2
    assert bench.bus.interrupts == [0]


def test_a_frame_in_pieces_leaves_whole_with_the_first_pieces_options(bench: Bench, driver: Driver) -> None:
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 31, 0, 0, 64, 17, 0, bytes(4), bytes(4))
    whole = BROADCAST + MACS[0] + b"\x08\0" + ip + struct.pack(">HHHH", 1, 2, 11, 28) + b"odd"
    bench.bus.ram[0x80000 : 0x80000 + len(whole)] = whole
    driver.post(
        (14 << 9 | 20, EXTENDED | CONTEXT, 0),
        (0x80000, 42 | DATA | EXTENDED, 0x200),
        (0x80000 + 42, 3 | DATA | EXTENDED | END | REPORT, 0),
    )
    got = bench.cables[0].far.recv(2048)
    assert got[:40] == whole[:40]
    assert got[40:42] != whole[40:42]
    assert got[42:45] == b"odd"


def test_a_legacy_descriptor_and_a_vlan_tag_are_understood(bench: Bench, driver: Driver) -> None:
    bench.bus.ram[0x80000:0x80040] = frame(BROADCAST, size=64)
    driver.post((0x80000, 64 | END | REPORT, 0))
    assert len(bench.cables[0].far.recv(2048)) == 64
    driver.post(
        (5 << 16 | 14 << 9, EXTENDED | CONTEXT, 0),
        (0x80000, 64 | DATA | EXTENDED | END | REPORT | 1 << 30, 0),
    )
    assert bench.cables[0].far.recv(2048)[12:18] == b"\x81\0\0\x05\x88\xb5"


def test_frames_arrive_where_the_driver_wants_them(bench: Bench, driver: Driver) -> None:
    for each in (frame(MACS[0], b"mine"), frame(BROADCAST, b"all"), frame(b"\x01" * 6, b"group")):
        bench.cables[0].far.send(each)
    eventually(lambda: driver.read(RX + 0x10) == 3)
    assert [f[14:19].rstrip(b"\0") for f, _, _ in driver.received()] == [b"mine", b"all", b"group"]
    assert set(bench.bus.interrupts) == {0}


def test_a_frame_for_somebody_else_is_taken_in_promiscuous_mode_alone(bench: Bench, driver: Driver) -> None:
    other = frame(bytes.fromhex("020000000001"), b"other")
    bench.cables[0].far.send(other)
    bench.cables[0].far.send(frame(BROADCAST))
    eventually(lambda: driver.read(RX + 0x10) == 1)
    driver.write(Register.FCTRL, 1 << 9)
    bench.cables[0].far.send(other)
    eventually(lambda: driver.read(RX + 0x10) == 2)
    assert [f[14:19] for f, _, _ in driver.received()] == [bytes(5), b"other"]


def test_a_frame_larger_than_a_buffer_takes_several(bench: Bench, driver: Driver) -> None:
    large = frame(BROADCAST, bytes(range(256)) * 20, 5000)
    bench.cables[0].far.send(large)
    eventually(lambda: driver.read(RX + 0x10) == 3)
    assert [f for f, _, _ in driver.received()] == [large]


@pytest.mark.parametrize(
    ("datagram", "errors"),
    [(udp(0xFFD7), 0), (udp(0xFFD6), 1 << 30), (udp(0xFFD7, good_header=False), 1 << 31)],
    ids=["good", "datagram", "header"],
)
def test_checksums_are_tested_and_told_where_ixgbe_looks(
    bench: Bench, driver: Driver, datagram: bytes, errors: int
) -> None:
    """ixgbe_rx_checksum(): IXGBE_RXDADV_ERR_TCPE and _IPE."""
    bench.cables[0].far.send(datagram)
    eventually(lambda: driver.read(RX + 0x10) == 1)
    ((_, status, _),) = driver.received()
    assert (status & 0x63, status >> 29 << 29) == (0x63, errors)


def test_the_vector_masks_itself_until_the_driver_is_done(bench: Bench, driver: Driver) -> None:
    driver.send(frame(BROADCAST))
    driver.send(frame(BROADCAST))
    assert bench.bus.interrupts == [0]
    driver.write(Register.EIMS_EX, 1)
    assert bench.bus.interrupts == [0, 0]
    driver.write(Register.EIMS_EX, 1)
    assert bench.bus.interrupts == [0, 0]


def test_frames_wait_for_room_and_the_rest_is_missed(bench: Bench, driver: Driver) -> None:
    for n in range(ENTRIES + 5):
        bench.cables[0].far.send(frame(BROADCAST, bytes([n])))
    eventually(lambda: driver.read(RX + 0x10) == ENTRIES - 1)
    driver.refill(3)
    eventually(lambda: driver.read(RX + 0x10) == 2)
    missed = 0

    def all_gone() -> bool:
        nonlocal missed
        missed += driver.read(Register.MPC)
        return missed == 3

    eventually(all_gone)


def test_a_full_cable_holds_the_ring_and_loses_nothing(bench: Bench, driver: Driver) -> None:
    bodies = [struct.pack(">H", n) for n in range(2000)]
    got: list[bytes] = []
    for n in range(0, len(bodies), 20):
        driver.send(*(frame(BROADCAST, b, 1514) for b in bodies[n : n + 20]))
        while len(got) < n - 200:
            got.append(bench.cables[0].far.recv(2048)[14:16])
        eventually(lambda: driver.read(TX + 0x10) == driver.tx_at or len(got) < len(bodies))
        if driver.read(TX + 0x10) != driver.tx_at:
            while driver.read(TX + 0x10) != driver.tx_at:
                got.append(bench.cables[0].far.recv(2048)[14:16])
    while len(got) < len(bodies):
        got.append(bench.cables[0].far.recv(2048)[14:16])
    assert got == bodies


def test_nothing_leaves_without_a_carrier_and_nothing_comes_with_the_receiver_off(bench: Bench, driver: Driver) -> None:
    bench.cables[0].rate_bps = None
    bench.ports[0].link_changed()
    eventually(lambda: driver.read(Register.LINKS) == 0)
    driver.send(frame(BROADCAST))
    assert driver.sent(0)
    bench.cables[0].far.settimeout(0.02)
    with pytest.raises(TimeoutError):
        bench.cables[0].far.recv(2048)
    driver.write(Register.RXCTRL, 0)
    bench.cables[0].far.send(frame(BROADCAST))
    eventually(lambda: is_drained(bench.cables[0]))
    assert driver.received() == []


def is_drained(cable: Cable) -> bool:
    """Whether the card took everything off its end of the wire."""
    try:
        return not cable.near.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True


def test_a_descriptor_that_points_nowhere_stops_its_ring_alone(bench: Bench, driver: Driver) -> None:
    driver.post((1 << 40, 64 | DATA | EXTENDED | END | REPORT, 0))
    assert not driver.sent(0)
    bench.cables[0].far.send(frame(BROADCAST))
    eventually(lambda: driver.read(RX + 0x10) == 1)


def test_loopback_brings_frames_back_to_the_driver(bench: Bench, driver: Driver) -> None:
    driver.write(Register.HLREG0, 1 << 15)
    driver.send(frame(MACS[0], b"round"))
    assert [f[14:19] for f, _, _ in driver.received()] == [b"round"]


# --- what is told and counted -----------------------------------------------------------------------------------


def test_counters_count_with_the_check_sequence_and_are_cleared_by_reading(bench: Bench, driver: Driver) -> None:
    driver.send(frame(BROADCAST, size=60), frame(BROADCAST, size=1514))
    bench.cables[0].far.send(frame(BROADCAST, size=100))
    eventually(lambda: driver.read(RX + 0x10) == 1)
    assert (driver.read(Register.GPTC), driver.read(Register.GOTCL), driver.read(Register.GOTCH)) == (2, 64 + 1518, 0)
    assert (driver.read(Register.GPRC), driver.read(Register.GORCL), driver.read(Register.BPRC)) == (1, 104, 1)
    assert (driver.read(Register.PTC64), driver.read(Register.PTC64 + 20), driver.read(Register.PRC64 + 4)) == (1, 1, 1)
    assert driver.read(Register.GPTC) == driver.read(Register.GORCL) == 0


def test_a_counter_of_two_registers_hands_its_upper_half_on(bench: Bench, driver: Driver) -> None:
    bench.ports[0].registers.values[Register.GORCL] = 0x3_0000_0001
    assert (driver.read(Register.GORCL), driver.read(Register.GORCH), driver.read(Register.GORCH)) == (1, 3, 0)


def test_the_power_model_hears_of_driver_port_and_traffic(bench: Bench, driver: Driver) -> None:
    listener = bench.cables[0].listener
    eventually(lambda: listener.said == [("driver", True), ("admin", True)])
    driver.send(frame(BROADCAST, size=1000))
    bench.cables[0].far.send(frame(BROADCAST, size=500))
    eventually(lambda: (listener.to_host_bytes, listener.from_host_bytes) == (504, 1004))
    driver.write(Register.RXCTRL, 0)
    bench.ports[0].reset()
    eventually(lambda: listener.said[2:] == [("admin", False), ("driver", False)])


def test_a_reset_forgets_rings_masks_and_counters(bench: Bench, driver: Driver) -> None:
    driver.send(frame(BROADCAST))
    driver.write(Register.CTRL, 1 << 26)
    assert not driver.read(Register.CTRL) & 1 << 26
    assert driver.read(TX + 0x28) == driver.read(TX + 0x08) == driver.read(Register.GPTC) == 0
    driver.write(TX + 0x18, 5)
    assert driver.read(Register.EIMS) == 0


def test_an_unplugged_card_does_nothing_and_lives(bench: Bench, driver: Driver) -> None:
    bench.ports[0].plugged(None)
    driver.send(frame(BROADCAST))
    bench.cables[0].far.send(frame(BROADCAST))
    assert not driver.sent(0)
    assert bench.bus.interrupts == []


def test_other_bars_and_odd_accesses_harm_nothing(bench: Bench, driver: Driver) -> None:
    port = bench.ports[0]
    assert port.read(4, 0, 8) == bytes(8)
    port.write(4, 0, b"\xff" * 8)
    port.write(0, Register.CTRL + 1, b"\xff")
    assert port.read(0, Register.STATUS + 1, 2) == driver.read(Register.STATUS).to_bytes(4, "little")[1:3]
    assert port.read(0, 0x1FFFFC, 8) == bytes(8)


def test_a_cable_whose_other_end_is_closed_leads_nowhere(bench: Bench, driver: Driver) -> None:
    bench.cables[0].far.close()
    driver.send(frame(BROADCAST))
    driver.send(frame(BROADCAST))
    assert driver.sent(1)


def test_closing_ends_the_ports_threads(bench: Bench) -> None:
    for port in bench.ports:
        port.close()
        port.close()
    assert [thread.is_alive() for thread in bench.threads] == [False] * 2


def test_a_trace_names_the_registers_a_driver_touches(bench: Bench, tmp_path: Path) -> None:
    with (tmp_path / "trace").open("w+") as file:
        traced = Traced(bench.ports[0], NAMES, file)
        driver = Driver(traced, bench.bus)
        driver.up()
        driver.read(0x5D000)
        file.seek(0)
        lines = file.read().splitlines()
    assert lines[0] == "plugged"
    assert "write RXDCTL(0) 0x02000000" in lines
    assert lines[-1] == "read  0x5d000 0x00000000"
    assert traced.writes["CTRL"] == 1
    assert bench.ports[0].registers.unknown == {0x5D000: 1}
