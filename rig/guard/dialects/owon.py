"""Owon SPE and P4000, one channel each.

Ref: libsigrok `scpi-pps/profiles.c` (P4603, P4305, SPE6103: ranges, `VOLT:LIM` and `CURR:LIM` as protection);
owon-psu-control (115200 baud, LF, CR LF in replies, no reply to a setting); public drivers (`MEAS:ALL:INFO?`: volts,
amperes, watts, three trips and the mode, 0 standby, 1 CV, 2 CC, 3 failure; the manual shows blanks between the
fields, an SPE6103 sends commas; a P4305 needs 150 ms after a setting). No error queue.
Only SPE is asked for the mode: nobody has published that a P4000 knows `MEAS:ALL:INFO?`.
Hanmatek HM305P and HM310P speak Modbus, not this (from memory).
"""

from __future__ import annotations

from dataclasses import replace

from rig.guard.dialects.model import Channel, Dialect, Gate, Protection, SerialLine, SupplyModel, Trip, Wire

SPE = Dialect(
    set_voltage="VOLT {x:.3f}",
    get_voltage="VOLT?",
    set_current="CURR {x:.3f}",
    get_current="CURR?",
    gates=(Gate("OUTP {b}", "OUTP?"),),
    measure=("MEAS:ALL:INFO?",),
    numbers=7,
    mode_field=6,
    protection=Protection(Trip("VOLT:LIM {x:.3f}", "VOLT:LIM?"), Trip("CURR:LIM {x:.3f}", "CURR:LIM?")),
    wire=Wire(settle_s=0.15, line=SerialLine(baud=115200)),
)
P4000 = replace(SPE, measure=("MEAS:VOLT?", "MEAS:CURR?"), numbers=1, mode_field=None)


def _one(voltage_v: float, current_a: float, step_v: float) -> dict[int, Channel]:
    top_v, top_a = voltage_v + 1.0, current_a + 0.1
    return {1: Channel(voltage_v, current_a, step_v, 0.001, max_ovp_v=top_v, max_ocp_a=top_a)}


_SILENT = "current limit is deduced from volts and amperes: it does not tell"

ROWS = (
    SupplyModel("SPE3103", "Owon", SPE, _one(30.0, 10.0, 0.01)),
    SupplyModel("SPE6103", "Owon", SPE, _one(60.0, 10.0, 0.01)),
    SupplyModel("P4305", "Owon", P4000, _one(30.0, 5.0, 0.001), note=_SILENT),
    SupplyModel("P4603", "Owon", P4000, _one(60.0, 3.0, 0.001), note=_SILENT),
)
