import os
import socket
import threading
import time
from pathlib import Path

import pytest
import serial
import serial.rfc2217
from bench_fakes import ConsoleServer, target_with
from labgrid.resource import NetworkSerialPort, RawSerialPort
from pexpect import TIMEOUT

from rig.bench.console import DrainedSerialDriver
from rig.errors import BenchError, LinkDownError


@pytest.fixture
def server():
    with ConsoleServer() as s:
        yield s


@pytest.fixture
def console(server):
    target = target_with(
        (NetworkSerialPort, {"host": "127.0.0.1", "port": server.port, "protocol": "raw"}),
        (DrainedSerialDriver, {}),
    )
    driver = target.get_driver(DrainedSerialDriver)
    yield driver
    target.cleanup()


def until(seen, deadline_s=10.0):
    end_s = time.monotonic() + deadline_s
    while not seen():
        assert time.monotonic() < end_s, "not in time"
        time.sleep(0.01)


def test_it_expects_and_sends_like_labgrids_own(console, server):
    server.say(b"duthost login: ")
    assert console.expect("login: ", timeout=5)[0] == 0
    console.sendline("root")
    until(lambda: server.typed == b"root\n")


def test_it_drains_and_logs_while_nobody_reads(console, server, tmp_path):
    console.log_to(tmp_path / "console.log")
    server.say(b"a line\r\n" * 50_000)
    server.say(b"\x00\xff\r\nlast")
    until(lambda: console.text().endswith("last"))
    console.log_to(None)
    data = (tmp_path / "console.log").read_bytes()
    assert data.count(b"a line") == 50_000
    assert b"\x00\xff\r\n" in data


def test_bytes_that_came_before_the_reader_are_not_lost(console, server):
    server.say(b"early ")
    until(lambda: console.text() == "early ")
    server.say(b"late")
    assert console.expect("early late", timeout=5)[0] == 0


def test_a_stale_prompt_is_gone_after_the_mark(console, server):
    server.say(b"root@duthost:~# old ")
    console.expect("old", timeout=5)
    server.say(b"root@duthost:~# ")
    until(lambda: console.text().endswith("old root@duthost:~# "))
    console.mark()
    with pytest.raises(TIMEOUT):
        console.expect("root@", timeout=0.05)
    assert console.text() == ""


def test_it_says_when_something_was_first_printed(console, server):
    console.mark()
    server.say(b"duthost login: ")
    until(lambda: console.seen_s("login: ") is not None)
    assert console.seen_s("login: ") >= 0
    assert console.seen_s("password") is None


def test_a_megabyte_is_found_without_reading_it_byte_by_byte(console, server):
    reads = []
    take = console._tape.take
    console._tape.take = lambda *a: reads.append(1) or take(*a)
    pusher = threading.Thread(target=server.say, args=(b"x" * 1_000_000 + b"the end",))
    pusher.start()
    _, before, _, _ = console.expect("the end", timeout=20)
    pusher.join()
    assert len(before) == 1_000_000
    assert len(reads) < 2000


def test_a_closed_wire_is_a_sentence_not_a_timeout(console, server):
    server.say(b"last words")
    server.hang_up()
    until(lambda: not console.alive)
    assert console.expect("words", timeout=5)[0] == 0
    with pytest.raises(LinkDownError, match=r"console 127\.0\.0\.1:\d+: read: the other end closed it"):
        console.expect("more", timeout=30)
    with pytest.raises(LinkDownError, match="write: the other end closed it"):
        console.sendline("hello")


def test_a_wire_that_went_away_is_revived_and_its_log_goes_on(console, server, tmp_path):
    server.hang_up()
    until(lambda: not console.alive)
    console.log_to(tmp_path / "console.log")
    console.revive()
    server.say(b"hello again")
    assert console.expect("again", timeout=5)[0] == 0
    console.log_to(None)
    assert (tmp_path / "console.log").read_bytes().endswith(b" hello again")


def test_nobody_at_the_other_end_is_a_link_down():
    target = target_with(
        (NetworkSerialPort, {"host": "127.0.0.1", "port": 1, "protocol": "raw"}), (DrainedSerialDriver, {})
    )
    with pytest.raises(LinkDownError, match=r"open: .*[Rr]efused.*; check the cable"):
        target.get_driver(DrainedSerialDriver)


def test_a_real_serial_port_is_drained_in_bulk_too():
    leader, follower = os.openpty()
    target = target_with((RawSerialPort, {"port": os.ttyname(follower)}), (DrainedSerialDriver, {}))
    try:
        console = target.get_driver(DrainedSerialDriver)
        os.write(leader, b"duthost login: ")
        assert console.expect("login: ", timeout=5)[0] == 0
        console.sendline("root")
        assert os.read(leader, 100) == b"root\n"
    finally:
        target.cleanup()
        os.close(leader)
        os.close(follower)


class Rfc2217Server:
    """A console server as ser2net is one, with pyserial's own server side of RFC 2217."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.typed = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self._client = self._listener.accept()[0]
        with serial.serial_for_url("loop://") as line:
            self._manager = serial.rfc2217.PortManager(line, self)
            while data := self._client.recv(1024):
                self.typed += b"".join(self._manager.filter(data))

    def write(self, data: bytes) -> None:
        self._client.sendall(data)

    def say(self, data: bytes) -> None:
        self.write(b"".join(self._manager.escape(data)))

    def close(self) -> None:
        self._thread.join(5)
        self._client.close()
        self._listener.close()


def test_a_console_server_with_rfc_2217_is_drained_too():
    server = Rfc2217Server()
    target = target_with(
        (NetworkSerialPort, {"host": "127.0.0.1", "port": server.port, "protocol": "rfc2217"}),
        (DrainedSerialDriver, {}),
    )
    try:
        console = target.get_driver(DrainedSerialDriver)
        server.say(b"\xff binary \r\nduthost login: ")
        assert console.expect("login: ", timeout=5)[1] == b"\xff binary \r\nduthost "
        console.sendline("root")
        until(lambda: server.typed == b"root\n")
    finally:
        target.cleanup()
        server.close()


def test_a_log_that_cannot_be_written_is_told_once_and_does_not_stop_the_draining(console, server, tmp_path):
    console.log_to(tmp_path / "console.log")
    console._log._file.close()
    console._log._file = Path("/dev/full").open("ab", buffering=0)  # the driver closes it
    server.say(b"one ")
    server.say(b"two")
    until(lambda: console.text() == "one two")
    with pytest.raises(BenchError, match=r"the console log is not complete: .*No space left"):
        console.log_to(None)
    console.log_to(None)


def test_a_log_in_a_place_that_cannot_be_is_a_sentence(console, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=r"console log .*open"):
        console.log_to(tmp_path / "file" / "console.log")
