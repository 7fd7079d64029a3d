"""The link: faults of the wire become errors of ours, and never an answer to another question."""

import builtins
import inspect
import itertools
import os
import pty
import socket
import threading
import time
import tty

import pytest
import pyvisa
import pyvisa.errors
from guard_fake import FakeServer, FakeSupply
from pyvisa import rname
from pyvisa_py.protocols import rpc, vxi11

from rig.errors import BenchError, DeadlineError, LinkDownError, ReplyError
from rig.guard.dialects import Wire
from rig.guard.link import ScpiLink


@pytest.fixture
def link(supply: FakeSupply):
    link = ScpiLink(supply.address, timeout_s=0.5)
    yield link
    link.drop()


def test_a_query_returns_the_reply_without_its_line_end(link):
    assert link.query("*IDN?") == "RIGOL TECHNOLOGIES,DP832,DP8C000000001,00.01.16"


def test_a_late_reply_never_answers_the_next_query(supply, link):
    supply.fault("CURR", "late")
    with pytest.raises(DeadlineError, match="SOUR1:CURR"):
        link.query(":SOUR1:CURR?")
    assert link.query(":SOUR1:VOLT?") == "0.000"
    assert link.query("*IDN?").startswith("RIGOL")


def test_a_second_line_that_nobody_asked_for_never_answers_the_next_query(supply, link):
    supply.fault("CURR", "two")
    assert link.query(":SOUR1:CURR?") == "1.000"
    assert link.query(":SOUR1:VOLT?") == "0.000"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("silent", DeadlineError),
        ("half", DeadlineError),
        ("garbage", ReplyError),
        ("=\x07bell", ReplyError),
        ("close", LinkDownError),
        ("reset", LinkDownError),
        ("flood", BenchError),
    ],
)
def test_every_fault_of_the_wire_names_device_and_command_and_the_next_query_works(supply, link, fault, error):
    supply.fault("CURR", fault)
    with pytest.raises(error) as caught:
        link.query(":SOUR1:CURR?")
    assert supply.address in str(caught.value)
    assert ":SOUR1:CURR?" in str(caught.value)
    assert link.query("*IDN?").startswith("RIGOL")


def test_a_supply_that_hung_up_while_nobody_asked_is_found_again(supply):
    port = supply.port
    link = ScpiLink(supply.address, timeout_s=0.5)
    assert link.query("*IDN?").startswith("RIGOL")
    supply.fault("VOLT 1", "close")
    link.write(":SOUR1:VOLT 1")
    threading.Event().wait(0.1)
    assert link.query("*IDN?").startswith("RIGOL")
    assert supply.port == port
    link.drop()


def test_a_refused_port_is_a_link_that_is_down():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        link = ScpiLink(f"TCPIP0::127.0.0.1::{taken.getsockname()[1]}::SOCKET", timeout_s=0.5)
        for _ in range(2):
            with pytest.raises(LinkDownError, match="refused"):
                link.query("*IDN?")


@pytest.mark.parametrize(
    "address",
    ["", "nonsense", "ASRL/dev/no-such-port::INSTR", "USB0::1::2::3::INSTR", "GPIB0::1::INSTR"],
)
def test_an_address_that_cannot_be_opened_is_a_link_that_is_down(address):
    with pytest.raises(LinkDownError, match="bench file"):
        ScpiLink(address, timeout_s=0.5).query("*IDN?")


def test_a_supply_on_a_serial_line_is_asked_the_same_way():
    ours, theirs = pty.openpty()
    tty.setraw(theirs)

    def answer() -> None:
        asked = b""
        while not asked.endswith(b"\n"):
            asked += os.read(ours, 64)
        os.write(ours, b"1.234\r\n" if asked == b"CH1:VOLT?\n" else b"what?\n")

    thread = threading.Thread(target=answer)
    thread.start()
    link = ScpiLink(f"ASRL{os.ttyname(theirs)}::INSTR", timeout_s=5)
    assert link.query("CH1:VOLT?") == "1.234"
    thread.join()
    link.drop()
    os.close(ours)
    os.close(theirs)


def test_an_unknown_backend_is_a_link_that_is_down():
    with pytest.raises(LinkDownError):
        ScpiLink("TCPIP0::127.0.0.1::9::SOCKET", backend="@no-such-backend").query("*IDN?")


def test_small_writes_are_not_held_back(supply, link):
    link.query("*IDN?")
    wire = link._socket(link._open)
    assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_two_threads_on_one_link_get_their_own_answers(supply):
    link = ScpiLink(supply.address, timeout_s=10)
    wrong: list[str] = []

    def ask(command: str, start: str) -> None:
        for _ in range(200):
            if not (reply := link.query(command)).startswith(start):
                wrong.append(reply)

    threads = [threading.Thread(target=ask, args=a) for a in ((("*IDN?"), "RIGOL"), (":SOUR1:CURR?", "1.000"))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    link.drop()
    assert wrong == []


def _made(kind: type[BaseException]) -> Exception:
    """One exception of `kind`, whatever its constructor wants."""
    for args in ((), ("x",), (-1073807298,), ("x", lambda: None, None), ("ascii", b"\xff", 0, 1, "x")):
        try:
            return kind(*args)
        except TypeError:
            continue
    raise AssertionError(f"do not know how to make a {kind}")


def _exceptions(module) -> list[type[Exception]]:
    found = (o for o in vars(module).values() if inspect.isclass(o) and issubclass(o, Exception))
    return [o for o in found if not issubclass(o, Warning | ExceptionGroup)]


PYTHONS = {k for k in _exceptions(builtins) if issubclass(k, OSError)} | {
    Exception, RuntimeError, ValueError, AttributeError, KeyError, UnicodeDecodeError,
}  # fmt: skip
EVERY = sorted(
    {*_exceptions(pyvisa.errors), *_exceptions(rname), *_exceptions(rpc), *_exceptions(vxi11), *PYTHONS},
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_no_exception_of_the_libraries_below_escapes(link, kind):
    link.query("*IDN?")

    class Broken:
        visalib, session = None, 0

        def write(self, _):
            raise _made(kind)

        def close(self):
            raise _made(kind)

    link._open.close()
    link._open = Broken()
    with pytest.raises(BenchError) as caught:
        link.query("*IDN?")
    assert isinstance(caught.value.__cause__, kind)
    assert link.query("*IDN?").startswith("RIGOL")


def test_an_empty_reply_is_text_like_any_other(supply, link):
    supply.fault("IDN", "=")
    assert link.query("*IDN?") == ""


def test_the_pause_of_a_dialect_is_kept_between_messages(supply):
    link = ScpiLink(supply.address, timeout_s=1.0, wire=Wire(pause_s=0.05))
    seen: list[float] = []
    link.query("*IDN?")
    for _ in range(3):
        seen.append(time.monotonic())
        link.write(":SOUR1:VOLT 1")
    link.drop()
    assert all(b - a >= 0.05 for a, b in itertools.pairwise(seen))


def test_a_server_that_comes_back_is_found_again(supply):
    server = FakeServer(fake := FakeSupply())
    link = ScpiLink(fake.address, timeout_s=0.5)
    assert link.query("*IDN?")
    server.close()
    with pytest.raises(BenchError):
        link.query("*IDN?")
    server = FakeServer(fake, fake.port)
    assert link.query("*IDN?").startswith("RIGOL")
    link.drop()
    server.close()
