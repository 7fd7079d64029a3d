"""What every SCPI dialect shares: splitting a line, short and long keywords, numbers, the error queue."""

from __future__ import annotations

import abc
import re
from collections import deque
from dataclasses import dataclass

from rig.twin.supply.instrument import Instrument, OutOfRange

SHORT = {
    "MEASURE": "MEAS", "VOLTAGE": "VOLT", "CURRENT": "CURR", "POWER": "POWE", "POW": "POWE", "OUTPUT": "OUTP",
    "STATE": "STAT", "STATUS": "STAT", "VALUE": "VAL", "INSTRUMENT": "INST", "NSELECT": "NSEL", "SELECT": "SEL",
    "APPLY": "APPL", "SOURCE": "SOUR", "SYSTEM": "SYST", "ERROR": "ERR", "CLEAR": "CLE", "VERSION": "VERS",
    "PROTECTION": "PROT", "LEVEL": "LEV", "IMMEDIATE": "IMM", "AMPLITUDE": "AMPL", "ALARM": "ALAR", "REMOTE": "REM",
    "LOCAL": "LOC", "QUESTIONABLE": "QUES", "CONDITION": "COND", "ISUMMARY": "ISUM", "OPERATION": "OPER",
    "LIMIT": "LIM", "TRIPPED": "TRIP", "TRIPED": "TRIP", "GENERAL": "GEN", "TRIGER": "TRIG", "UNLINK": "UNL",
    "SCALAR": "SCAL",
}  # fmt: skip
OPTIONAL = ("SOUR", "LEV", "IMM", "AMPL", "SCAL", "DC", "NEXT")
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


def bare(header: str) -> str:
    """The header without the keywords SCPI lets one leave out."""
    return ":".join(word for word in header.split(":") if word not in OPTIONAL)


def digits(step: float) -> int:
    """Decimals that show a step: 3 for 0.001."""
    return max(len(f"{step:.6f}".rstrip("0").partition(".")[2]), 1)


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

    end = "\n"
    """What ends a reply."""
    silence_s: float | None = None
    """None: a line feed ends a command. Else so long a silence does."""

    def __init__(self, instrument: Instrument) -> None:
        self._it = instrument
        self._errors: deque[tuple[int, str]] = deque(maxlen=QUEUE)

    def line(self, text: str) -> str | None:
        """Answer a line of commands; faults go to the error queue and produce no answer."""
        replies = [reply for part in text.split(";") if (reply := self._one(part)) is not None]
        return ";".join(replies) if replies else None

    def busy_s(self) -> float:
        """How long the instrument took for the last line."""
        return self._it.busy_s()

    @abc.abstractmethod
    def run(self, command: Command) -> str | None:
        """One command; Fault when the instrument refuses it."""

    def complain(self, code: int, text: str) -> str | None:
        """Note a refusal; returns the reply it causes, where it causes one."""
        self._errors.append((code, text))
        return None

    def next_error(self) -> tuple[int, str]:
        """Oldest entry of the queue, taken off it; (0, "No error") when empty."""
        return self._errors.popleft() if self._errors else (0, "No error")

    def clear_errors(self) -> None:
        self._errors.clear()

    def _one(self, text: str) -> str | None:
        command = parse(text)
        try:
            return self.run(command) if command else None
        except Fault as fault:
            return self.complain(fault.code, fault.text)
        except OutOfRange:
            return self.complain(*OUT_OF_RANGE)
        except IndexError:
            return self.complain(*MISSING)

    def _channel_number(self, text: str) -> int:
        """A channel of this model by its digits; Fault for any other."""
        if not text.isdigit() or int(text) not in self._it.model.channels:
            raise Fault(*BAD_PARAMETER)
        return int(text)

    def _level(self, channel: int, text: str, volt: bool) -> float:
        """A number, or MIN and MAX of the channel."""
        limits = self._it.model.channels[channel]
        most = limits.max_v if volt else limits.max_a
        sign = -1.0 if volt and limits.negative else 1.0
        if text.upper() in ("MIN", "MINIMUM"):
            return 0.0
        return sign * most if text.upper() in ("MAX", "MAXIMUM") else number(text)
