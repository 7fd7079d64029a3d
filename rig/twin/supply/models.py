"""Models of bench supply the twin can be: ranges, steps, accuracies, times, and how a bench wires each.

Ref: ranges and steps from libsigrok `scpi-pps/profiles.c` and `korad-kaxxxxp/api.c` and pymeasure (siglent, keysight,
aimtti); DP832 current readback from RIGOL's performance verification manual p. 60; N5700 OVP range from its user's
guide p. 72; KA3305P from measurements on firmware V7.2 (pepsi133/iot-lab). All other accuracies, protection ranges
and times are from memory of the data sheets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Range:
    """What a channel can be set to."""

    max_v: float
    max_a: float
    max_ovp_v: float = 0.0
    max_ocp_a: float = 0.0
    """0: the channel has no such protection."""
    negative: bool = False
    """Set points and readings are below zero; the two figures above are magnitudes."""
    only_v: tuple[float, ...] = ()
    """The voltages it has, where it is no free choice."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of supply; accuracies are ±(part of reading + offset)."""

    name: str
    dialect: str
    channels: Mapping[int, Range]
    step_v: float
    step_a: float
    voltage_part: float
    voltage_offset_v: float
    current_part: float
    current_offset_a: float
    start_a: float
    """Current limit after a reset."""
    wiring: Mapping[str, int]
    """Rail to channel, as a bench of this model alone is wired; two rails at one channel: the one that is there."""
    reply_s: float = 0.01
    """Time to answer a query."""
    measure_s: float = 0.05
    """Time of one conversion on top."""
    pause_s: float = 0.0
    """What comes sooner after the command before it is lost."""
    always: frozenset[str] = frozenset()
    """Protections that nobody can switch off."""
    ocp_is_limit: bool = False
    """Over-current protection has no level: it trips when the output enters current limit."""


def _same(limits: Range, count: int) -> Mapping[int, Range]:
    return MappingProxyType(dict.fromkeys(range(1, count + 1), limits))


ALONE = MappingProxyType({"12v": 1, "probe": 1})
"""One channel: 3.3 V needs a second supply."""
THREE = MappingProxyType({"12v": 1, "probe": 2, "3v3": 3})
TWO = MappingProxyType({"12v": 1, "probe": 1, "3v3": 2})
LOW_FIRST = MappingProxyType({"3v3": 1, "12v": 2, "probe": 3})
BOTH = frozenset({"OVP", "OCP"})

DP832 = Model(
    "DP832", "dp800",
    MappingProxyType({1: Range(30, 3, 33, 3.3), 2: Range(30, 3, 33, 3.3), 3: Range(5, 3, 5.5, 3.3)}),
    step_v=1e-3, step_a=1e-3, voltage_part=5e-4, voltage_offset_v=0.010,
    current_part=1.5e-3, current_offset_a=0.005, start_a=1.0, wiring=THREE,
)  # fmt: skip
DP831 = Model(
    "DP831", "dp800",
    MappingProxyType({1: Range(8, 5, 8.8, 5.5), 2: Range(30, 2, 33, 2.2), 3: Range(30, 2, 33, 2.2, negative=True)}),
    step_v=1e-3, step_a=1e-3, voltage_part=5e-4, voltage_offset_v=0.010,
    current_part=1.5e-3, current_offset_a=0.005, start_a=1.0, wiring=MappingProxyType({"3v3": 1, "12v": 2, "probe": 2}),
)  # fmt: skip
DP821 = Model(
    "DP821", "dp800", MappingProxyType({1: Range(60, 1, 66, 1.1), 2: Range(8, 10, 8.8, 11)}),
    step_v=1e-3, step_a=1e-3, voltage_part=5e-4, voltage_offset_v=0.025,
    current_part=1.5e-3, current_offset_a=0.010, start_a=1.0, wiring=TWO,
)  # fmt: skip
DP811 = Model(
    "DP811", "dp800", MappingProxyType({1: Range(20, 10, 22, 11)}),
    step_v=1e-3, step_a=1e-3, voltage_part=5e-4, voltage_offset_v=0.010,
    current_part=1.5e-3, current_offset_a=0.010, start_a=1.0, wiring=ALONE,
)  # fmt: skip
DP712 = Model(
    "DP712", "dp800", MappingProxyType({1: Range(50, 3, 55, 3.3)}),
    step_v=0.01, step_a=0.01, voltage_part=5e-4, voltage_offset_v=0.020,
    current_part=2e-3, current_offset_a=0.010, start_a=1.0, wiring=ALONE,
)  # fmt: skip
SPD3303X_E = Model(
    "SPD3303X-E", "siglent", _same(Range(32, 3.2), 2),
    step_v=0.01, step_a=0.01, voltage_part=5e-3, voltage_offset_v=0.02,
    current_part=5e-3, current_offset_a=0.02, start_a=1.0, wiring=TWO, pause_s=0.010,
)  # fmt: skip
SPD3303X = Model(
    "SPD3303X", "siglent", _same(Range(32, 3.2), 2),
    step_v=1e-3, step_a=1e-3, voltage_part=3e-4, voltage_offset_v=0.01,
    current_part=3e-3, current_offset_a=0.01, start_a=1.0, wiring=TWO, pause_s=0.010,
)  # fmt: skip
SPD1305X = Model(
    "SPD1305X", "siglent", MappingProxyType({1: Range(30, 5)}),
    step_v=1e-3, step_a=1e-3, voltage_part=3e-4, voltage_offset_v=0.01,
    current_part=5e-4, current_offset_a=0.01, start_a=1.0, wiring=ALONE, pause_s=0.010,
)  # fmt: skip
E36312A = Model(
    "E36312A", "e36300",
    MappingProxyType({1: Range(6.18, 5.15, 6.6, 5.15), **dict.fromkeys((2, 3), Range(25.75, 1.03, 27.5, 1.03))}),
    step_v=1e-3, step_a=1e-3, voltage_part=4e-4, voltage_offset_v=0.005,
    current_part=4e-4, current_offset_a=0.003, start_a=0.1, wiring=LOW_FIRST,
    measure_s=0.02, always=frozenset({"OVP"}), ocp_is_limit=True,
)  # fmt: skip
E36313A = Model(
    "E36313A", "e36300",
    MappingProxyType({1: Range(6.18, 10.3, 6.6, 10.3), **dict.fromkeys((2, 3), Range(25.75, 2.06, 27.5, 2.06))}),
    step_v=1e-3, step_a=1e-3, voltage_part=4e-4, voltage_offset_v=0.005,
    current_part=4e-4, current_offset_a=0.005, start_a=0.1, wiring=LOW_FIRST,
    measure_s=0.02, always=frozenset({"OVP"}), ocp_is_limit=True,
)  # fmt: skip
E3631A = Model(
    "E3631A", "e3631a",
    MappingProxyType({1: Range(6.18, 5.15), 2: Range(25.75, 1.03), 3: Range(25.75, 1.03, negative=True)}),
    step_v=1e-3, step_a=1e-3, voltage_part=5e-4, voltage_offset_v=0.010,
    current_part=1.5e-3, current_offset_a=0.004, start_a=1.0,
    wiring=MappingProxyType({"3v3": 1, "12v": 2, "probe": 2}), measure_s=0.1,
)  # fmt: skip
N5767A = Model(
    "N5767A", "n5700", MappingProxyType({1: Range(63, 26.25, 66, 26.25)}),
    step_v=1e-3, step_a=1e-3, voltage_part=1e-3, voltage_offset_v=0.06,
    current_part=1e-3, current_offset_a=0.075, start_a=0.0, wiring=ALONE,
    measure_s=0.05, always=frozenset({"OVP"}), ocp_is_limit=True,
)  # fmt: skip
N5744A = Model(
    "N5744A", "n5700", MappingProxyType({1: Range(21, 39.9, 24, 39.9)}),
    step_v=1e-3, step_a=1e-3, voltage_part=1e-3, voltage_offset_v=0.02,
    current_part=1e-3, current_offset_a=0.114, start_a=0.0, wiring=ALONE,
    measure_s=0.05, always=frozenset({"OVP"}), ocp_is_limit=True,
)  # fmt: skip
HMP4040 = Model(
    "HMP4040", "hmp", _same(Range(32.05, 10.01, 32.5, 10.01), 4),
    step_v=1e-3, step_a=2e-4, voltage_part=5e-4, voltage_offset_v=0.005,
    current_part=1e-3, current_offset_a=0.002, start_a=0.1, wiring=THREE,
    measure_s=0.1, always=frozenset({"OVP"}), ocp_is_limit=True,
)  # fmt: skip
HMP2030 = Model(
    "HMP2030", "hmp", _same(Range(32.05, 5.01, 32.5, 5.01), 3),
    step_v=1e-3, step_a=1e-4, voltage_part=5e-4, voltage_offset_v=0.005,
    current_part=1e-3, current_offset_a=0.002, start_a=0.1, wiring=THREE,
    measure_s=0.1, always=frozenset({"OVP"}), ocp_is_limit=True,
)  # fmt: skip
NGE103B = Model(
    "NGE103B", "nge", _same(Range(32.05, 3.0, 32.05, 3.0), 3),
    step_v=1e-3, step_a=1e-3, voltage_part=1e-3, voltage_offset_v=0.02,
    current_part=1e-3, current_offset_a=0.005, start_a=0.1, wiring=THREE,
    measure_s=0.1, ocp_is_limit=True,
)  # fmt: skip
KA3005P = Model(
    "KA3005P", "korad", MappingProxyType({1: Range(31, 5.1, 31, 5.1)}),
    step_v=0.01, step_a=1e-3, voltage_part=5e-3, voltage_offset_v=0.02,
    current_part=5e-3, current_offset_a=0.005, start_a=0.0, wiring=ALONE,
    reply_s=0.018, measure_s=0.0, pause_s=0.040, ocp_is_limit=True,
)  # fmt: skip
KA3305P = Model(
    "KA3305P", "korad", _same(Range(31, 5.1, 31, 5.1), 2),
    step_v=0.01, step_a=1e-3, voltage_part=5e-3, voltage_offset_v=0.02,
    current_part=5e-3, current_offset_a=0.005, start_a=0.0, wiring=TWO,
    reply_s=0.023, measure_s=0.0, pause_s=0.020, ocp_is_limit=True,
)  # fmt: skip
SPE3103 = Model(
    "SPE3103", "owon", MappingProxyType({1: Range(30, 10, 31, 10.1)}),
    step_v=0.01, step_a=1e-3, voltage_part=5e-4, voltage_offset_v=0.02,
    current_part=1e-3, current_offset_a=0.010, start_a=1.0, wiring=ALONE, always=BOTH,
)  # fmt: skip
P4305 = Model(
    "P4305", "owon", MappingProxyType({1: Range(30, 5, 31, 5.1)}),
    step_v=1e-3, step_a=1e-3, voltage_part=3e-4, voltage_offset_v=0.01,
    current_part=5e-4, current_offset_a=0.005, start_a=1.0, wiring=ALONE, always=BOTH,
)  # fmt: skip
GPP4323 = Model(
    "GPP-4323", "gpp",
    MappingProxyType({
        **dict.fromkeys((1, 2), Range(32, 3, 35, 3.3)),
        3: Range(5, 1, only_v=(1.8, 2.5, 3.3, 5.0)),
        4: Range(15, 1, 17, 1.2),
    }),
    step_v=1e-3, step_a=1e-4, voltage_part=3e-4, voltage_offset_v=0.010,
    current_part=3e-3, current_offset_a=0.010, start_a=1.0,
    wiring=MappingProxyType({"12v": 1, "3v3": 2, "probe": 4}),
)  # fmt: skip
MX100TP = Model(
    "MX100TP", "tti", _same(Range(35, 3, 40, 4), 3),
    step_v=1e-3, step_a=1e-3, voltage_part=1e-3, voltage_offset_v=0.003,
    current_part=3e-3, current_offset_a=0.003, start_a=1.0, wiring=THREE, measure_s=0.02,
)  # fmt: skip
PL303QMD_P = Model(
    "PL303QMD-P", "tti", _same(Range(30, 3, 40, 4), 2),
    step_v=1e-3, step_a=1e-3, voltage_part=1e-3, voltage_offset_v=0.003,
    current_part=3e-3, current_offset_a=0.003, start_a=1.0, wiring=TWO, measure_s=0.02,
)  # fmt: skip
MODELS: Mapping[str, Model] = MappingProxyType({
    m.name: m
    for m in (
        DP832, DP831, DP821, DP811, DP712, SPD3303X_E, SPD3303X, SPD1305X, E36312A, E36313A, E3631A, N5744A,
        N5767A, HMP4040, HMP2030, NGE103B, KA3005P, KA3305P, SPE3103, P4305, GPP4323, MX100TP, PL303QMD_P,
    )
})  # fmt: skip


def usual(model: Model) -> Mapping[int, tuple[str, ...]]:
    """Every channel of the model and the rails at its terminals, as a bench is usually wired."""
    return MappingProxyType(
        {channel: tuple(rail for rail, at in model.wiring.items() if at == channel) for channel in model.channels}
    )
