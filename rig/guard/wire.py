"""JSON lines over the socket between client and guardian, and errors that keep their class on the way."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from rig import errors
from rig.errors import BenchError, RigError
from rig.model import Accuracy, RailAccuracy, Reading, Sample

Row = dict[str, Any]
_CHUNK = 65536
PAGE = 2_000
"""Samples in one answer: it must pass the socket well within its timeout."""
_SOMETIMES = ("error_v", "error_a", "power_w", "error_w")
"""Fields of a reading that are written only where they are known."""
LONGEST = 1 << 24
"""Bytes of one row: a full page of many rails stays far below."""


class Lines:
    """The rows that arrive on a socket, however the bytes are cut."""

    def __init__(self, sock: socket.socket, longest: int = LONGEST) -> None:
        self._sock, self._longest = sock, longest
        self._rest = b""

    def receive(self) -> list[Row] | None:
        """The rows complete after one `recv` (perhaps none); None: the other side closed, or talks nonsense."""
        try:
            data = self._sock.recv(_CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            return None
        *whole, self._rest = (self._rest + data).split(b"\n")
        try:
            rows = [json.loads(line) for line in whole]
        except (ValueError, RecursionError):
            return None
        sound = len(self._rest) <= self._longest and all(isinstance(row, dict) for row in rows)
        return rows if sound else None


def readable(socks: Sequence[socket.socket], wait_s: float) -> bool:
    """Whether something (or the end) has arrived on any of `socks` within `wait_s`."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    return bool(poll.poll(max(0.0, wait_s) * 1000))


def send(sock: socket.socket, row: Mapping[str, object]) -> None:
    """One row as a line; OSError when the other side has gone or does not take it in time."""
    sock.sendall(json.dumps(row, allow_nan=False).encode() + b"\n")


def error_row(e: RigError) -> Row:
    """An error as a row: class, text, and the fields its class has."""
    fields = {k: v if isinstance(v, str | int | float | bool) else repr(v) for k, v in vars(e).items()}
    return {"class": type(e).__name__, "text": str(e), "fields": fields}


def error_from(row: Row) -> RigError:
    """The error in `row`, of its own class; a class this version does not know is a BenchError."""
    kind = getattr(errors, row["class"], None)
    if not (isinstance(kind, type) and issubclass(kind, RigError)):
        kind = BenchError
    error: RigError = kind.__new__(kind, row["text"])
    error.__dict__.update(row["fields"])
    return error


def sample_row(sample: Sample, *, at: bool = False) -> Row:
    """A sample as a row; `at`: with the instant of each reading."""
    rails = {name: _reading_row(reading, at) for name, reading in sample.rails.items()}
    gap: Row = {"gap_s": sample.gap_s} if sample.gap_s else {}
    return {"time_s": sample.time_s, "rails": rails, **gap}


def _reading_row(reading: Reading, at: bool) -> Row:
    row: Row = {"voltage_v": reading.voltage_v, "current_a": reading.current_a, "limiting": reading.limiting}
    row |= {name: value for name in _SOMETIMES if (value := getattr(reading, name)) is not None}
    return {**row, "time_s": reading.time_s} if at else row


def sample_from(row: Row) -> Sample:
    """The sample in a row that was written `at`."""
    rails = {name: Reading(**reading) for name, reading in row["rails"].items()}
    return Sample(row["time_s"], rails, row.get("gap_s", 0.0))


def accuracy_from(row: Row) -> RailAccuracy:
    """The accuracy in a row."""
    return RailAccuracy(**{what: None if a is None else Accuracy(**a) for what, a in row.items()})
