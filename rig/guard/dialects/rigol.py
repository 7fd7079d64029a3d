"""Rigol DP800 and DP700.

Ref: Rigol DP800 Programming Guide, chapter 2 (`:MEASure:ALL?`, `:OUTPut`, `:OUTPut:MODE?`, `:OUTPut:OVP`,
`:OUTPut:OCP`, `:SOURce`); ranges in its table 2-1. `:OUTP:MODE?` answers CV for a channel that is off.
Ref: Rigol DP800 Performance Verification Manual, chapter 3 (readback of current: one year, after 1 h); voltage
readback of the DP832: its data sheet, as quoted in the eevblog thread on it.
Ref: libsigrok `scpi-pps/profiles.c` (DP711, DP712: ranges, OVP and OCP limits, the commands without a channel).
The forms that name their channel are used: `:INST:NSEL` is stateful, and another client could choose in between.
VXI-11: asking with `*RST` hangs these supplies until they are switched off (python-vxi11 issue 27); the rig
never sends it, and their raw socket (port 5555) is the better address.
"""

from __future__ import annotations

from rig.guard.dialects.model import Channel, Dialect, Gate, Protection, SupplyModel, Trip
from rig.model import Accuracy


def _dialect(source: str, channel: str, after: str) -> Dialect:
    """`channel`: what names it as the only parameter, `after`: before another one."""

    def trip(what: str) -> Trip:
        head = f":OUTP:{what}"
        return Trip(
            f"{head}:VAL {after}{{x:.4f}}", f"{head}:VAL?{channel}", f"{head} {after}{{s}}", f"{head}?{channel}"
        )

    return Dialect(
        set_voltage=f"{source}:VOLT {{x:.4f}}",
        get_voltage=f"{source}:VOLT?",
        set_current=f"{source}:CURR {{x:.4f}}",
        get_current=f"{source}:CURR?",
        gates=(Gate(f":OUTP {after}{{s}}", f":OUTP?{channel}"),),
        measure=(f":MEAS:ALL?{channel}",),
        numbers=3,
        error=":SYST:ERR?",
        mode=f":OUTP:MODE?{channel}",
        protection=Protection(trip("OVP"), trip("OCP"), (f":OUTP:OVP:CLEAR{channel}", f":OUTP:OCP:CLEAR{channel}")),
    )


DP800 = _dialect(":SOUR{n}", " CH{n}", "CH{n},")
DP700 = _dialect(":SOUR", "", "")

_DP832_V, _DP832_A = Accuracy(0.05, 0.010), Accuracy(0.15, 0.005)
_OPTION = "1 mV steps only with the high resolution option"
_NEGATIVE = {3: "its output is negative"}
_TWO_RANGES = "channel as both of its ranges allow it: 20 V and 5 A"


def _dp832(step_v: float) -> dict[int, Channel]:
    wide = Channel(32.0, 3.2, step_v, 0.001, _DP832_V, _DP832_A)
    return {1: wide, 2: wide, 3: Channel(5.3, 3.2, step_v, 0.001, _DP832_V, _DP832_A)}


def _dp831(step_v: float, accurate: bool) -> dict[int, Channel]:
    low, high = (Accuracy(0.2, 0.010), Accuracy(0.1, 0.005)) if accurate else (None, None)
    return {1: Channel(8.4, 5.3, step_v, 0.001, None, low), 2: Channel(32.0, 2.1, step_v, 0.001, None, high)}


def _dp821(step_v: float, accurate: bool) -> dict[int, Channel]:
    error = Accuracy(0.15, 0.010) if accurate else None
    return {1: Channel(63.0, 1.05, step_v, 0.001, None, error), 2: Channel(8.4, 10.5, step_v, 0.001, None, error)}


def _dp811(step_v: float, accurate: bool) -> dict[int, Channel]:
    return {1: Channel(20.0, 5.0, step_v, 0.001, None, Accuracy(0.1, 0.010) if accurate else None)}


ROWS = (
    SupplyModel("DP832", "Rigol", DP800, _dp832(0.01), note=_OPTION),
    SupplyModel("DP832A", "Rigol", DP800, _dp832(0.001)),
    SupplyModel("DP831", "Rigol", DP800, _dp831(0.01, False), _NEGATIVE, _OPTION),
    SupplyModel("DP831A", "Rigol", DP800, _dp831(0.001, True), _NEGATIVE),
    SupplyModel("DP821", "Rigol", DP800, _dp821(0.01, False), note=_OPTION),
    SupplyModel("DP821A", "Rigol", DP800, _dp821(0.001, True)),
    SupplyModel("DP811", "Rigol", DP800, _dp811(0.01, False), note=f"{_OPTION}; {_TWO_RANGES}"),
    SupplyModel("DP811A", "Rigol", DP800, _dp811(0.001, True), note=_TWO_RANGES),
    SupplyModel("DP711", "Rigol", DP700, {1: Channel(30.0, 5.0, 0.01, 0.01)}, note="RS232 only"),
    SupplyModel("DP712", "Rigol", DP700, {1: Channel(50.0, 3.0, 0.01, 0.01)}, note="RS232 only"),
)
