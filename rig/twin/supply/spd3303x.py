"""SIGLENT SPD3303X and SPD1000X over SCPI: no protection; the SPD3303X has a third channel that is only switched.

Ref: SPD3303X/SPD3303X-E Quick Start, remote control (`CHn:VOLT`, `MEAS:VOLT? CHn`, `OUTP CHn,ON`,
`SYST:STAT?`); the pause it needs: pyvisa issue 362; SPD1000X: pymeasure `siglent_spdbase`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rig.twin.supply.instrument import Instrument
from rig.twin.supply.scpi import BAD_PARAMETER, UNDEFINED, Command, Dialect, Fault, digits, number, switch

INDEPENDENT = 0b01 << 2
"""Tracking field of the status word, in models that can track."""
FIRMWARE = {"SPD1305X": "2.01.01.06"}
_SETTING = re.compile(r"CH([12]):(VOLT|CURR)")


class Spd3303x(Dialect):
    """The SPD3303X's command set; `clock` is in seconds."""

    def __init__(self, instrument: Instrument, serial: str, clock: Callable[[], float]) -> None:
        super().__init__(instrument)
        self._serial, self._clock = serial, clock
        self._selected, self._third = 1, False
        self._ready_s = clock()
        self._switched = (1, 2, 3) if len(instrument.model.channels) > 1 else (1,)

    def line(self, text: str) -> str | None:
        """One command a line: this front end knows no `;`, and drops what comes within the pause."""
        now_s = self._clock()
        early, self._ready_s = now_s < self._ready_s, now_s + self._it.model.pause_s
        return None if early else self._one(text)

    def run(self, command: Command) -> str | None:
        if setting := _SETTING.fullmatch(command.header):
            return self._setting(command, int(setting[1]), setting[2] == "VOLT")
        match command.header, command.query:
            case "*IDN", True:
                firmware = FIRMWARE.get(self._it.model.name, "1.01.01.02.07R2")
                return f"Siglent Technologies,{self._it.model.name},{self._serial},{firmware},V3.0"
            case "MEAS:VOLT" | "MEAS:CURR" | "MEAS:POWE", True:
                return self._measured(command)
            case "OUTP", False:
                self._output(command)
                return None
            case "INST", True:
                return f"CH{self._selected}"
            case "INST", False:
                self._selected = self._named(command.args[0], self._read)
                return None
            case "SYST:STAT", True:
                return f"0x{self._status():x}"
            case "SYST:ERR", True:
                code, text = self.next_error()
                return f"{abs(code)}  {text.title()}"
        raise Fault(*UNDEFINED)

    @property
    def _read(self) -> tuple[int, ...]:
        return tuple(self._it.model.channels)

    def _setting(self, command: Command, channel: int, volt: bool) -> str | None:
        if channel not in self._read:
            raise Fault(*UNDEFINED)
        if command.query:
            now = self._it.settings(channel)
            return self._shown(now.voltage_v if volt else now.limit_a)
        value = number(command.args[0])
        self._it.apply(channel, value if volt else None, None if volt else value)
        return None

    def _named(self, name: str, known: tuple[int, ...]) -> int:
        found = re.fullmatch(r"CH([1-9])", name.upper())
        if not found or int(found[1]) not in known:
            raise Fault(*BAD_PARAMETER)
        return int(found[1])

    def _measured(self, command: Command) -> str:
        channel = self._named(command.args[0], self._read) if command.args else self._selected
        volt, ampere, _ = self._it.measure(channel)
        value = {"MEAS:VOLT": volt, "MEAS:CURR": ampere}.get(command.header, volt * ampere)
        return self._shown(value)

    def _shown(self, value: float) -> str:
        return f"{value:.{digits(self._it.model.step_v)}f}"

    def _output(self, command: Command) -> None:
        channel, on = self._named(command.args[0], self._switched), switch(command.args[1])
        if channel == 3:
            self._third = on
        else:
            self._it.switch(channel, on)

    def _status(self) -> int:
        """Bit 0, 1: CH1, CH2 in current limit; 2, 3: tracking; 4, 5: CH1, CH2 on."""
        word = INDEPENDENT if len(self._read) > 1 else 0
        for bit, channel in enumerate(self._read):
            output = self._it.output(channel)
            word |= (output.mode == "CC") << bit | output.on << (4 + bit)
        return word
