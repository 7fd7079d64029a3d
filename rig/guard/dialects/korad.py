"""Korad KA, also sold as Tenma, Velleman, RND and Stamos: nothing ends a message, neither way.

Ref: libsigrok `korad-kaxxxxp` (models, ranges, formats, lengths of the replies, a sixth byte after that to
`ISET1?`, 80 ms after every command); RND 320-KA remote control syntax V3.0 (bits of `STATUS?`: 0 CV while on, 5 OCP,
6 output, 7 OVP, of which only 0 and 6 are reliable: sigrok wiki); pymeasure pull request 1407 (50 ms are enough;
ten more here, because a USB serial adapter delivers in its own time).
The OCP cuts at the current limit itself, so it is sent off. There is no OVP level by remote control.
The voltage that is read is the one that was set while the true one is within 0.2 V of it (HackValue/KoradPsu on a
KA6003P): in current limit, trust the volts to 0.2 V only.
KA3305P: `OUT1` and `OUT0` switch both channels at once (public drivers of it), and bit 6 tells of both.
"""

from __future__ import annotations

from dataclasses import replace

from rig.guard.dialects.model import Channel, Dialect, Gate, StatusWord, SupplyModel, Wire
from rig.model import Accuracy

KA = Dialect(
    set_voltage="VSET{n}:{x:05.2f}",
    get_voltage="VSET{n}?",
    set_current="ISET{n}:{x:05.3f}",
    get_current="ISET{n}?",
    gates=(Gate("OUT{b}"),),
    measure=("VOUT{n}?", "IOUT{n}?"),
    status=StatusWord("STATUS?", on_bit={1: 6}, limiting_bit={1: 0}, inverted=True, binary=True),
    prepare=("OCP0",),
    number_chars=5,
    wire=Wire(termination="", replies_end=False, pause_s=0.06, settle_s=0.08),
)
KA3305 = replace(
    KA,
    gates=(Gate("OUT{b}", shared=True),),
    status=StatusWord("STATUS?", on_bit={1: 6, 2: 6}, limiting_bit={1: 0, 2: 1}, inverted=True, binary=True),
    prepare=("TRACK0", "OCP0"),
)

_V, _A = Accuracy(0.5, 0.020), Accuracy(0.5, 0.005)
_MEMORY = "readback accuracy from memory of the data sheet; in current limit the volts are good to 0.2 V only"


def _channel(voltage_v: float, current_a: float) -> Channel:
    return Channel(voltage_v, current_a, 0.01, 0.001, _V, _A)


ROWS = (
    *(SupplyModel(name, maker, KA, {1: _channel(v, a)}, note=_MEMORY) for name, maker, v, a in (
        ("KA3003P", "Korad", 31.0, 3.1),
        ("KA3005P", "Korad", 31.0, 5.1),
        ("KD3005P", "Korad", 31.0, 5.1),
        ("KA6002P", "Korad", 61.0, 2.0),
        ("KA6003P", "Korad", 61.0, 3.1),
        ("KD6005P", "Korad", 61.0, 5.1),
        ("72-2535", "Tenma", 31.0, 3.1),
        ("72-2540", "Tenma", 31.0, 5.1),
        ("72-2550", "Tenma", 61.0, 3.1),
        ("72-2705", "Tenma", 31.0, 3.1),
        ("72-2710", "Tenma", 31.0, 5.1),
        ("PS3005D", "Velleman", 31.0, 5.1),
    )),
    SupplyModel("KA3305P", "Korad", KA3305, {1: _channel(31.0, 5.1), 2: _channel(31.0, 5.1)},
                note=f"one switch for both channels: only one can be used; {_MEMORY}"),
)  # fmt: skip
