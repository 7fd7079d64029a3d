"""Keysight (Agilent, HP) E36300, E3631A and N5700.

Ref: Keysight E36300 Series Programming Guide E36311-90008 (channel lists, command separators, OUTP:PROT:CLE);
libsigrok `scpi-pps/profiles.c` (ranges as an E36312A answers them, OVP limits, bits 0 CC and 1 CV of
`STAT:QUES:INST:ISUM<n>:COND?`); pymeasure `keysightE36312A`. Its over-voltage protection is always on; its
over-current protection cuts at the current limit itself, so it is kept off.
Ref: Agilent E3631A User's Guide E3631-90002, chapter 4 (ranges in table 4-1; `OUTPut` switches all three outputs;
questionable instrument summary register: 1 CC, 2 CV); pymeasure `keysightE3631A` (`INST:NSEL n;:MEAS:VOLT?`).
Ref: Series N5700 User's Guide, p. 70 to 72 (OVP levels, at least 1.05 times the voltage set; OCP at the limit),
p. 71 (operation status: CV 256, CC 1024); libsigrok (N5763A, N5767A).
"""

from __future__ import annotations

from rig.guard.dialects.model import (
    Channel,
    Dialect,
    Fuse,
    Gate,
    Protection,
    Register,
    SerialLine,
    SupplyModel,
    Trip,
    Wire,
)
from rig.model import Accuracy

_ISUM = Register("STAT:QUES:INST:ISUM{n}:COND?", current=1, voltage=2)

E36300 = Dialect(
    set_voltage="VOLT {x:.4f},(@{n})",
    get_voltage="VOLT? (@{n})",
    set_current="CURR {x:.4f},(@{n})",
    get_current="CURR? (@{n})",
    gates=(Gate("OUTP {s},(@{n})", "OUTP? (@{n})"),),
    measure=("MEAS:VOLT? (@{n})", "MEAS:CURR? (@{n})"),
    error="SYST:ERR?",
    listed=True,
    joined=True,
    register=_ISUM,
    protection=Protection(
        ovp=Trip("VOLT:PROT {x:.4f},(@{n})", "VOLT:PROT? (@{n})"),
        ocp=Fuse("CURR:PROT:STAT {s},(@{n})", "CURR:PROT:STAT? (@{n})"),
        clear=("OUTP:PROT:CLE (@{n})",),
    ),
)

E3631A = Dialect(
    set_voltage="VOLT {x:.4f}",
    get_voltage="VOLT?",
    set_current="CURR {x:.4f}",
    get_current="CURR?",
    gates=(Gate("OUTP {s}", "OUTP?", shared=True),),
    measure=("MEAS:VOLT?", "MEAS:CURR?"),
    error="SYST:ERR?",
    select="INST:NSEL {n}",
    selected="INST:NSEL?",
    joined=True,
    register=_ISUM,
    wire=Wire(line=SerialLine(stop_bits=2, handshake="dsrdtr")),
)

N5700 = Dialect(
    set_voltage="VOLT {x:.4f}",
    get_voltage="VOLT?",
    set_current="CURR {x:.4f}",
    get_current="CURR?",
    gates=(Gate("OUTP {s}", "OUTP?"),),
    measure=("MEAS:VOLT?", "MEAS:CURR?"),
    error="SYST:ERR?",
    joined=True,
    register=Register("STAT:OPER:COND?", current=1024, voltage=256),
    protection=Protection(
        ovp=Trip("VOLT:PROT {x:.4f}", "VOLT:PROT?"),
        ocp=Fuse("CURR:PROT:STAT {s}", "CURR:PROT:STAT?"),
        clear=("OUTP:PROT:CLE",),
        coupled=True,
    ),
)

_V, _A = Accuracy(0.04, 0.005), Accuracy(0.04, 0.003)
_MEMORY = "readback accuracy from memory of the data sheet"
_SIX, _TEN = (Channel(6.18, a, 0.001, 0.001, _V, _A, max_ovp_v=6.6) for a in (5.15, 10.3))
_ONE, _TWO = (Channel(25.75, a, 0.001, 0.001, _V, _A, max_ovp_v=27.5) for a in (1.03, 2.06))
_NEGATIVE = {3: "its output is negative"}


def _n5700(voltage_v: float, current_a: float, ovp_v: float) -> dict[int, Channel]:
    # 14 bits, as libsigrok has it for the N5763A and N5767A: 0.012 % of the rating
    return {1: Channel(voltage_v, current_a, 0.00024 * voltage_v, 0.00024 * current_a, max_ovp_v=ovp_v)}


ROWS = (
    SupplyModel("E36311A", "Keysight", E36300, {1: _SIX, 2: _ONE}, _NEGATIVE, note=_MEMORY),
    SupplyModel("E36312A", "Keysight", E36300, {1: _SIX, 2: _ONE, 3: _ONE}, note=_MEMORY),
    SupplyModel("E36313A", "Keysight", E36300, {1: _TEN, 2: _TWO, 3: _TWO}, note=_MEMORY),
    SupplyModel("E3631A", "Keysight", E3631A, {
        1: Channel(6.18, 5.15, 0.001, 0.002, Accuracy(0.1, 0.005), Accuracy(0.2, 0.010)),
        2: Channel(25.75, 1.03, 0.002, 0.001, Accuracy(0.05, 0.010), Accuracy(0.15, 0.004)),
    }, _NEGATIVE, note=f"one switch for all outputs: only one can be used; {_MEMORY}; serial framing from memory"),
    *(SupplyModel(name, "Keysight", N5700, _n5700(v, a, ovp)) for name, v, a, ovp in (
        ("N5741A", 6.0, 100.0, 7.5),
        ("N5742A", 8.0, 90.0, 10.0),
        ("N5743A", 12.5, 60.0, 15.0),
        ("N5744A", 20.0, 38.0, 24.0),
        ("N5745A", 30.0, 25.0, 36.0),
        ("N5746A", 40.0, 19.0, 44.0),
        ("N5763A", 12.5, 120.0, 15.0),
        ("N5767A", 60.0, 25.0, 66.0),
    )),
)  # fmt: skip
