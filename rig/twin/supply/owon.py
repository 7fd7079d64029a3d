"""Owon / Hanmatek / Kiprim SPE and P4000: short SCPI, and `ERR` as the reply to what it refuses.

Ref: libsigrok `owon_p4000_cmd`, `owon_spe6103_cmd` (`VOLT:LIM` and `CURR:LIM` are the protection); robbederks/
owon-psu-control (`ERR`; `ON`/`OFF` or `1`/`0`); public records of an SPE3102 (identity, `SYST:ERR?` is `0x0000`), a
Kiprim DC620S (`0.001,0.000,0.000,OFF,OFF,OFF,0`) and the programming manual's `MEAS:ALL:INFO?` (fields with spaces;
0 standby, 1 CV, 2 CC, 3 fault). That `OUTP ON` forgets a trip is from memory.
"""

from __future__ import annotations

from rig.twin.supply.instrument import Instrument
from rig.twin.supply.scpi import UNDEFINED, Command, Dialect, Fault, bare, number, switch

RUN = {"CV": 1, "CC": 2}
FAULT = 3


class Owon(Dialect):
    """The one-channel command set."""

    def __init__(self, instrument: Instrument, serial: str) -> None:
        super().__init__(instrument)
        self._serial = serial
        self._commas = instrument.model.name.startswith("SPE")

    def complain(self, code: int, text: str) -> str | None:
        del code, text
        return "ERR"

    def run(self, command: Command) -> str | None:
        header = bare(command.header)
        if command.query:
            return self._ask(header)
        self._do(header, command.args)
        return None

    def _do(self, header: str, args: tuple[str, ...]) -> None:
        match header:
            case "*RST":
                self._it.reset()
            case "SYST:REM" | "SYST:LOC":
                pass
            case "VOLT":
                self._it.apply(1, number(args[0]), None)
            case "CURR":
                self._it.apply(1, None, number(args[0]))
            case "VOLT:LIM":
                self._it.protect(1, "OVP", level=number(args[0]))
            case "CURR:LIM":
                self._it.protect(1, "OCP", level=number(args[0]))
            case "OUTP":
                self._switch(switch(args[0]))
            case _:
                raise Fault(*UNDEFINED)

    def _switch(self, on: bool) -> None:
        if on:
            self._it.clear(1)
        self._it.switch(1, on)

    def _ask(self, header: str) -> str:
        now = self._it.settings(1)
        match header:
            case "*IDN":
                return f"OWON,{self._it.model.name},{self._serial},FV:V5.2.0"
            case "SYST:ERR":
                return "0x0000"
            case "VOLT":
                return f"{now.voltage_v:.3f}"
            case "CURR":
                return f"{now.limit_a:.3f}"
            case "VOLT:LIM":
                return f"{now.ovp_v:.3f}"
            case "CURR:LIM":
                return f"{now.ocp_a:.3f}"
            case "OUTP":
                return self._flag(self._it.output(1).on)
            case "MEAS:VOLT" | "MEAS:CURR" | "MEAS:POWE" | "MEAS:ALL" | "MEAS:ALL:INFO":
                return self._measured(header)
        raise Fault(*UNDEFINED)

    def _measured(self, header: str) -> str:
        volt, ampere, mode = self._it.measure(1)
        figures = [f"{volt:.3f}", f"{ampere:.3f}", f"{volt * ampere:.3f}"]
        if header.startswith("MEAS:ALL"):
            tripped = self._it.output(1).tripped
            flags = [self._flag(tripped == kind) for kind in ("OVP", "OCP", "OTP")]
            state = FAULT if tripped else RUN.get(mode, 0)
            fields = figures if header == "MEAS:ALL" else [*figures, *flags, str(state)]
            return ("," if self._commas else " ").join(fields)
        return figures[("MEAS:VOLT", "MEAS:CURR", "MEAS:POWE").index(header)]

    def _flag(self, on: bool) -> str:
        return ("ON" if on else "OFF") if self._commas else str(int(on))
