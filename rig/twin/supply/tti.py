"""Aim-TTi MX100TP and PL303QMD-P: the output's number ends the word, errors are numbers in registers.

Ref: MX180T manual p. 35 and 36 (`V1? ` is `V1 12.000`, `V1O?` is `11.998V`, `OVP1?` is `VP1 13.20` or `VP1 OFF`,
`TRIPRST`); MX TP command format at elso.sk (`;` between commands, replies end in CR LF); a public CPX400DP driver
(limit register: 1 CV, 2 CC, 4 over-voltage, 8 over-current trip; execution error 100 range, 103 no such output);
python-dvg-devices (the register holds what was since it was read last: only a second read tells the present).
"""

from __future__ import annotations

import re

from rig.twin.supply.instrument import Instrument
from rig.twin.supply.scpi import UNDEFINED, Command, Dialect, Fault, number

_OUTPUT = re.compile(r"(V|I|OP|OVP|OCP|LSR)([1-9])([OV]?)$")
RANGE, NO_OUTPUT = 100, 103
EXECUTION, SYNTAX = 1 << 4, 1 << 5
"""Bits of the standard event status register."""
CONDITION = {"CV": 1, "CC": 2, "OVP": 4, "OCP": 8}


class Tti(Dialect):
    """The MX and PL-P command set."""

    end = "\r\n"

    def __init__(self, instrument: Instrument, serial: str) -> None:
        super().__init__(instrument)
        self._serial, self._execution, self._events = serial, 0, 0
        self._limits = dict.fromkeys(instrument.model.channels, 0)
        self._reset()

    def complain(self, code: int, text: str) -> str | None:
        if (code, text) == UNDEFINED:
            self._events |= SYNTAX
        else:
            self._execution = code if code > 0 else RANGE
            self._events |= EXECUTION
        return None

    def run(self, command: Command) -> str | None:
        self._look()
        match command.header, command.query:
            case "*IDN", True:
                return f"THURLBY THANDAR, {self._it.model.name}, {self._serial}, 1.10-1.00"
            case "*OPC", True:
                return "1"
            case "*ESR", True:
                seen, self._events = self._events, 0
                return str(seen)
            case "EER", True:
                seen, self._execution = self._execution, 0
                return str(seen)
            case "QER", True:
                return "0"
            case "*RST", False:
                self._reset()
            case "*CLS", False:
                self._execution = self._events = 0
            case (("*OPC" | "*WAI" | "LOCAL"), False):
                pass
            case "TRIPRST", False:
                for channel in self._it.model.channels:
                    self._it.clear(channel)
            case "OPALL", False:
                for channel in self._it.model.channels:
                    self._it.switch(channel, _flag(command.args[0]))
            case _:
                return self._of_output(command)
        return None

    def _of_output(self, command: Command) -> str | None:
        found = _OUTPUT.match(command.header)
        if not found:
            raise Fault(*UNDEFINED)
        if int(found[2]) not in self._it.model.channels:
            raise Fault(NO_OUTPUT, "no such output")
        if command.query:
            return self._ask(found[1] + found[3], int(found[2]))
        self._do(found[1], int(found[2]), command.args[0])
        return None

    def _do(self, what: str, output: int, text: str) -> None:
        match what:
            case "V":
                self._it.apply(output, number(text), None)
            case "I":
                self._it.apply(output, None, number(text))
            case "OP":
                self._it.switch(output, _flag(text))
            case "OVP" | "OCP" if text.upper() in ("ON", "OFF"):
                self._it.protect(output, what, enabled=text.upper() == "ON")
            case "OVP" | "OCP":
                self._it.protect(output, what, level=number(text))
            case _:
                raise Fault(*UNDEFINED)

    def _ask(self, what: str, output: int) -> str:
        now = self._it.settings(output)
        match what:
            case "V":
                return f"V{output} {now.voltage_v:.3f}"
            case "I":
                return f"I{output} {now.limit_a:.3f}"
            case "VO":
                return f"{self._it.measure(output)[0]:.3f}V"
            case "IO":
                return f"{self._it.measure(output)[1]:.3f}A"
            case "OP":
                return str(int(self._it.output(output).on))
            case "OVP":
                return f"VP{output} {f'{now.ovp_v:.3f}' if now.ovp else 'OFF'}"
            case "OCP":
                return f"CP{output} {f'{now.ocp_a:.3f}' if now.ocp else 'OFF'}"
            case "LSR":
                seen, self._limits[output] = self._limits[output], 0
                return str(seen)
        raise Fault(*UNDEFINED)

    def _look(self) -> None:
        """Gather what each output is in since its register was read."""
        for channel in self._limits:
            output = self._it.output(channel)
            self._limits[channel] |= CONDITION.get(output.mode, 0) | CONDITION.get(output.tripped, 0)

    def _reset(self) -> None:
        self._it.reset()
        for channel in self._it.model.channels:
            for kind in ("OVP", "OCP"):
                self._it.protect(channel, kind, enabled=True)


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise Fault(RANGE, "out of range")
    return text == "1"
