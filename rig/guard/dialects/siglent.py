"""Siglent SPD3303C/X/X-E and SPD1000X.

Ref: Siglent SPD3303X Quick Start QS0503X-E01B, chapter 3 (commands, bits of `SYSTem:STATus?`). Commands closer
than about 20 ms are lost (pyvisa issue 362, Fixate pull request 228). No OVP and no OCP by remote control
(nominal-io/instro, `siglent_spd3303`): the guardian's samples are the trip.
Ref: pymeasure `siglent_spdbase` (SPD1168X, SPD1305X: the same commands, bit 0 CC, bit 4 output).
"""

from __future__ import annotations

from dataclasses import replace

from rig.guard.dialects.model import Channel, Dialect, Gate, StatusWord, SupplyModel, Wire
from rig.model import Accuracy

SPD3000X = Dialect(
    set_voltage="CH{n}:VOLT {x:.4f}",
    get_voltage="CH{n}:VOLT?",
    set_current="CH{n}:CURR {x:.4f}",
    get_current="CH{n}:CURR?",
    gates=(Gate("OUTP CH{n},{s}"),),
    measure=("MEAS:VOLT? CH{n}", "MEAS:CURR? CH{n}"),
    error="SYST:ERR?",
    status=StatusWord("SYST:STAT?", on_bit={1: 4, 2: 5}, limiting_bit={1: 0, 2: 1}),
    wire=Wire(pause_s=0.02),
)
SPD1000X = replace(SPD3000X, status=StatusWord("SYST:STAT?", on_bit={1: 4}, limiting_bit={1: 0}))

_E_V = _E_A = Accuracy(0.5, 0.020)
_CH3 = {3: "it has neither a remote set point nor a readback"}


def _two(step: float, v: Accuracy | None = None, a: Accuracy | None = None) -> dict[int, Channel]:
    channel = Channel(32.0, 3.2, step, step, v, a)
    return {1: channel, 2: channel}


ROWS = (
    SupplyModel("SPD3303X-E", "Siglent", SPD3000X, _two(0.01, _E_V, _E_A), _CH3,
                note="readback accuracy from memory of the data sheet: 0.5 % + 2 digits"),
    SupplyModel("SPD3303X", "Siglent", SPD3000X, _two(0.001), _CH3),
    SupplyModel("SPD3303C", "Siglent", SPD3000X, _two(0.01), _CH3,
                note="USB only; commands of the X series, from memory"),
    SupplyModel("SPD1168X", "Siglent", SPD1000X, {1: Channel(16.0, 8.0, 0.001, 0.001)}),
    SupplyModel("SPD1305X", "Siglent", SPD1000X, {1: Channel(30.0, 5.0, 0.001, 0.001)}),
)  # fmt: skip
