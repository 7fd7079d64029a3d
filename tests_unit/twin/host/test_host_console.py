"""The serial line on its own."""

from __future__ import annotations

import os
import pty
import tty
from collections.abc import Iterator

import pytest
from host_shell import Line

from rig.twin.host.console import Console


@pytest.fixture
def console() -> Iterator[Console]:
    console = Console("127.0.0.1", 0)
    yield console
    console.close()


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, slave
    os.close(master)
    os.close(slave)


def joined(console: Console, slave: int, *lines: Line) -> None:
    """Every line is on: the console has taken what it typed."""
    for line in lines:
        line.send(b"x")
        assert os.read(slave, 1) == b"x"


def test_everybody_on_the_line_sees_the_same_and_types_into_the_same(console: Console, ends: tuple[int, int]) -> None:
    master, slave = ends
    console.attach(master)
    with Line(console.address) as one, Line(console.address) as two:
        joined(console, slave, one, two)
        one.send(b"from one")
        assert os.read(slave, 100) == b"from one"
        os.write(slave, b"to all")
        assert one.until(b"to all") == two.until(b"to all") == b"to all"
    console.detach()


def test_what_is_printed_while_nobody_listens_is_lost(console: Console, ends: tuple[int, int]) -> None:
    master, slave = ends
    console.attach(master)
    console.emit(b"lost")
    with Line(console.address) as line:
        joined(console, slave, line)
        console.emit(b"heard")
        assert line.until(b"heard") == b"heard"
    console.detach()


def test_a_client_that_does_not_read_holds_nobody_up(console: Console, ends: tuple[int, int]) -> None:
    master, slave = ends
    console.attach(master)
    with Line(console.address) as deaf, Line(console.address) as line:
        joined(console, slave, deaf, line)
        for _ in range(200):
            os.write(slave, b"z" * 4000)
            console.emit(b"y" * 100_000)
        line.drain()
        os.write(slave, b"END")
        assert line.until(b"END") == b"END"
    console.detach()


def test_a_far_end_that_does_not_read_holds_the_typist_and_nobody_else(console: Console, ends: tuple[int, int]) -> None:
    master, slave = ends
    console.attach(master)
    with Line(console.address) as typist, Line(console.address) as line:
        joined(console, slave, typist, line)
        typist.send(b"t" * 300_000)
        os.write(slave, b"still printing")
        assert line.until(b"still printing") == b"still printing"
    console.detach()
