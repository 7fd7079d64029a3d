"""The I350 model's queues, interrupts and counters, driven as igb drives them, without a machine."""

from __future__ import annotations

import struct

import pytest
from card_driver import BROADCAST, CONTEXT, DATA, END, ENTRIES, EXTENDED, REPORT, eventually, frame, udp
from igb_driver import MACS, Bench, Driver

from rig.twin.models.igb.names import Register

CONTROL, LOOPBACK = 0, 0x4000


@pytest.mark.parametrize("port", range(4))
def test_frames_go_both_ways_through_every_port(bench: Bench, port: int) -> None:
    driver, cable = bench.drivers[port], bench.cables[port]
    driver.up()
    driver.send(frame(BROADCAST, b"out"), frame(BROADCAST, b"large", 1514))
    assert cable.far.recv(2048) == frame(BROADCAST, b"out")
    assert len(cable.far.recv(2048)) == 1514
    assert driver.sent(1)
    cable.far.send(frame(MACS[port], b"in"))
    eventually(lambda: driver.read(driver.rx + 0x10) == 1)
    assert [f[14:16] for f, _, _ in driver.received()] == [b"in"]
    assert set(bench.bus.interrupts) == {1}


def test_a_queue_above_the_first_four_lies_elsewhere(bench: Bench, driver: Driver) -> None:
    """igb_reg_test(): RDBAL(4) is not where RDBAL(0) would lead."""
    for at in (0x0C100, 0x0E100, 0x02B00, 0x03B00):
        driver.write(at, 0xFFFFFFFF)
        assert driver.read(at) == 0xFFFFFF80


@pytest.mark.parametrize(
    ("datagram", "errors"),
    [(udp(0xFFD7), 0), (udp(0xFFD6), 1 << 29), (udp(0xFFD7, good_header=False), 1 << 30)],
    ids=["good", "datagram", "header"],
)
def test_checksums_are_tested_and_told_where_igb_looks(
    bench: Bench, driver: Driver, datagram: bytes, errors: int
) -> None:
    """igb_rx_checksum(): E1000_RXDEXT_STATERR_TCPE and _IPE, one bit below ixgbe's."""
    bench.cables[0].far.send(datagram)
    eventually(lambda: driver.read(driver.rx + 0x10) == 1)
    ((_, status, _),) = driver.received()
    assert (status & 0x63, status >> 29 << 29) == (0x63, errors)


def test_a_large_frame_is_cut(bench: Bench, driver: Driver) -> None:
    """igb_tso(), igb_tx_map(): the context's descriptor, then data with the first one's options."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 7, 0, 64, 6, 0, bytes(4), bytes(4))
    tcp = struct.pack(">HHIIBBHHH", 1, 2, 1000, 0, 0x50, 0x18, 0, 0, 0)
    whole = MACS[1] + MACS[0] + b"\x08\0" + ip + tcp + bytes(2500)
    bench.bus.ram[0x80000 : 0x80000 + len(whole)] = whole
    driver.post(
        (14 << 9 | 20, EXTENDED | CONTEXT | 1 << 11 | 1 << 10, 1000 << 16 | 20 << 8),
        (0x80000, len(whole) | DATA | EXTENDED | END | REPORT | 1 << 31, 2554 << 14 | 0x300),
    )
    got = [bench.cables[0].far.recv(2048) for _ in range(3)]
    assert [len(f) for f in got] == [1054, 1054, 554]
    assert [struct.unpack_from(">I", f, 38)[0] for f in got] == [1000, 2000, 3000]


def test_a_frame_for_somebody_else_is_taken_in_promiscuous_mode_alone(bench: Bench, driver: Driver) -> None:
    other = frame(bytes.fromhex("020000000001"), b"other")
    bench.cables[0].far.send(other)
    bench.cables[0].far.send(frame(BROADCAST))
    eventually(lambda: driver.read(driver.rx + 0x10) == 1)
    driver.write(Register.RCTL, driver.read(Register.RCTL) | 1 << 3)
    bench.cables[0].far.send(other)
    eventually(lambda: driver.read(driver.rx + 0x10) == 2)
    assert [f[14:19] for f, _, _ in driver.received()] == [bytes(5), b"other"]


def test_an_address_of_the_second_table_is_its_own_too(bench: Bench, driver: Driver) -> None:
    driver.write(Register.RAL_HIGH, 0x00000002)
    driver.write(Register.RAL_HIGH + 4, 0x80000100)
    bench.cables[0].far.send(frame(bytes.fromhex("020000000001"), b"other"))
    eventually(lambda: driver.read(driver.rx + 0x10) == 1)


def test_loopback_of_the_phy_brings_frames_back(bench: Bench, driver: Driver) -> None:
    """igb_integrated_phy_loopback()."""
    driver.set_phy(CONTROL, LOOPBACK | 0x0140)
    driver.send(frame(MACS[0], b"round"))
    assert [f[14:19] for f, _, _ in driver.received()] == [b"round"]
    assert driver.read(Register.STATUS) & 0x82 == 0x82


def test_the_vector_masks_itself_until_the_driver_is_done(bench: Bench, driver: Driver) -> None:
    driver.send(frame(BROADCAST))
    driver.send(frame(BROADCAST))
    assert bench.bus.interrupts == [1]
    driver.write(Register.EIMS, 2)
    assert bench.bus.interrupts == [1, 1]
    driver.write(Register.EIMS, 2)
    # igb_watchdog_task() raises the vectors by itself
    driver.write(Register.EICS, 2)
    assert bench.bus.interrupts == [1, 1, 1]
    driver.write(Register.EIMC, 3)
    assert driver.read(Register.EIMS) == 0


def test_without_msix_every_cause_is_one_interrupt(bench: Bench, driver: Driver) -> None:
    """igb_intr_msi(): ICR is read, and masks what IAM names."""
    driver.write(Register.GPIE, 0)
    driver.write(Register.IAM, 0x85)
    driver.write(Register.IMC, 0xFFFFFFFF)
    driver.write(Register.IMS, 0x85)
    driver.send(frame(BROADCAST))
    assert bench.bus.interrupts == [0]
    assert driver.read(Register.ICR) == 1 << 31 | 1
    assert driver.read(Register.IMS) == 0
    driver.write(Register.ICS, 1 << 2)
    assert (bench.bus.interrupts, driver.read(Register.ICS)) == ([0], 1 << 2)
    driver.write(Register.ICR, 1 << 2)
    assert driver.read(Register.ICS) == 0


# --- what is told and counted -----------------------------------------------------------------------------------


def test_counters_count_with_the_check_sequence_and_are_cleared_by_reading(bench: Bench, driver: Driver) -> None:
    driver.send(frame(BROADCAST, size=60), frame(BROADCAST, size=1514))
    bench.cables[0].far.send(frame(BROADCAST, size=100))
    eventually(lambda: driver.read(driver.rx + 0x10) == 1)
    assert (driver.read(Register.GPTC), driver.read(Register.GOTCL), driver.read(Register.GOTCH)) == (2, 64 + 1518, 0)
    assert (driver.read(Register.GPRC), driver.read(Register.GORCL), driver.read(Register.BPRC)) == (1, 104, 1)
    assert (driver.read(Register.PTC64), driver.read(Register.PTC64 + 20), driver.read(Register.PRC64 + 4)) == (1, 1, 1)
    assert driver.read(Register.GPTC) == driver.read(Register.GORCL) == 0


def test_frames_that_find_no_room_are_missed(bench: Bench, driver: Driver) -> None:
    for n in range(ENTRIES + 2):
        bench.cables[0].far.send(frame(BROADCAST, bytes([n])))
    missed = 0

    def counted() -> bool:
        nonlocal missed
        missed += driver.read(Register.MPC)
        return missed == 3

    eventually(counted)


def test_the_power_model_hears_of_driver_port_and_traffic(bench: Bench, driver: Driver) -> None:
    listener = bench.cables[0].listener
    eventually(lambda: listener.said == [("driver", True), ("admin", True)])
    driver.send(frame(BROADCAST, size=1000))
    bench.cables[0].far.send(frame(BROADCAST, size=500))
    eventually(lambda: (listener.to_host_bytes, listener.from_host_bytes) == (504, 1004))
    driver.write(Register.RCTL, 0)
    bench.ports[0].reset()
    eventually(lambda: listener.said[2:] == [("admin", False), ("driver", False)])


def test_a_reset_forgets_rings_and_masks(driver: Driver) -> None:
    driver.send(frame(BROADCAST))
    driver.write(Register.CTRL, 1 << 26)
    assert driver.read(driver.tx + 0x28) == driver.read(driver.tx + 0x08) == driver.read(Register.GPTC) == 0
    assert (driver.read(Register.EIMS), driver.read(Register.IMS), driver.read(Register.RCTL)) == (0, 0, 0)
