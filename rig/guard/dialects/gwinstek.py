"""GW Instek GPP.

Ref: GW Instek GPP Series User Manual 82PP343230EB1, p. 106 and 128 (`:OUTPut2:OVP 10.5`, `:OUTPut2:OVP:STATe ON`);
ranges in its specifications; public drivers of the GPP-4323 (`VSET1:`, `ISET1:` answered with their unit,
`:OUTP1:STAT?` answered ON or OFF, `:MEAS1:ALL?` answered with volts, amperes and watts, `:SOUR1:CURR:STAT?` answered
1 in current limit). Volts and amperes of a channel come in one reply, which is why the forms that tell the volts of
all channels and then the amperes of all are not used.
"""

from __future__ import annotations

from rig.guard.dialects.model import Channel, Dialect, Gate, Protection, SerialLine, SupplyModel, Trip, Wire


def _trip(what: str) -> Trip:
    head = f":OUTP{{n}}:{what}"
    return Trip(f"{head} {{x:.3f}}", f"{head}?", f"{head}:STAT {{s}}", f"{head}:STAT?")


GPP = Dialect(
    set_voltage="VSET{n}:{x:.3f}",
    get_voltage="VSET{n}?",
    set_current="ISET{n}:{x:.4f}",
    get_current="ISET{n}?",
    gates=(Gate(":OUTP{n}:STAT {s}", ":OUTP{n}:STAT?"),),
    measure=(":MEAS{n}:ALL?",),
    numbers=3,
    error=":SYST:ERR?",
    limited=":SOUR{n}:CURR:STAT?",
    protection=Protection(_trip("OVP"), _trip("OCP")),
    prepare=("TRACK0",),
    wire=Wire(line=SerialLine(baud=115200)),
)

_WIDE = Channel(32.0, 3.0, 0.001, 0.0001)

ROWS = (
    SupplyModel("GPP-1326", "GW Instek", GPP, {1: Channel(32.0, 6.0, 0.001, 0.0002)}),
    SupplyModel("GPP-2323", "GW Instek", GPP, {1: _WIDE, 2: _WIDE}),
    SupplyModel("GPP-3323", "GW Instek", GPP, {1: _WIDE, 2: _WIDE}, {3: "it has fixed voltages only"}),
    SupplyModel("GPP-4323", "GW Instek", GPP, {
        1: _WIDE, 2: _WIDE, 3: Channel(5.0, 1.0, 0.001, 0.0001), 4: Channel(15.0, 1.0, 0.001, 0.0001),
    }),
)  # fmt: skip
