import re
import threading
from datetime import UTC, datetime

import pytest

from rig.bench import tape
from rig.bench.tape import ConsoleLog, ConsoleTape

NOON = datetime(2026, 11, 23, 12, 0, 0, 250000, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 12, 0, 7, tzinfo=UTC)


def test_what_is_taken_is_still_on_the_tape():
    t = ConsoleTape()
    t.append(b"abc", 1.0)
    assert t.take(1, 0.0) == b"abc"
    assert t.take(1, 0.0) == b""
    assert t.content() == b"abc"


def test_a_reader_gets_at_most_what_it_asked_for_and_the_rest_later():
    t = ConsoleTape()
    t.append(b"abcdef", 1.0)
    assert t.take(1, 0.0, most=4) == b"abcd"
    assert t.take(1, 0.0) == b"ef"


def test_a_waiting_reader_is_woken_by_bytes_and_by_the_end():
    t = ConsoleTape()
    writer = threading.Thread(target=t.append, args=(b"x", 1.0))
    writer.start()
    assert t.take(1, 10.0) == b"x"
    writer.join()
    ender = threading.Thread(target=t.end, args=("gone",))
    ender.start()
    assert t.take(1, 10.0) == b""
    assert t.ended == "gone"
    ender.join()


def test_a_mark_forgets_what_was_before_read_or_not():
    t = ConsoleTape()
    t.append(b"old prompt# ", 1.0)
    t.mark(2.0)
    assert t.take(1, 0.0) == b""
    assert t.content() == b""


@pytest.mark.parametrize(
    ("pattern", "seen_s"),
    [("boot", 0.5), ("login: ", 2.0), ("boot.*login", 2.0), ("never", None)],
)
def test_the_time_of_a_pattern_is_that_of_the_chunk_that_completed_it(pattern, seen_s):
    t = ConsoleTape()
    t.mark(10.0)
    for time_s, data in ((10.5, b"boot "), (11.0, b"duthost lo"), (12.0, b"gin: "), (13.0, b"more")):
        t.append(data, time_s)
    assert t.seen_s(pattern) == seen_s


def test_a_flood_is_bounded_and_keeps_the_newest(monkeypatch):
    monkeypatch.setattr(tape, "KEEP_BYTES", 1000)
    t = ConsoleTape()
    for i in range(1000):
        t.append(b"%07d\r\n" % i, float(i))
    assert len(t.content()) <= 2000
    assert t.content().endswith(b"0000999\r\n")
    assert t.seen_s("0000999") == 999.0
    assert t.take(1, 0.0).endswith(b"0000999\r\n")


def test_every_line_of_the_log_begins_with_its_time_and_keeps_every_byte(tmp_path):
    log = ConsoleLog(tmp_path / "deep" / "console.log")
    log.write(b"one\r\ntw", NOON)
    log.write(b"o\xff\x00\x1b[1m\n", LATER)
    log.write(b"login: ", LATER)
    log.close()
    assert (tmp_path / "deep" / "console.log").read_bytes() == (
        b"2026-11-23T12:00:00.250+00:00 one\r\n"
        b"2026-11-23T12:00:00.250+00:00 two\xff\x00\x1b[1m\n"
        b"2026-11-23T12:00:07.000+00:00 login: "
    )


def test_a_log_is_appended_to_never_overwritten(tmp_path):
    for text in (b"first\n", b"second\n"):
        log = ConsoleLog(tmp_path / "console.log")
        log.write(text)
        log.close()
    lines = (tmp_path / "console.log").read_bytes().splitlines()
    assert [re.sub(rb"^\S+ ", b"", line) for line in lines] == [b"first", b"second"]
