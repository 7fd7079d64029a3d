"""Aim-TTi (Thurlby Thandar) PL-P, QL-P, MX and CPX.

Ref: Aim-TTi MX180T instruction manual, p. 35 (`V1O?` answers `<n>V`, `OVP1?`, `OP1?`, `TRIPRST`); New PL & PL-P
instruction manual issue 18, as pymeasure `aimttiPL` and QCoDeS quote it (ranges, `V1?` answers `V1 1.350`, `IRANGE1 2`
is the high range and wants the output off); CPX400DP driver (XON/XOFF, bits of `LSR1?`: 0 entered voltage regulation,
1 entered current limit, cleared when read; codes of `EER?`: 0 no error, 100 out of range, 104 not while on).
Each question has its own line of reply, so they are not joined. OVP and OCP cannot be relied on to be switchable
across the series: what was not asked for is left as the front panel has it.
"""

from __future__ import annotations

from dataclasses import replace

from rig.guard.dialects.model import Channel, Dialect, Gate, Protection, Register, SerialLine, SupplyModel, Trip, Wire

CPX = Dialect(
    set_voltage="V{n} {x:.3f}",
    get_voltage="V{n}?",
    set_current="I{n} {x:.3f}",
    get_current="I{n}?",
    gates=(Gate("OP{n} {b}", "OP{n}?"),),
    measure=("V{n}O?", "I{n}O?"),
    error="EER?",
    register=Register("LSR{n}?", current=2, voltage=1, latched=True),
    protection=Protection(Trip("OVP{n} {x:.2f}", "OVP{n}?"), Trip("OCP{n} {x:.2f}", "OCP{n}?"), ("TRIPRST",)),
    wire=Wire(line=SerialLine(handshake="xonxoff")),
)
PL = replace(CPX, before_set=("IRANGE{n} 2",))

_PL303 = Channel(30.0, 3.0, 0.01, 0.001)
_QL355 = Channel(15.0, 5.0, 0.01, 0.001)
_CPX = Channel(60.0, 20.0, 0.01, 0.01)

ROWS = (
    SupplyModel("PL303-P", "Aim-TTi", PL, {1: _PL303}),
    SupplyModel("PL303QMD-P", "Aim-TTi", PL, {1: _PL303, 2: _PL303}),
    SupplyModel("PL303QMT-P", "Aim-TTi", PL, {1: _PL303, 2: _PL303}, {3: "its range is not sourced"}),
    SupplyModel("PL155-P", "Aim-TTi", PL, {1: Channel(15.0, 5.0, 0.01, 0.001)}),
    SupplyModel("QL355P", "Aim-TTi", CPX, {1: _QL355}, note="range of its 15 V setting"),
    SupplyModel("MX100TP", "Aim-TTi", CPX, {1: Channel(16.0, 3.0, 0.01, 0.001), 2: Channel(16.0, 3.0, 0.01, 0.001)},
                {3: "its range is not sourced"}, note="as both ranges of its outputs allow; from memory"),
    SupplyModel("CPX400DP", "Aim-TTi", CPX, {1: _CPX, 2: _CPX}, note="420 W an output"),
    SupplyModel("CPX400SP", "Aim-TTi", CPX, {1: _CPX}, note="420 W"),
)  # fmt: skip
