"""Korad (Tenma, Velleman, RND) KA3005P and KA3305P: no line ends on either side, replies of fixed length.

Ref: libsigrok `korad-kaxxxxp` (formats, status byte, junk after the identity, the sixth byte of `ISET1?`); reply
latency 18 ms and 50 ms between commands: pymeasure PR 1407; KA3305P: measured on firmware V7.2 by pepsi133/iot-lab
(bytes closer than 20 ms fuse, both outputs on one switch, its own status byte, bad input ignored in silence, 31 V and
5.1 A accepted). From memory: a trip opens the one switch, and `OUT1` forgets it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rig.twin.supply.instrument import Instrument, OutOfRange
from rig.twin.supply.scpi import Command, Dialect

_VALUE = re.compile(r"(VSET|ISET)([12]):(\d{1,2}(?:\.\d{1,3})?)")
_READ = re.compile(r"(VSET|ISET|VOUT|IOUT)([12])\?")
_FLAG = re.compile(r"(OUT|OCP|OVP|BEEP|LOCK)([01])")
_MEMORY = re.compile(r"(SAV|RCL)([1-5])")
DECIMALS = {"V": 2, "I": 3}
JUNK = "\x01"
SIXTH = "K"
"""What follows `ISET1?` once the identity was asked."""


class Korad(Dialect):
    """Both models' command set; `clock` is in seconds."""

    end = ""
    silence_s = 0.003

    def __init__(self, instrument: Instrument, serial: str, clock: Callable[[], float]) -> None:
        super().__init__(instrument)
        self._serial, self._clock = serial, clock
        self._single = len(instrument.model.channels) == 1
        self._ready_s = clock()
        self._beep = self._asked = False
        self._memory: dict[int, dict[int, tuple[float, float]]] = {}

    def line(self, text: str) -> str | None:
        """All that came between two silences: one command, or nothing it knows."""
        now_s = self._clock()
        early, self._ready_s = now_s < self._ready_s, now_s + self._it.model.pause_s
        return None if early else self.run(Command(text.strip(), text.endswith("?"), ()))

    def run(self, command: Command) -> str | None:
        text = command.header
        self._follow_trips()
        if text == "*IDN?":
            return self._identity()
        if text == "STATUS?":
            return chr(self._status())
        if found := _READ.fullmatch(text):
            return self._read(found[1], int(found[2]))
        if found := _VALUE.fullmatch(text):
            self._apply(found[1][0], int(found[2]), found[3])
        elif found := _FLAG.fullmatch(text):
            self._flag(found[1], found[2] == "1")
        elif found := _MEMORY.fullmatch(text):
            self._recall(found[1] == "SAV", int(found[2]))
        return None

    def _identity(self) -> str:
        self._asked = True
        if self._single:
            return f"KORAD{self._it.model.name}V2.0{JUNK}"
        return f"KORAD {self._it.model.name} V7.2 SN:{self._serial}"

    def _read(self, what: str, channel: int) -> str | None:
        if channel not in self._it.model.channels:
            return None
        now = self._it.settings(channel)
        match what:
            case "VSET":
                return f"{now.voltage_v:05.2f}"
            case "ISET":
                return f"{now.limit_a:05.3f}" + (SIXTH if self._asked and self._single else "")
            case "VOUT":
                return f"{self._it.measure(channel)[0]:05.2f}"
        return f"{self._it.measure(channel)[1]:05.3f}"

    def _apply(self, what: str, channel: int, text: str) -> None:
        if channel not in self._it.model.channels or len(text.partition(".")[2]) > DECIMALS[what]:
            return
        value = float(text)
        try:
            self._it.apply(channel, value if what == "V" else None, value if what == "I" else None)
        except OutOfRange:
            return  # it ignores what it cannot do, and says nothing

    def _flag(self, what: str, on: bool) -> None:
        for channel in self._it.model.channels:
            if what == "OUT":
                if on:
                    self._it.clear(channel)
                self._it.switch(channel, on)
            elif what in ("OCP", "OVP"):
                self._it.protect(channel, what, enabled=on)
        self._beep = on if what == "BEEP" else self._beep

    def _follow_trips(self) -> None:
        """Both outputs have one switch: what trips one opens it for both."""
        if any(self._it.output(channel).tripped for channel in self._it.model.channels):
            for channel in self._it.model.channels:
                self._it.switch(channel, False)

    def _recall(self, save: bool, slot: int) -> None:
        channels = self._it.model.channels
        if save:
            self._memory[slot] = {c: (self._it.settings(c).voltage_v, self._it.settings(c).limit_a) for c in channels}
            return
        for channel, (volt, ampere) in self._memory.get(slot, dict.fromkeys(channels, (0.0, 0.0))).items():
            self._it.switch(channel, False)
            self._it.apply(channel, volt, ampere)

    def _status(self) -> int:
        """One binary byte; bit 0, 1: CH1, CH2 not in current limit."""
        outputs = [self._it.output(channel) for channel in self._it.model.channels]
        on, now = any(o.on for o in outputs), self._it.settings(1)
        word = sum((o.mode != "CC") << bit for bit, o in enumerate(outputs))
        if self._single:
            return word | self._beep << 4 | now.ocp << 5 | on << 6 | now.ovp << 7
        return word | now.ovp << 4 | now.ocp << 5 | on << 6 | on << 7
