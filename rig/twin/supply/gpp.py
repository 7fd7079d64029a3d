"""GW Instek GPP-4323: the channel's number is part of the keyword.

Ref: GPP Series User Manual p. 128 (`:OUTPut2:OVP:TRIGer?`) and GPP-3060/6030 p. 136; public drivers for the GPP-4323
(`:SOURce1:VOLTage`, `VOUT1?` is `12.000V`, `ALLOUTON`, `:SOURce1:CURRent[:LIMit]:STATe?` is 1 in current limit,
`GW INSTEK,GPP-4323,SN:GEW840790,V1.17`); CH3 has four fixed voltages. From memory: the error queue, and that
`:OUTPut1:STATe ON` forgets a trip.
"""

from __future__ import annotations

import re

from rig.twin.supply.instrument import Instrument
from rig.twin.supply.scpi import BAD_PARAMETER, UNDEFINED, Command, Dialect, Fault, digits, number, switch

_CHANNEL = re.compile(r"(SOUR|MEAS|OUTP|MODE|VSET|ISET|VOUT|IOUT)([1-9])(?::(.+))?$")


class Gpp(Dialect):
    """The GPP's command set."""

    def __init__(self, instrument: Instrument, serial: str) -> None:
        super().__init__(instrument)
        self._serial = serial

    def line(self, text: str) -> str | None:
        """`VSET1:12.5` has its value after a colon."""
        return super().line(re.sub(r"\b([VI]SET[1-9]):", r"\1 ", text))

    def run(self, command: Command) -> str | None:
        match command.header, command.query:
            case "*IDN", True:
                return f"GW INSTEK,{self._it.model.name},SN:{self._serial},V1.17"
            case "*OPC", True:
                return "1"
            case "*RST", False:
                self._it.reset()
            case "*CLS", False:
                self.clear_errors()
            case (("*OPC" | "*WAI" | "SYST:REM" | "SYST:LOC"), False):
                pass
            case "SYST:ERR", True:
                code, text = self.next_error()
                return f'{code},"{text}"'
            case (("ALLOUTON" | "ALLOUTOFF"), False):
                for channel in self._it.model.channels:
                    self._switch(channel, command.header == "ALLOUTON")
            case _:
                return self._of_channel(command)
        return None

    def _of_channel(self, command: Command) -> str | None:
        found = _CHANNEL.match(command.header)
        if not found:
            raise Fault(*UNDEFINED)
        channel = self._channel_number(found[2])
        what = f"{found[1]}:{found[3]}" if found[3] else found[1]
        if command.query:
            return self._ask(what, channel)
        self._do(what, channel, command.args[0])
        return None

    def _do(self, what: str, channel: int, text: str) -> None:
        match what:
            case "SOUR:VOLT" | "VSET":
                self._it.apply(channel, number(text), None)
            case "SOUR:CURR" | "ISET":
                self._it.apply(channel, None, number(text))
            case "OUTP:STAT" | "OUTP":
                self._switch(channel, switch(text))
            case "OUTP:OVP" | "OUTP:OCP":
                self._protected(channel)
                self._it.protect(channel, what[-3:], level=number(text))
            case "OUTP:OVP:STAT" | "OUTP:OCP:STAT":
                self._protected(channel)
                self._it.protect(channel, what[5:8], enabled=switch(text))
            case _:
                raise Fault(*UNDEFINED)

    def _ask(self, what: str, channel: int) -> str:
        now, output = self._it.settings(channel), self._it.output(channel)
        match what:
            case "SOUR:VOLT" | "VSET":
                return self._volt(now.voltage_v)
            case "SOUR:CURR" | "ISET":
                return self._ampere(now.limit_a)
            case "SOUR:CURR:STAT" | "SOUR:CURR:LIM:STAT":
                return str(int(output.mode == "CC"))
            case "MODE":
                return "IND"
            case "OUTP:STAT" | "OUTP":
                return _flag(output.on)
            case "OUTP:OVP":
                return self._volt(now.ovp_v)
            case "OUTP:OCP":
                return self._ampere(now.ocp_a)
            case "OUTP:OVP:STAT" | "OUTP:OCP:STAT":
                return _flag(now.ovp if "OVP" in what else now.ocp)
            case "OUTP:OVP:TRIG" | "OUTP:OCP:TRIG":
                return _flag(output.tripped == what[5:8])
        return self._measured(what, channel)

    def _measured(self, what: str, channel: int) -> str:
        volt, ampere, _ = self._it.measure(channel)
        match what:
            case "MEAS:VOLT":
                return self._volt(volt)
            case "MEAS:CURR":
                return self._ampere(ampere)
            case "MEAS:POWE":
                return f"{volt * ampere:.3f}"
            case "MEAS:ALL":
                return f"{self._volt(volt)},{self._ampere(ampere)},{volt * ampere:.3f}"
            case "VOUT":
                return f"{self._volt(volt)}V"
            case "IOUT":
                return f"{self._ampere(ampere)}A"
        raise Fault(*UNDEFINED)

    def _switch(self, channel: int, on: bool) -> None:
        if on:
            self._it.clear(channel)
        self._it.switch(channel, on)

    def _protected(self, channel: int) -> None:
        """CH3 has protection that nobody can set."""
        if not self._it.model.channels[channel].max_ovp_v:
            raise Fault(*BAD_PARAMETER)

    def _volt(self, value: float) -> str:
        return f"{value:.{digits(self._it.model.step_v)}f}"

    def _ampere(self, value: float) -> str:
        return f"{value:.{digits(self._it.model.step_a)}f}"


def _flag(on: bool) -> str:
    return "ON" if on else "OFF"
