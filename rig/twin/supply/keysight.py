"""Keysight E36300, E3631A and N5700 over SCPI.

Ref: Keysight E36300 programming guide and E3631A user's guide as condensed in public command references (channel
lists `(@1,2)`, NR3 replies, `+0,"No error"`); condition bits CC=1, CV=2 in libsigrok `scpi-pps/api.c`; an E3631A's
identity and CR LF as public scripts recorded them; N5700 user's guide p. 72 and python-dvg-devices (over-current
protection is current limit, condition bits, a cleared latch restores the output). That the E36300 restores it too is
taken from the E3632A user's guide p. 88; error 301 and 304 of the N5700 are from memory.
"""

from __future__ import annotations

import re

from rig.twin.supply.instrument import Instrument
from rig.twin.supply.scpi import BAD_PARAMETER, UNDEFINED, Command, Dialect, Fault, bare, number, switch

_LIST = re.compile(r",?\s*\(@([\d,:\s]+)\)\s*$")
_SUMMARY = re.compile(r"STAT:QUES:INST:ISUM([1-9]):COND$")
CC, CV = 1, 2
ABOVE_OVP = (301, "PV above OVP")
BELOW_PV = (304, "OVP below PV")


def nr3(value: float) -> str:
    """`+1.20000000E+01`."""
    return f"{value:+.8E}"


class Keysight(Dialect):
    """What the three have in common; `INST` chooses a channel for all clients at once."""

    firmware = "2.1.0-1.0.4-1.12"
    names: tuple[str, ...] = ("CH1", "CH2", "CH3")

    def __init__(self, instrument: Instrument, serial: str) -> None:
        super().__init__(instrument)
        self._serial, self._selected = serial, 1

    def run(self, command: Command) -> str | None:
        channels, args = self._addressed(command)
        same = Command(bare(command.header), command.query, args)
        done, reply = self._common(same)
        if done:
            return reply
        if not command.query:
            for channel in channels:
                self.set(same.header, channel, args)
            return None
        return ",".join(self.ask(same.header, channel, args) for channel in channels)

    def set(self, header: str, channel: int, args: tuple[str, ...]) -> None:
        """A setting of one channel; Fault for a header it does not have."""
        match header:
            case "VOLT":
                self._it.apply(channel, self._level(channel, args[0], True), None)
            case "CURR":
                self._it.apply(channel, None, self._level(channel, args[0], False))
            case "OUTP" | "OUTP:STAT":
                self._it.switch(channel, switch(args[0]))
            case _:
                raise Fault(*UNDEFINED)

    def ask(self, header: str, channel: int, args: tuple[str, ...]) -> str:
        """A query of one channel; Fault for a header it does not have."""
        now = self._it.settings(channel)
        match header:
            case "VOLT":
                return nr3(self._level(channel, args[0], True) if args else now.voltage_v)
            case "CURR":
                return nr3(self._level(channel, args[0], False) if args else now.limit_a)
            case "MEAS:VOLT":
                return nr3(self._it.measure(channel)[0])
            case "MEAS:CURR":
                return nr3(self._it.measure(channel)[1])
            case "OUTP" | "OUTP:STAT":
                return str(int(self._it.output(channel).on))
        raise Fault(*UNDEFINED)

    def identity(self) -> str:
        return f"Keysight Technologies,{self._it.model.name},{self._serial},{self.firmware}"

    def _common(self, command: Command) -> tuple[bool, str | None]:
        match command.header, command.query:
            case "*IDN", True:
                return True, self.identity()
            case "*OPC", True:
                return True, "1"
            case "*RST", False:
                self._it.reset()
                self._selected = 1
            case "*CLS", False:
                self.clear_errors()
            case (("*OPC" | "*WAI" | "SYST:REM" | "SYST:LOC" | "SYST:RWL"), False):
                pass
            case "SYST:ERR", True:
                code, text = self.next_error()
                return True, f'{code:+d},"{text}"'
            case (("INST" | "INST:SEL" | "INST:NSEL"), _) if len(self._it.model.channels) > 1:
                return True, self._select(command)
            case _:
                return False, None
        return True, None

    def _select(self, command: Command) -> str | None:
        by_number = command.header == "INST:NSEL"
        if command.query:
            return str(self._selected) if by_number else self.names[self._selected - 1]
        self._selected = self._channel_number(command.args[0]) if by_number else self._named(command.args[0])
        return None

    def _named(self, name: str) -> int:
        if name.upper() not in self.names:
            raise Fault(*BAD_PARAMETER)
        return self.names.index(name.upper()) + 1

    def _addressed(self, command: Command) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """The channels of a command, or the selected one, and its other parameters."""
        return (self._selected,), command.args


class E36300(Keysight):
    """Channel lists, so that nobody depends on the selected channel; protection latches."""

    def set(self, header: str, channel: int, args: tuple[str, ...]) -> None:
        match header:
            case "APPL":
                ampere = self._level(channel, args[1], False) if len(args) > 1 else None
                self._it.apply(channel, self._level(channel, args[0], True), ampere)
            case "VOLT:PROT":
                self._it.protect(channel, "OVP", level=number(args[0]))
            case "CURR:PROT:STAT":
                self._it.protect(channel, "OCP", enabled=switch(args[0]))
            case "OUTP:PROT:CLE" | "VOLT:PROT:CLE" | "CURR:PROT:CLE":
                self._restore(channel, {"VOLT": "OVP", "CURR": "OCP"}.get(header[:4], ""))
            case _:
                super().set(header, channel, args)

    def ask(self, header: str, channel: int, args: tuple[str, ...]) -> str:
        now = self._it.settings(channel)
        if found := _SUMMARY.match(header):
            return f"+{self._condition(self._channel_number(found[1]))}"
        match header:
            case "APPL":
                return f'"{nr3(now.voltage_v)},{nr3(now.limit_a)}"'
            case "VOLT:PROT":
                return nr3(now.ovp_v)
            case "CURR:PROT:STAT":
                return str(int(now.ocp))
            case "VOLT:PROT:TRIP" | "CURR:PROT:TRIP":
                kind = "OVP" if header.startswith("VOLT") else "OCP"
                return str(int(self._it.output(channel).tripped == kind))
        return super().ask(header, channel, args)

    def _restore(self, channel: int, kind: str) -> None:
        if self._it.clear(channel, kind):
            # the output comes back as it was before it tripped
            self._it.switch(channel, True)

    def _condition(self, channel: int) -> int:
        return {"CC": CC, "CV": CV}.get(self._it.output(channel).mode, 0)

    def _addressed(self, command: Command) -> tuple[tuple[int, ...], tuple[str, ...]]:
        text = ",".join(command.args)
        found = _LIST.search(text)
        if not found:
            return (self._selected,), command.args
        rest = text[: found.start()].strip()
        args = tuple(a.strip() for a in rest.split(",")) if rest else ()
        return tuple(self._listed(found[1])), args

    def _listed(self, text: str) -> list[int]:
        found: list[int] = []
        for part in text.split(","):
            first, _, last = part.strip().partition(":")
            ends = self._channel_number(first), self._channel_number(last or first)
            found.extend(range(ends[0], ends[1] + 1))
        return found


class E3631A(Keysight):
    """Three outputs behind one switch, no protection, the third below zero."""

    end = "\r\n"
    names = ("P6V", "P25V", "N25V")

    def identity(self) -> str:
        return "HEWLETT-PACKARD,E3631A,0,2.1-5.0-1.0"

    def set(self, header: str, channel: int, args: tuple[str, ...]) -> None:
        if header in ("OUTP", "OUTP:STAT"):
            for each in self._it.model.channels:
                self._it.switch(each, switch(args[0]))
        elif header == "APPL":
            named = self._named(args[0])
            ampere = self._level(named, args[2], False) if len(args) > 2 else None
            self._it.apply(named, self._level(named, args[1], True), ampere)
        else:
            super().set(header, channel, args)

    def ask(self, header: str, channel: int, args: tuple[str, ...]) -> str:
        if found := _SUMMARY.match(header):
            return f"+{ {'CC': CC, 'CV': CV}.get(self._it.output(self._channel_number(found[1])).mode, 0) }"
        if header in ("MEAS:VOLT", "MEAS:CURR", "APPL") and args:
            channel, args = self._named(args[0]), ()
        if header == "APPL":
            now = self._it.settings(channel)
            return f'"{now.voltage_v:.6f},{now.limit_a:.6f}"'
        return super().ask(header, channel, args)


class N5700(Keysight):
    """One channel; over-current protection trips in current limit, and the voltage stays under the OVP level."""

    def identity(self) -> str:
        return f"Agilent Technologies,{self._it.model.name},{self._serial},A.05.05,REV:E"

    def set(self, header: str, channel: int, args: tuple[str, ...]) -> None:
        now = self._it.settings(channel)
        match header:
            case "VOLT" if 1.05 * self._level(channel, args[0], True) > now.ovp_v:
                raise Fault(*ABOVE_OVP)
            case "VOLT:PROT" if number(args[0]) < 1.05 * now.voltage_v:
                raise Fault(*BELOW_PV)
            case "VOLT:PROT":
                self._it.protect(channel, "OVP", level=number(args[0]))
            case "CURR:PROT:STAT":
                self._it.protect(channel, "OCP", enabled=switch(args[0]))
            case "OUTP:PROT:CLE":
                if self._it.clear(channel):
                    self._it.switch(channel, True)
            case _:
                super().set(header, channel, args)

    def ask(self, header: str, channel: int, args: tuple[str, ...]) -> str:
        output = self._it.output(channel)
        match header:
            case "VOLT:PROT":
                return nr3(self._it.settings(channel).ovp_v)
            case "CURR:PROT:STAT":
                return str(int(self._it.settings(channel).ocp))
            case "STAT:QUES:COND":
                return str({"OVP": 1, "OCP": 2}.get(output.tripped, 0))
            case "STAT:OPER:COND":
                return str({"CV": 256, "CC": 1024}.get(output.mode, 0))
        return super().ask(header, channel, args)
