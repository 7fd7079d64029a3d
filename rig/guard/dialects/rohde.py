"""Rohde & Schwarz (HAMEG) HMP and NGE100.

Ref: HMP Series SCPI Programmers Manual 5800576002 (`INSTrument`, `OUTPut:SELect`, `OUTPut:GENeral`, `FUSE`);
pymeasure `rohdeschwarz.hmp`; libsigrok `scpi-pps/profiles.c` (ranges, steps, bits 0 CC and 1 CV of
`STAT:QUES:INST:ISUM<n>:COND?`; NGE103B: `FUSE:STAT`, `VOLT:PROT:STAT`). `*IDN?` begins HAMEG or ROHDE&SCHWARZ by age.
Two gates: the channel's own (`OUTP:SEL`) and the general one. A general gate that is opened takes every channel
with it whose own is closed, so those that the rig did not close are opened first.
The electronic fuse cuts at the current limit itself, so it is kept off.
"""

from __future__ import annotations

from dataclasses import replace

from rig.guard.dialects.model import Channel, Dialect, Fuse, Gate, Protection, Register, SupplyModel, Trip
from rig.model import Accuracy

HMP = Dialect(
    set_voltage="VOLT {x:.4f}",
    get_voltage="VOLT?",
    set_current="CURR {x:.4f}",
    get_current="CURR?",
    gates=(Gate("OUTP:SEL {b}", "OUTP:SEL?"), Gate("OUTP:GEN {b}", "OUTP:GEN?", shared=True)),
    measure=("MEAS:VOLT?", "MEAS:CURR?"),
    error="SYST:ERR?",
    select="INST:NSEL {n}",
    selected="INST:NSEL?",
    joined=True,
    register=Register("STAT:QUES:INST:ISUM{n}:COND?", current=1, voltage=2),
    protection=Protection(
        ovp=Trip("VOLT:PROT {x:.4f}", "VOLT:PROT?"),
        ocp=Fuse("FUSE {b}", "FUSE?"),
        clear=("VOLT:PROT:CLE",),
    ),
)
NGE = replace(
    HMP,
    protection=Protection(
        ovp=Trip("VOLT:PROT {x:.4f}", "VOLT:PROT?", "VOLT:PROT:STAT {b}", "VOLT:PROT:STAT?"),
        ocp=Fuse("FUSE:STAT {b}", "FUSE:STAT?"),
        clear=("VOLT:PROT:CLE",),
    ),
)

_V, _A = Accuracy(0.05, 0.005), Accuracy(0.1, 0.002)


def _hmp(*currents_a: float) -> dict[int, Channel]:
    step = {10.01: 0.001, 5.01: 0.001}
    return {
        n: Channel(32.05, current_a, 0.001, step[current_a], _V, _A, max_ovp_v=32.5)
        for n, current_a in enumerate(currents_a, 1)
    }


def _nge(count: int) -> dict[int, Channel]:
    return {n: Channel(32.0, 3.0, 0.01, 0.001) for n in range(1, count + 1)}


_HMP_NOTE = "readback accuracy from memory of the data sheet"
_NGE_NOTE = "the two output gates as on the HMP: from memory of the manual"

ROWS = (
    SupplyModel("HMP2020", "Rohde & Schwarz", HMP, _hmp(10.01, 5.01), note=_HMP_NOTE),
    SupplyModel("HMP2030", "Rohde & Schwarz", HMP, _hmp(5.01, 5.01, 5.01), note=_HMP_NOTE),
    SupplyModel("HMP4030", "Rohde & Schwarz", HMP, _hmp(10.01, 10.01, 10.01), note=_HMP_NOTE),
    SupplyModel("HMP4040", "Rohde & Schwarz", HMP, _hmp(10.01, 10.01, 10.01, 10.01), note=_HMP_NOTE),
    *(SupplyModel(f"NGE10{count}{letter}", "Rohde & Schwarz", NGE, _nge(count), note=_NGE_NOTE)
      for count in (2, 3) for letter in ("", "B")),
)  # fmt: skip
