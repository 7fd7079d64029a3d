"""Every way a supply is attached: the same questions, and faults that never become an answer to another question."""

from __future__ import annotations

import pytest
from guard_dialect_fakes import CASES
from guard_wires import bare_socket, hislip, serial_port, vxi11

from rig.errors import BenchError, DeadlineError, ReplyError
from rig.guard import dialects
from rig.guard.config import GuardConfig, RailConfig
from rig.guard.dialects import SerialLine, Wire
from rig.guard.link import ScpiLink
from rig.guard.supply import SetPoint, opened

BARE = Wire(termination="", replies_end=False)
KORAD = next(case for case in CASES if case.model == "KA3005P")


def keysight(message: bytes) -> bytes | None:
    return {b"*IDN?\n": b"Keysight Technologies,E36312A,MY1,2.1\n", b"VOLT? (@1)\n": b"+1.2E+01\n"}.get(message)


@pytest.mark.parametrize("wire", [hislip, vxi11, bare_socket, serial_port], ids=lambda w: w.__name__)
def test_every_transport_carries_questions_answers_and_silence(wire):
    with wire(keysight) as address:
        link = ScpiLink(address, timeout_s=0.4)
        assert link.query("*IDN?") == "Keysight Technologies,E36312A,MY1,2.1"
        assert link.query("VOLT? (@1)") == "+1.2E+01"
        link.write("VOLT 3,(@1)")
        with pytest.raises(DeadlineError, match="NOTHING"):
            link.query("NOTHING?")
        assert link.query("VOLT? (@1)") == "+1.2E+01"
        link.drop()


@pytest.mark.parametrize("wire", [hislip, vxi11], ids=lambda w: w.__name__)
def test_a_supply_that_hangs_up_in_a_question_is_a_bench_error(wire):
    def hangs_up(message: bytes) -> bytes | None:
        if message == b"VOLT? (@1)\n":
            raise EOFError
        return keysight(message)

    with wire(hangs_up) as address:
        link = ScpiLink(address, timeout_s=0.4)
        assert link.query("*IDN?")
        with pytest.raises(BenchError, match="VOLT"):
            link.query("VOLT? (@1)")
        assert link.query("*IDN?")
        link.drop()


@pytest.mark.parametrize("wire", [bare_socket, serial_port], ids=lambda w: w.__name__)
def test_replies_that_nothing_ends_are_read_by_length_or_until_nothing_follows(wire):
    replies = {b"*IDN?": b"KORADKA3005PV2.0\xbc", b"ISET1?": b"2.100K", b"VSET1?": b"12.00", b"STATUS?": b"\x51"}
    with wire(replies.get) as address:
        link = ScpiLink(address, timeout_s=0.4, wire=BARE)
        assert link.query("*IDN?").startswith("KORADKA3005PV2.0")
        # the sixth byte is noise of the firmware and no part of the next answer
        assert link.query("ISET1?", 5) == "2.100"
        assert link.query("VSET1?", 5) == "12.00"
        assert link.query_bytes("STATUS?", 1) == b"\x51"
        link.drop()


@pytest.mark.parametrize("wire", [bare_socket, serial_port], ids=lambda w: w.__name__)
def test_a_part_of_a_reply_is_refused_and_silence_is_a_deadline(wire):
    replies = {b"VSET1?": b"12.", b"VOUT1?": b"12.00", b"IOUT1?": b"\xff.\xff00"}
    with wire(replies.get) as address:
        link = ScpiLink(address, timeout_s=0.3, wire=BARE)
        with pytest.raises(ReplyError, match="5 characters were expected"):
            link.query("VSET1?", 5)
        with pytest.raises(ReplyError, match="not text"):
            link.query("IOUT1?", 5)
        with pytest.raises(DeadlineError):
            link.query("ISET1?", 5)
        assert link.query("VOUT1?", 5) == "12.00"
        link.drop()


def test_a_serial_port_is_set_as_the_dialect_says():
    with serial_port(keysight) as address:
        link = ScpiLink(
            address, timeout_s=0.4, wire=Wire(line=SerialLine(baud=19200, stop_bits=2, handshake="xonxoff"))
        )
        assert link.query("*IDN?")
        port = link._wire(link._open).interface
        assert (port.baudrate, port.stopbits, port.xonxoff) == (19200, 2, True)
        link.drop()


@pytest.mark.parametrize("wire", [bare_socket, serial_port], ids=lambda w: w.__name__)
def test_a_korad_is_switched_and_read_over_its_wire(wire):
    box = KORAD.box()

    def answer(message: bytes) -> bytes | None:
        reply = box.hear(message.decode())
        return reply.encode("latin-1", "replace") if reply else None

    with wire(answer) as address:
        config = GuardConfig(address, "KA3005P", {"12v": RailConfig(1, 12.6, 2.5)}, timeout_s=0.5)
        told = opened(config)
        assert told.identify(config).model == "KA3005P"
        told.set(1, SetPoint(12.0, 2.1))
        told.on(1)
        assert told.read([1])[1].voltage_v == 12.0 and box.live(1)
        told.off(1)
        assert not box.live(1)
        told.close()


def test_a_line_of_the_bench_file_goes_before_that_of_the_dialect():
    config = GuardConfig("ASRL/dev/none::INSTR", "KA3005P", {"12v": RailConfig(1, 12.6, 2.5)})
    told = opened(config, line=SerialLine(baud=115200))
    assert told._asking._link._wired.line.baud == 115200
    assert told._asking._link._wired.termination == dialects.find("KA3005P").dialect.wire.termination
