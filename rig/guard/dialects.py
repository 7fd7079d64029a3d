"""Bench supplies as data: a new model is a row in SUPPLIES, a new maker is a Dialect and its rows.

`{n}` is the channel, `{x}` the value, `{s}` ON or OFF.
Ref: Rigol DP800 Programming Guide, chapter 2 (`:MEASure:ALL?`, `:OUTPut`, `:OUTPut:MODE?`, `:OUTPut:OVP`,
`:OUTPut:OCP`, `:SOURce`); ranges in its table 2-1. `:OUTP:MODE?` answers CV for a channel that is off.
Ref: Rigol DP800 Performance Verification Manual, chapter 3 (readback of current: one year, after 1 h).
Ref: Siglent SPD3303X Quick Start QS0503X-E01B, chapter 3 (commands, bits of `SYSTem:STATus?`). Commands
closer than about 20 ms are lost (pyvisa issue 362, Fixate pull request 228).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rig.errors import UsageError


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Error bound of a reading: percent of it plus an offset, in the unit of the reading."""

    percent: float
    offset: float

    def bound(self, value: float) -> float:
        return abs(value) * self.percent / 100 + self.offset


@dataclass(frozen=True, slots=True)
class Channel:
    """What one channel can be set to, in which steps, and how well it reads back (None: not sourced)."""

    max_voltage_v: float
    max_current_a: float
    step_v: float
    step_a: float
    accuracy_v: Accuracy | None
    accuracy_a: Accuracy | None


@dataclass(frozen=True, slots=True)
class Protection:
    """Hardware over-voltage and over-current protection: set level, ask level, switch, ask switch."""

    ovp: tuple[str, str, str, str]
    ocp: tuple[str, str, str, str]
    clear: tuple[str, ...]
    """What makes a channel that tripped usable again."""


@dataclass(frozen=True, slots=True)
class StatusWord:
    """One hexadecimal word that tells of all channels: channel to bit."""

    query: str
    on_bit: Mapping[int, int]
    limiting_bit: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a family of supplies is spoken to."""

    set_voltage: str
    get_voltage: str
    set_current: str
    get_current: str
    switch: str
    measure: tuple[str, ...]
    """Queries whose numbers, one after the other, begin with volts and amperes."""
    error: str
    is_on: str | None = None
    mode: str | None = None
    status: StatusWord | None = None
    """Instead of `is_on` and `mode`: one query for all channels."""
    protection: Protection | None = None
    """None: the guardian's samples are the only trip."""
    pause_s: float = 0.0
    """Least time after a message before the next one, or before its reply is read."""
    termination: str = "\n"


@dataclass(frozen=True, slots=True)
class SupplyModel:
    """One row: a model, its dialect and its channels."""

    name: str
    dialect: Dialect
    channels: Mapping[int, Channel]
    unusable: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """Channels that are there but cannot be guarded, and why."""
    note: str = ""


_RIGOL_DP800 = Dialect(
    set_voltage=":SOUR{n}:VOLT {x}",
    get_voltage=":SOUR{n}:VOLT?",
    set_current=":SOUR{n}:CURR {x}",
    get_current=":SOUR{n}:CURR?",
    switch=":OUTP CH{n},{s}",
    measure=(":MEAS:ALL? CH{n}",),
    error=":SYST:ERR?",
    is_on=":OUTP? CH{n}",
    mode=":OUTP:MODE? CH{n}",
    protection=Protection(
        ovp=(":OUTP:OVP:VAL CH{n},{x}", ":OUTP:OVP:VAL? CH{n}", ":OUTP:OVP CH{n},{s}", ":OUTP:OVP? CH{n}"),
        ocp=(":OUTP:OCP:VAL CH{n},{x}", ":OUTP:OCP:VAL? CH{n}", ":OUTP:OCP CH{n},{s}", ":OUTP:OCP? CH{n}"),
        clear=(":OUTP:OVP:CLEAR CH{n}", ":OUTP:OCP:CLEAR CH{n}"),
    ),
)

_SIGLENT_SPD3000X = Dialect(
    set_voltage="CH{n}:VOLT {x}",
    get_voltage="CH{n}:VOLT?",
    set_current="CH{n}:CURR {x}",
    get_current="CH{n}:CURR?",
    switch="OUTP CH{n},{s}",
    measure=("MEAS:VOLT? CH{n}", "MEAS:CURR? CH{n}"),
    error="SYST:ERR?",
    status=StatusWord("SYST:STAT?", on_bit={1: 4, 2: 5}, limiting_bit={1: 0, 2: 1}),
    pause_s=0.02,
)

_DP832_V, _DP832_A = Accuracy(0.05, 0.010), Accuracy(0.15, 0.005)
_SPD_E_V, _SPD_E_A = Accuracy(0.5, 0.020), Accuracy(0.5, 0.020)
_SPD_CH3 = MappingProxyType({3: "it has neither a remote set point nor a readback"})


def _dp832(step_v: float) -> dict[int, Channel]:
    wide = Channel(32.0, 3.2, step_v, 0.001, _DP832_V, _DP832_A)
    return {1: wide, 2: wide, 3: Channel(5.3, 3.2, step_v, 0.001, _DP832_V, _DP832_A)}


def _spd3303(step_v: float, step_a: float, v: Accuracy | None, a: Accuracy | None) -> dict[int, Channel]:
    channel = Channel(32.0, 3.2, step_v, step_a, v, a)
    return {1: channel, 2: channel}


SUPPLIES: Mapping[str, SupplyModel] = MappingProxyType({m.name: m for m in (
    SupplyModel("DP832", _RIGOL_DP800, _dp832(0.01), note="1 mV steps only with the high resolution option"),
    SupplyModel("DP832A", _RIGOL_DP800, _dp832(0.001)),
    SupplyModel("DP831A", _RIGOL_DP800, {
        1: Channel(8.4, 5.3, 0.001, 0.001, None, Accuracy(0.2, 0.010)),
        2: Channel(32.0, 2.1, 0.001, 0.001, None, Accuracy(0.1, 0.005)),
    }, unusable={3: "its output is negative"}),
    SupplyModel("DP821A", _RIGOL_DP800, {
        1: Channel(63.0, 1.05, 0.001, 0.001, None, Accuracy(0.15, 0.010)),
        2: Channel(8.4, 10.5, 0.001, 0.001, None, Accuracy(0.15, 0.010)),
    }),
    SupplyModel("SPD3303X-E", _SIGLENT_SPD3000X, _spd3303(0.01, 0.01, _SPD_E_V, _SPD_E_A), _SPD_CH3,
                note="readback accuracy from memory of the data sheet: 0.5 % + 2 digits"),
    SupplyModel("SPD3303X", _SIGLENT_SPD3000X, _spd3303(0.001, 0.001, None, None), _SPD_CH3),
)})  # fmt: skip


def find(name: str) -> SupplyModel:
    """The row called `name`; UsageError lists the rows there are."""
    try:
        return SUPPLIES[name]
    except KeyError:
        raise UsageError(
            f"no supply called {name!r} is known (known: {', '.join(sorted(SUPPLIES))}); "
            "name the one that speaks alike as the supply's `dialect`"
        ) from None
