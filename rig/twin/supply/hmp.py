"""Rohde & Schwarz / HAMEG HMP and NGE100 over SCPI: a selected channel, and two gates before every output.

Ref: HMP Series SCPI Programmers Manual 5800576002 as libsigrok (`rs_hmp4040_cmd`, `rs_nge100b_cmd`: condition bits
CC=1, CV=2) and pymeasure `hmp.py` use it (`OUTP:SEL`, `OUTP:GEN`); identities of both ages as public drivers recorded
them; `FUSE:TRIPped:CLEar` of the NGE from RsNgx. From memory: `OUTP ON` opens both gates, `OUTP OFF` closes the
channel's alone, a tripped fuse of an HMP is forgotten when its channel is activated again, bits 9 and 10 of the
condition (OVP, fuse), settings out of range are refused.
"""

from __future__ import annotations

import re

from rig.twin.supply.instrument import Instrument
from rig.twin.supply.scpi import BAD_PARAMETER, UNDEFINED, Command, Dialect, Fault, bare, number, switch

_SUMMARY = re.compile(r"STAT:QUES:(?:INST:)?ISUM([1-9]):COND$")
MODE_BIT = {"CC": 1, "CV": 2}
TRIP_BIT = {"OVP": 1 << 9, "OCP": 1 << 10}


class Hmp(Dialect):
    """The HMP's command set; `old`: made when the maker was still called HAMEG."""

    def __init__(self, instrument: Instrument, serial: str, *, old: bool = False) -> None:
        super().__init__(instrument)
        self._serial, self._old = serial, old
        self._selected, self._general = 1, False
        self._active: set[int] = set()
        self._linked: dict[int, set[int]] = {channel: set() for channel in instrument.model.channels}

    def identity(self) -> str:
        maker, firmware = ("HAMEG", "SW2.51") if self._old else ("ROHDE&SCHWARZ", "SW2.70")
        return f"{maker},{self._it.model.name},{self._serial},HW50020001/{firmware}"

    def run(self, command: Command) -> str | None:
        self._follow_trips()
        header = bare(command.header)
        if command.query:
            return self.ask(header, command.args)
        self.set(header, command.args)
        return None

    def set(self, header: str, args: tuple[str, ...]) -> None:
        """A setting, mostly of the selected channel; Fault for a header it does not have."""
        channel = self._selected
        match header:
            case "*RST":
                self._reset()
            case "*CLS":
                self.clear_errors()
            case "*OPC" | "*WAI" | "SYST:REM" | "SYST:LOC" | "SYST:RWL" | "SYST:MIX":
                pass
            case "INST:NSEL":
                self._selected = self._channel_number(args[0])
            case "INST" | "INST:SEL":
                self._selected = self._named(args[0])
            case "VOLT":
                self._it.apply(channel, self._level(channel, args[0], True), None)
            case "CURR":
                self._it.apply(channel, None, self._level(channel, args[0], False))
            case "APPL":
                self._it.apply(channel, self._level(channel, args[0], True), self._level(channel, args[1], False))
            case "OUTP" | "OUTP:STAT" | "OUTP:SEL" | "OUTP:GEN":
                self._gate(header, switch(args[0]))
            case "VOLT:PROT":
                self._it.protect(channel, "OVP", level=number(args[0]))
            case "VOLT:PROT:CLE":
                self._it.clear(channel, "OVP")
            case "FUSE" | "FUSE:STAT":
                self._it.protect(channel, "OCP", enabled=switch(args[0]))
            case "FUSE:LINK":
                self._linked[channel].add(self._channel_number(args[0]))
            case "FUSE:UNL":
                self._linked[channel].discard(self._channel_number(args[0]))
            case _:
                raise Fault(*UNDEFINED)

    def ask(self, header: str, args: tuple[str, ...]) -> str:
        """A query, mostly of the selected channel; Fault for a header it does not have."""
        channel, now, output = self._selected, self._it.settings(self._selected), self._it.output(self._selected)
        if found := _SUMMARY.match(header):
            return str(self._condition(self._channel_number(found[1])))
        match header:
            case "*IDN":
                return self.identity()
            case "*OPC":
                return "1"
            case "SYST:ERR":
                code, text = self.next_error()
                return f'{code}, "{text}"'
            case "INST:NSEL":
                return str(channel)
            case "INST" | "INST:SEL":
                return f"OUTP{channel}"
            case "VOLT":
                return f"{self._level(channel, args[0], True) if args else now.voltage_v:.3f}"
            case "CURR":
                return f"{self._level(channel, args[0], False) if args else now.limit_a:.4f}"
            case "APPL":
                return f"{now.voltage_v:.3f}, {now.limit_a:.4f}"
            case "MEAS:VOLT":
                return f"{self._it.measure(channel)[0]:.3f}"
            case "MEAS:CURR":
                return f"{self._it.measure(channel)[1]:.4f}"
        bits = {
            "OUTP": output.on, "OUTP:STAT": output.on, "OUTP:SEL": channel in self._active, "OUTP:GEN": self._general,
            "VOLT:PROT:TRIP": output.tripped == "OVP", "FUSE": now.ocp, "FUSE:STAT": now.ocp,
            "FUSE:TRIP": output.tripped == "OCP",
        }  # fmt: skip
        if header == "VOLT:PROT":
            return f"{now.ovp_v:.3f}"
        if header == "FUSE:LINK":
            return str(int(self._channel_number(args[0]) in self._linked[channel]))
        if header not in bits:
            raise Fault(*UNDEFINED)
        return str(int(bits[header]))

    def acknowledge(self, channel: int) -> None:
        """The channel is activated again."""
        self._it.clear(channel, "OCP")

    def _gate(self, header: str, on: bool) -> None:
        if header == "OUTP:GEN":
            self._general = on
        else:
            (self._active.add if on else self._active.discard)(self._selected)
            if on:
                self.acknowledge(self._selected)
        if header in ("OUTP", "OUTP:STAT") and on:
            self._general = True
        self._drive()

    def _drive(self) -> None:
        for channel in self._it.model.channels:
            wanted = self._general and channel in self._active
            if wanted != self._it.output(channel).on:
                self._it.switch(channel, wanted)

    def _follow_trips(self) -> None:
        """A channel that tripped is deactivated, and so are those linked to its fuse."""
        for channel in self._it.model.channels:
            output = self._it.output(channel)
            if output.tripped and channel in self._active:
                self._active -= {channel} | (self._linked[channel] if output.tripped == "OCP" else set())
                self._drive()
        if self._general and not any(self._it.output(c).on for c in self._active) and self._active:
            # the front panel's output key closes the general gate
            self._general = False

    def _reset(self) -> None:
        self._it.reset()
        self._selected, self._general = 1, False
        self._active.clear()

    def _named(self, name: str) -> int:
        found = re.fullmatch(r"OUT(?:P|PUT)?([1-9])", name.upper())
        if not found:
            raise Fault(*BAD_PARAMETER)
        return self._channel_number(found[1])

    def _condition(self, channel: int) -> int:
        output = self._it.output(channel)
        return MODE_BIT.get(output.mode, 0) | TRIP_BIT.get(output.tripped, 0)


class Nge(Hmp):
    """The NGE100: protections that can be switched off, and a command that forgets a tripped fuse."""

    def identity(self) -> str:
        return f"Rohde&Schwarz,{self._it.model.name},5601.3800k03/{self._serial},1.54"

    def set(self, header: str, args: tuple[str, ...]) -> None:
        if header == "VOLT:PROT:STAT":
            self._it.protect(self._selected, "OVP", enabled=switch(args[0]))
        elif header == "FUSE:TRIP:CLE":
            self._it.clear(self._selected, "OCP")
        else:
            super().set(header, args)

    def ask(self, header: str, args: tuple[str, ...]) -> str:
        if header == "VOLT:PROT:STAT":
            return str(int(self._it.settings(self._selected).ovp))
        return super().ask(header, args)

    def acknowledge(self, channel: int) -> None:
        """Only its command forgets a trip."""
