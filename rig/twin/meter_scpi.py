"""The command sets of the power meters.

Ref: Yokogawa IM WT310E-17EN (`:NUMeric[:NORMal]:{VALue?|NUMber|ITEM<x>}`, `:NUMeric:FORMat`, `:INPut:VOLTage:RANGe?`,
`:COMMunicate:HEADer`, `:RATE`; numbers are `103.79E+00`); that headers are on after a reset, and three items are
chosen, is from memory.
Ref: R&S HMC8015 as the library power-overwhelming drives it, hmc8015_sensor.cpp (`CHAN1:MEAS:{FUNC|DATA?}` and the ten
functions after a reset); the form of its numbers and what it says of an unknown header are from memory.
"""

from __future__ import annotations

import abc
import re
from collections import deque
from collections.abc import Mapping
from math import floor, log10
from types import MappingProxyType

from rig.twin.meter import Wattmeter

ITEMS = 255
QUEUE = 20
UNDEFINED = (113, "Undefined header")
NOT_THERE = "NAN"
INTERVALS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
Answer = tuple[bool, str | None]
"""Whether the command is known, and what it says."""
_SECONDS = re.compile(r"(\d+(?:\.\d*)?(?:E[-+]?\d+)?)\s*(MS|S)?")


class MeterFrontEnd(abc.ABC):
    """Lines in, lines out; a part of a line without a leading colon goes on where the one before it was."""

    def __init__(self, meter: Wattmeter, serial: str) -> None:
        self._it, self._serial = meter, serial
        self._errors: deque[tuple[int, str]] = deque(maxlen=QUEUE)

    def line(self, text: str) -> str | None:
        """Answer a line of commands; what is not understood goes to the error queue and gets no answer."""
        replies, path = [], ""
        for part in filter(None, (p.strip().upper() for p in text.split(";"))):
            full = part.lstrip(":") if part[0] in ":*" else path + part
            if part[0] != "*":
                path = full.split(" ")[0].rpartition(":")[0]
                path += ":" if path else ""
            known, reply = self._run(full)
            if not known:
                self._errors.append(UNDEFINED)
            if reply is not None:
                replies.append(reply)
        return ";".join(replies) if replies else None

    def _run(self, command: str) -> Answer:
        if command in ("*CLS", "*RST"):
            self._errors.clear()
            if command == "*RST":
                self.reset()
            return True, None
        common = {"*IDN?": self.identity(), "*OPC?": "1"}.get(command)
        if common is not None:
            return True, common
        return self.run(command)

    def next_error(self) -> tuple[int, str]:
        """Oldest entry of the queue, taken off it; (0, "No error") when empty."""
        return self._errors.popleft() if self._errors else (0, "No error")

    @abc.abstractmethod
    def identity(self) -> str: ...

    @abc.abstractmethod
    def reset(self) -> None: ...

    @abc.abstractmethod
    def run(self, command: str) -> Answer:
        """One command, upper case and with its full path."""


class Yokogawa(MeterFrontEnd):
    """The WT310E."""

    _VALUE = re.compile(r"NUM(?:ERIC)?(?::NORM(?:AL)?)?:VAL(?:UE)?\?(?: (\d+))?")
    _COUNT = re.compile(r"NUM(?:ERIC)?(?::NORM(?:AL)?)?:NUM(?:BER)?(\?| \d+)")
    _ITEM = re.compile(r"NUM(?:ERIC)?(?::NORM(?:AL)?)?:ITEM(\d+)(?:\?| ([A-Z]+)(?:,1)?)")
    _RATE = re.compile(r"RATE(?:\?| (.+))")
    _FORMAT = re.compile(r"NUM(?:ERIC)?:FORM(?:AT)?(?:(\?)| ASC(?:II)?)")
    _RANGE = re.compile(r"(?:INP(?:UT)?:)?(VOLT|CURR)(?:AGE|ENT)?:RANG(?:E)?\?")
    _HEADER = re.compile(r"COMM(?:UNICATE)?:HEAD(?:ER)?(?:(\?)| (ON|OFF|1|0))")
    _NOTHING = re.compile(r"COMM(?:UNICATE)?:REM(?:OTE)? (?:ON|OFF|1|0)")

    def __init__(self, meter: Wattmeter, serial: str) -> None:
        super().__init__(meter, serial)
        self._answers = (
            (self._VALUE, self._values), (self._COUNT, self._numbered), (self._ITEM, self._named),
            (self._RATE, self._paced), (self._FORMAT, self._formed), (self._RANGE, self._ranged),
            (self._HEADER, self._headed), (self._NOTHING, lambda found: (True, None)),
        )  # fmt: skip
        self.reset()

    def identity(self) -> str:
        return f"YOKOGAWA,{self._it.model.name},{self._serial},F1.03"

    def reset(self) -> None:
        self._items = {1: "U", 2: "I", 3: "P"}
        self._count, self._header = 3, True
        self._it.interval_s = self._it.model.interval_s

    def run(self, command: str) -> Answer:
        for pattern, answer in self._answers:
            if found := pattern.fullmatch(command):
                return answer(found)
        if command in ("STAT:ERR?", "STATUS:ERROR?"):
            code, text = self.next_error()
            return True, f'{code},"{text}"'
        return False, None

    def _values(self, found: re.Match[str]) -> Answer:
        read = self._it.read()
        wanted = [int(found[1])] if found[1] else range(1, self._count + 1)
        return True, ",".join(_nr3(read.get(self._items.get(n, ""))) for n in wanted)

    def _numbered(self, found: re.Match[str]) -> Answer:
        if found[1] == "?":
            return self._told("NUMERIC:NORMAL:NUMBER", str(self._count))
        self._count = min(max(int(found[1]), 1), ITEMS)
        return True, None

    def _named(self, found: re.Match[str]) -> Answer:
        item = int(found[1])
        if found[2] is None:
            return self._told(f"NUMERIC:NORMAL:ITEM{item}", f"{self._items.get(item, 'NONE')},1")
        if not 1 <= item <= ITEMS:
            return False, None
        self._items[item] = found[2]
        return True, None

    def _paced(self, found: re.Match[str]) -> Answer:
        if found[1] is None:
            return self._told("RATE", _nr3(self._it.interval_s))
        told = _SECONDS.fullmatch(found[1].strip())
        seconds = float(told[1]) * (1e-3 if told[2] == "MS" else 1.0) if told else 0.0
        if seconds not in INTERVALS_S:
            return False, None
        self._it.interval_s = seconds
        return True, None

    def _formed(self, found: re.Match[str]) -> Answer:
        return self._told("NUMERIC:FORMAT", "ASCII") if found[1] else (True, None)

    def _ranged(self, found: re.Match[str]) -> Answer:
        name, item = ("VOLTAGE", "URAN") if found[1] == "VOLT" else ("CURRENT", "IRAN")
        return self._told(f"INPUT:{name}:RANGE", _nr3(self._it.read()[item]))

    def _headed(self, found: re.Match[str]) -> Answer:
        if found[1]:
            return self._told("COMMUNICATE:HEADER", str(int(self._header)))
        self._header = found[2] in ("ON", "1")
        return True, None

    def _told(self, header: str, value: str) -> Answer:
        return True, f":{header} {value}" if self._header else value


class Rohde(MeterFrontEnd):
    """The HMC8015."""

    _AFTER_RESET = ("URMS", "IRMS", "P", "FPLL", "URAN", "IRAN", "S", "Q", "LAMB", "PHI")
    _SAME: Mapping[str, str] = MappingProxyType({"URMS": "U", "IRMS": "I", "LAMB": "LAMBDA", "FPLL": "FU"})
    _DATA = re.compile(r"CHAN(?:NEL)?1?:MEAS(?:UREMENT)?:DATA\?(?: (\d+))?")
    _FUNCTION = re.compile(r"CHAN(?:NEL)?1?:MEAS(?:UREMENT)?:FUNC(?:TION)?(\?| .+)")

    def __init__(self, meter: Wattmeter, serial: str) -> None:
        super().__init__(meter, serial)
        self.reset()

    def identity(self) -> str:
        return f"Rohde&Schwarz,{self._it.model.name},{self._serial},1.403"

    def reset(self) -> None:
        self._functions: tuple[str, ...] = self._AFTER_RESET

    def run(self, command: str) -> Answer:
        if found := self._DATA.fullmatch(command):
            read = self._it.read()
            values = [_engineering(read.get(self._SAME.get(name, name))) for name in self._functions]
            return True, ",".join(values[int(found[1]) - 1 : int(found[1])] if found[1] else values)
        if found := self._FUNCTION.fullmatch(command):
            return self._choose(found[1].strip())
        if command in ("SYST:ERR?", "SYSTEM:ERROR?"):
            code, text = self.next_error()
            return True, f'{-code},"{text}"'
        return command in ("SYST:REM", "SYST:LOC", "SYSTEM:REMOTE", "SYSTEM:LOCAL", "CHAN1:ACQ:MODE AUTO"), None

    def _choose(self, told: str) -> Answer:
        if told == "?":
            return True, ",".join(self._functions)
        self._functions = tuple(name.strip() for name in told.split(","))
        return True, None


FRONT_ENDS: Mapping[str, type[MeterFrontEnd]] = MappingProxyType({"WT310E": Yokogawa, "HMC8015": Rohde})


def _nr3(value: float | None) -> str:
    """Five digits, the exponent a multiple of three: `103.79E+00`."""
    if value is None:
        return NOT_THERE
    power = 3 * floor(log10(abs(value)) / 3) if value else 0
    whole = value / 10.0**power
    decimals = max(4 - int(log10(max(abs(whole), 1.0))), 0)
    return f"{whole:.{decimals}f}E{power:+03d}"


def _engineering(value: float | None) -> str:
    return "NAN" if value is None else f"{value:.6E}"
