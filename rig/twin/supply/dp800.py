"""RIGOL DP800 and DP700 over SCPI.

Ref: RIGOL DP800 Series Programming Guide, chapter 2 (`:APPLy`, `:INSTrument`, `:MEASure`, `:OUTPut`,
`:SOURce`, `:SYSTem`); replies as public drivers recorded them: `CH1:30V/3A,5.000,0.100`, `CV`, `YES`;
the DP700 takes the same commands (libsigrok `scpi-pps/profiles.c`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rig.twin.supply.instrument import Instrument
from rig.twin.supply.scpi import BAD_PARAMETER, CONFLICT, UNDEFINED, Command, Dialect, Fault, number, switch

_OPTIONAL = re.compile(r":(?:LEV|IMM|AMPL)(?=:|$)")
_SOURCE = re.compile(r"(?:SOUR([1-3])?:)?(VOLT|CURR)(:PROT(?::STAT|:CLE)?)?$")
Handler = Callable[[Command], str | None]


class Dp800(Dialect):
    """The DP800's command set; the selected channel is one for all clients, as in the real one."""

    def __init__(self, instrument: Instrument, serial: str) -> None:
        super().__init__(instrument)
        self._serial = serial
        self._selected = 1
        self._table: dict[str, Handler] = {
            "*IDN": lambda c: f"RIGOL TECHNOLOGIES,{self._it.model.name},{self._serial},00.01.16",
            "*OPC": lambda c: "1" if c.query else None,
            "*RST": self._reset,
            "*CLS": lambda c: self.clear_errors(),
            "*WAI": lambda c: None,
            "SYST:ERR": self._error,
            "SYST:VERS": lambda c: "1999.0",
            "SYST:REM": lambda c: None,
            "SYST:LOC": lambda c: None,
            "INST": self._select_by_name,
            "INST:SEL": self._select_by_name,
            "INST:NSEL": self._select,
            "APPL": self._apply,
            "MEAS": lambda c: self._measured(c, 0),
            "MEAS:VOLT": lambda c: self._measured(c, 0),
            "MEAS:CURR": lambda c: self._measured(c, 1),
            "MEAS:POWE": lambda c: self._measured(c, 2),
            "MEAS:ALL": self._measured_all,
            "OUTP": self._output,
            "OUTP:STAT": self._output,
            "OUTP:MODE": self._mode,
            "OUTP:CVCC": self._mode,
        }
        for kind in ("OVP", "OCP"):
            self._table |= self._protection(kind)

    def run(self, command: Command) -> str | None:
        header = _OPTIONAL.sub("", command.header)
        if header in self._table:
            return self._table[header](command)
        if source := _SOURCE.match(header):
            return self._source(command, source)
        raise Fault(*UNDEFINED)

    def _protection(self, kind: str) -> dict[str, Handler]:
        head = f"OUTP:{kind}"
        return {
            head: lambda c: self._protection_state(c, kind),
            f"{head}:STAT": lambda c: self._protection_state(c, kind),
            f"{head}:VAL": lambda c: self._protection_level(c, kind),
            f"{head}:QUES": lambda c: self._protection_tripped(c, kind),
            f"{head}:ALAR": lambda c: self._protection_tripped(c, kind),
            f"{head}:CLE": lambda c: self._protection_clear(c, kind),
        }

    def _channel(self, command: Command) -> tuple[int, tuple[str, ...]]:
        """The channel a command names, or the selected one, and what follows."""
        if not command.args or not command.args[0].upper().startswith("CH"):
            return self._selected, command.args
        channel = self._named(command.args[0])
        return channel, command.args[1:]

    def _named(self, name: str) -> int:
        found = re.fullmatch(r"CH([1-9])", name.upper())
        if not found:
            raise Fault(*BAD_PARAMETER)
        return self._channel_number(found[1])

    def _label(self, channel: int) -> str:
        limits = self._it.model.channels[channel]
        return f"CH{channel}:{'-' if limits.negative else ''}{limits.max_v:g}V/{limits.max_a:g}A"

    def _reset(self, command: Command) -> None:
        del command
        self._it.reset()
        self._selected = 1

    def _error(self, command: Command) -> str:
        del command
        code, text = self.next_error()
        return f'{code},"{text}"'

    def _select(self, command: Command) -> str | None:
        if command.query:
            return str(self._selected)
        self._selected = self._named(f"CH{command.args[0]}")
        return None

    def _select_by_name(self, command: Command) -> str | None:
        if command.query:
            return self._label(self._selected)
        self._selected = self._named(command.args[0])
        return None

    def _apply(self, command: Command) -> str | None:
        channel, rest = self._channel(command)
        if command.query:
            now = self._it.settings(channel)
            return f"{self._label(channel)},{now.voltage_v:.3f},{now.limit_a:.3f}"
        self._selected = channel
        values = [self._level(channel, text, n == 0) for n, text in enumerate(rest[:2])]
        self._it.apply(channel, *values)
        return None

    def _source(self, command: Command, found: re.Match[str]) -> str | None:
        channel = self._channel_number(found[1]) if found[1] else self._selected
        if found[3]:
            return self._source_protection(command, channel, "OVP" if found[2] == "VOLT" else "OCP", found[3])
        volt = found[2] == "VOLT"
        if command.query:
            if command.args:
                return f"{self._level(channel, command.args[0], volt):.3f}"
            now = self._it.settings(channel)
            return f"{now.voltage_v if volt else now.limit_a:.3f}"
        value = self._level(channel, command.args[0], volt)
        self._it.apply(channel, value if volt else None, None if volt else value)
        return None

    def _source_protection(self, command: Command, channel: int, kind: str, tail: str) -> str | None:
        same = Command(command.header, command.query, (f"CH{channel}", *command.args))
        if tail.endswith(":CLE"):
            self._protection_clear(same, kind)
            return None
        return self._protection_state(same, kind) if tail.endswith(":STAT") else self._protection_level(same, kind)

    def _measured(self, command: Command, which: int) -> str:
        volt, ampere, _ = self._it.measure(self._channel(command)[0])
        return f"{(volt, ampere, volt * ampere)[which]:.3f}"

    def _measured_all(self, command: Command) -> str:
        volt, ampere, _ = self._it.measure(self._channel(command)[0])
        return f"{volt:.3f},{ampere:.3f},{volt * ampere:.3f}"

    def _output(self, command: Command) -> str | None:
        channel, rest = self._channel(command)
        if command.query:
            return "ON" if self._it.output(channel).on else "OFF"
        if not self._it.switch(channel, switch(rest[0])):
            raise Fault(*CONFLICT)
        return None

    def _mode(self, command: Command) -> str:
        return self._it.output(self._channel(command)[0]).mode

    def _protection_state(self, command: Command, kind: str) -> str | None:
        channel, rest = self._channel(command)
        now = self._it.settings(channel)
        if command.query:
            return "ON" if (now.ovp if kind == "OVP" else now.ocp) else "OFF"
        self._it.protect(channel, kind, enabled=switch(rest[0]))
        return None

    def _protection_level(self, command: Command, kind: str) -> str | None:
        channel, rest = self._channel(command)
        if command.query:
            now = self._it.settings(channel)
            return f"{now.ovp_v:.3f}" if kind == "OVP" else f"{now.ocp_a:.4f}"
        self._it.protect(channel, kind, level=number(rest[0]))
        return None

    def _protection_clear(self, command: Command, kind: str) -> None:
        self._it.clear(self._channel(command)[0], kind)

    def _protection_tripped(self, command: Command, kind: str) -> str:
        return "YES" if self._it.output(self._channel(command)[0]).tripped == kind else "NO"
