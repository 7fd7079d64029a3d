"""What every SCPI dialect shares: splitting a line, short and long keywords, numbers, the error queue."""

from __future__ import annotations

import abc
import re
from collections import deque
from dataclasses import dataclass

SHORT = {
    "MEASURE": "MEAS", "VOLTAGE": "VOLT", "CURRENT": "CURR", "POWER": "POWE", "POW": "POWE", "OUTPUT": "OUTP",
    "STATE": "STAT", "STATUS": "STAT", "VALUE": "VAL", "INSTRUMENT": "INST", "NSELECT": "NSEL", "SELECT": "SEL",
    "APPLY": "APPL", "SOURCE": "SOUR", "SYSTEM": "SYST", "ERROR": "ERR", "CLEAR": "CLE", "VERSION": "VERS",
    "PROTECTION": "PROT", "LEVEL": "LEV", "IMMEDIATE": "IMM", "AMPLITUDE": "AMPL", "ALARM": "ALAR", "REMOTE": "REM",
    "LOCAL": "LOC",
}  # fmt: skip
QUEUE = 20


@dataclass(frozen=True, slots=True)
class Command:
    """`OUTP:OVP:VAL?` with its arguments, keywords in their short form."""

    header: str
    query: bool
    args: tuple[str, ...]


class Fault(Exception):
    """The instrument's own complaint: code and text for its error queue."""

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        super().__init__(text)


UNDEFINED = (-113, "Undefined header")
MISSING = (-109, "Missing parameter")
BAD_PARAMETER = (-224, "Illegal parameter value")
OUT_OF_RANGE = (-222, "Data out of range")
CONFLICT = (-221, "Settings conflict")


def parse(text: str) -> Command | None:
    """One command without its separator; None for an empty one."""
    head, _, tail = text.strip().partition(" ")
    if not head:
        return None
    query = head.endswith("?")
    words = (_short(w) for w in head.rstrip("?").lstrip(":").upper().split(":"))
    args = tuple(a.strip() for a in tail.split(",")) if tail.strip() else ()
    return Command(":".join(words), query, args)


def _short(word: str) -> str:
    """`SOURCE2` is `SOUR2`."""
    letters = word.rstrip("0123456789")
    return SHORT.get(letters, letters) + word[len(letters) :]


def number(text: str) -> float:
    """A SCPI number with an optional unit; Fault when it is none."""
    found = re.fullmatch(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*[VvAa]?", text)
    if not found:
        raise Fault(*BAD_PARAMETER)
    return float(found[1])


def switch(text: str) -> bool:
    """ON, OFF, 1, 0; Fault for anything else."""
    if text.upper() not in ("ON", "OFF", "1", "0"):
        raise Fault(*BAD_PARAMETER)
    return text.upper() in ("ON", "1")


class Dialect(abc.ABC):
    """An instrument's front end: one line in, at most one line out; it has one state for all its clients."""

    def __init__(self) -> None:
        self._errors: deque[tuple[int, str]] = deque(maxlen=QUEUE)

    def line(self, text: str) -> str | None:
        """Answer a line of commands; faults go to the error queue and produce no answer."""
        replies = []
        for part in text.split(";"):
            command = parse(part)
            try:
                reply = self.run(command) if command else None
            except Fault as fault:
                self._errors.append((fault.code, fault.text))
                reply = None
            if reply is not None:
                replies.append(reply)
        return ";".join(replies) if replies else None

    @abc.abstractmethod
    def run(self, command: Command) -> str | None:
        """One command; Fault when the instrument refuses it."""

    def next_error(self) -> tuple[int, str]:
        """Oldest entry of the queue, taken off it; (0, "No error") when empty."""
        return self._errors.popleft() if self._errors else (0, "No error")

    def clear_errors(self) -> None:
        self._errors.clear()
