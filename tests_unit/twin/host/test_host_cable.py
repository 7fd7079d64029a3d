"""Real iperf3 through the cable into the test host."""

from __future__ import annotations

import json
import socket
import subprocess
import time

import pytest
from host_fakes import ADDRESSES, FakeSlot
from host_shell import Shell

from rig.errors import BenchError
from rig.twin.host.cable import PORT, Cable, Way

RATE_BPS = 200e6


def partner(*words: str) -> dict[str, dict[str, float]]:
    command = ["iperf3", "-J", "-c", ADDRESSES[0], "-t", "1", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    reply: dict[str, dict[str, float]] = json.loads(done.stdout)
    assert "error" not in reply, reply["error"]
    return reply["end"]


@pytest.fixture(scope="module")
def server(shell: Shell) -> Shell:
    shell.run("ip link set dev ens1f0 up")
    shell.run(f"ip addr add {ADDRESSES[0]}/24 dev ens1f0")
    assert shell.run("iperf3 -s -D")[1] == 0
    ready = "for i in $(seq 100); do grep -q :1451.*0A /proc/net/tcp /proc/net/tcp6 && break; sleep 0.05; done"
    assert shell.run(ready)[1] == 0
    return shell


@pytest.mark.parametrize(("words", "to_host"), [((), True), (("-R",), False)])
def test_iperf3_measures_the_rate_of_the_line(
    server: Shell, slot: FakeSlot, words: tuple[str, ...], to_host: bool
) -> None:
    slot.calls.clear()
    received = partner(*words)["sum_received"]["bits_per_second"]
    assert 0.5 * RATE_BPS < received < 1.2 * RATE_BPS
    assert slot.wait_for("traffic", "ens1f0", to_host, True)
    assert slot.wait_for("traffic", "ens1f0", to_host, False)
    counter = "rx_bytes" if to_host else "tx_bytes"
    counted, _ = server.run(f"cat /sys/class/net/ens1f0/statistics/{counter}")
    assert int(counted) > 1_000_000


def test_a_port_without_carrier_refuses_and_hangs_up(server: Shell) -> None:
    with socket.create_connection((ADDRESSES[0], PORT), timeout=5) as line:
        assert server.run("ip link set dev ens1f0 down")[1] == 0
        assert line.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ADDRESSES[0], PORT), timeout=5)
    server.run("ip link set dev ens1f0 up")
    with socket.create_connection((ADDRESSES[0], PORT), timeout=5) as line:
        assert line.getpeername() == (ADDRESSES[0], PORT)


def test_a_port_without_its_address_refuses(server: Shell) -> None:
    server.run("ip link set dev ens1f1 up")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ADDRESSES[1], PORT), timeout=5)
    assert server.run("cat /sys/class/net/ens1f1/carrier") == ("1", 0)


def test_an_address_that_is_taken_is_a_bench_error() -> None:
    with socket.create_server(("127.86.41.9", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(BenchError, match=f"cannot use 127.86.41.9:{number} .*Address already in use"):
            Cable("127.86.41.9", number)


def test_a_burst_is_paced_by_what_is_owed() -> None:
    way = Way()
    way.rate_bps = 8e6
    first, second = way.take(100_000), way.take(100_000)
    assert 0.09 < first < 0.1
    assert 0.19 < second < 0.2
    assert way.moved_bytes == 200_000


@pytest.mark.parametrize("gap_s, earns", [(0.03, True), (0.08, False)])
def test_a_stream_that_was_held_up_makes_up_for_it_and_a_pause_earns_nothing(gap_s: float, earns: bool) -> None:
    way = Way()
    way.rate_bps = 8e6
    way.take(1000)
    time.sleep(gap_s)
    assert (way.take(20_000) < 0) is earns
