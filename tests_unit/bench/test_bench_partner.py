import json
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bench_fakes import target_with

from rig.bench.partner import IperfPartnerDriver, ask_worker
from rig.errors import BenchError, DeadlineError, LinkDownError, UsageError


@pytest.fixture(scope="module")
def server_port():
    """A real iperf3 server on a free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    iperf3 = shutil.which("iperf3")
    assert iperf3, "iperf3 is installed by ./run"
    server = subprocess.Popen(
        [iperf3, "-s", "-B", "127.0.0.1", "-p", str(port), "--forceflush"], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    while b"listening" not in server.stdout.readline():
        pass
    yield port
    server.kill()
    server.communicate()


def partner(**options):
    return target_with((IperfPartnerDriver, options)).get_driver(IperfPartnerDriver)


def test_a_run_gives_libiperfs_own_numbers(server_port):
    result = partner().transfer("127.0.0.1", server_port, "to_host", 1)
    assert result["end"]["sum_received"]["bits_per_second"] > 1e6
    assert result["start"]["test_start"]["reverse"] == 0


def test_a_reply_above_64_kib_arrives_whole_and_the_other_way_round(server_port):
    result = partner().transfer("127.0.0.1", server_port, "from_host", 1, streams=100)
    assert result["start"]["test_start"]["reverse"] == 1
    assert len(result["end"]["streams"]) == 100
    assert len(json.dumps(result)) > 65536


def descriptors():
    return sorted(fd.name for fd in Path("/proc/self/fd").iterdir())


def test_no_descriptor_and_no_child_is_left(server_port):
    before = descriptors()
    partner().transfer("127.0.0.1", server_port, "to_host", 1)
    assert descriptors() == before
    assert "iperf3" not in sys.modules


def test_a_port_behind_a_forwarded_one_is_reached_where_the_bench_file_says():
    with pytest.raises(LinkDownError, match=r"10\.86\.1\.2:9"):
        partner(reached_at={"10.86.1.2": "127.0.0.1"}).transfer("10.86.1.2", 9, "to_host", 1)


def test_nobody_listening_is_a_link_down():
    with pytest.raises(LinkDownError, match=r"to_host 127\.0\.0\.1:1: .*Connection refused; no iperf3 server there"):
        partner().transfer("127.0.0.1", 1, "to_host", 1)


def test_a_server_that_accepts_and_says_nothing_meets_the_deadline():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(DeadlineError, match=r"link partner .*waited 1\.2 s for the end of the run to_host"),
    ):
        partner(grace_s=0.2).transfer("127.0.0.1", silent.getsockname()[1], "to_host", 1)


def test_something_else_on_the_port_is_a_bench_error_not_a_hang():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(BenchError):
            _transfer_against_garbage(listener, port)


def _transfer_against_garbage(listener, port):
    def answer():
        listener.settimeout(10)
        client = listener.accept()[0]
        with client:
            client.recv(100)
            client.sendall(b"\x7fHTTP/1.0 400\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        partner(grace_s=1.0).transfer("127.0.0.1", port, "to_host", 1)
    finally:
        thread.join()


@pytest.mark.parametrize(
    ("direction", "streams", "said"),
    [("up", 1, "direction 'up'"), ("to_host", 0, "0 streams"), ("to_host", 129, "129")],
)
def test_what_libiperf_cannot_do_is_refused_before_it_starts(direction, streams, said):
    with pytest.raises(UsageError, match=said):
        partner().transfer("127.0.0.1", 1, direction, 1, streams)


def test_a_worker_that_dies_is_a_sentence():
    with pytest.raises(BenchError, match=r"the worker for that ended with 1: .*KeyError"):
        ask_worker({"address": "127.0.0.1"}, 10, "that")


def test_the_version_of_the_library_is_told():
    assert partner().version().startswith("iperf 3")


# --- the partner's ends of the cables -------------------------------------------------------------------------


@pytest.fixture
def ip(tmp_path, monkeypatch):
    """An `ip` that writes down what it was called with, and fails for `enp9`."""
    said = tmp_path / "said"
    script = tmp_path / "ip"
    script.write_text(
        f'#!/bin/sh\necho "$@" >>{said}\n[ "$4" != enp9 ] || {{ echo "Operation not permitted" >&2; exit 2; }}\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return lambda: said.read_text().splitlines() if said.exists() else []


def test_a_cable_is_taken_away_by_putting_this_machines_end_down(ip):
    driver = partner(interfaces=["enp3s0f0", "enp3s0f1"])
    driver.plug(2, plugged=False)
    driver.plug(2, plugged=True)
    assert ip() == ["link set dev enp3s0f1 down", "link set dev enp3s0f1 up"]


def test_an_interface_left_down_comes_up_when_the_driver_is_closed(ip):
    driver = partner(interfaces=["enp3s0f0", "enp3s0f1"])
    driver.plug(1, plugged=False)
    driver.target.deactivate(driver)
    assert ip()[-1] == "link set dev enp3s0f0 up"


def test_a_port_the_bench_file_does_not_name_is_a_usage_error(ip):
    with pytest.raises(UsageError, match="port 2: the bench file names 1 interface"):
        partner(interfaces=["enp3s0f0"]).plug(2, plugged=False)
    assert ip() == []


def test_an_interface_that_cannot_be_put_down_says_what_it_needs(ip):
    with pytest.raises(BenchError, match=r"enp9: ip link set down: Operation not permitted; it needs CAP_NET_ADMIN"):
        partner(interfaces=["enp9"]).plug(1, plugged=False)
    assert len(ip()) == 1


@pytest.mark.parametrize("names", ["enp3s0f0", ["a b"], ["-x"], [3], ["x" * 16]])
def test_what_is_no_interface_name_is_refused(names):
    with pytest.raises(ValueError, match="expected names of this machine's interfaces"):
        partner(interfaces=names)
