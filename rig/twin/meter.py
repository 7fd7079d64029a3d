"""A power meter at the test host's mains: one element, one update interval, a calibration of its own.

Accuracy of the WT310E: IM WT310E-02EN, 7.3.2 (active power, 45 to 66 Hz, power factor 1). All other accuracies, ranges
and update intervals are from memory of the data sheets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

VOLT, POWER_FACTOR, HERTZ = 230.1, 0.93, 50.0
"""The bench's mains, and a test host's supply at part load."""


@dataclass(frozen=True, slots=True)
class MeterModel:
    """Accuracies are ±(part of reading + part of range), for volt, ampere and watt alike."""

    name: str
    reading_part: float
    range_part: float
    digits: int
    interval_s: float
    ranges_a: tuple[float, ...]
    range_v: float = 300.0


WT310E = MeterModel("WT310E", 1e-3, 5e-4, 5, 0.25, (0.5, 1.0, 2.0, 5.0, 10.0, 20.0))
HMC8015 = MeterModel("HMC8015", 5e-4, 5e-4, 6, 0.1, (0.5, 1.0, 2.0, 5.0, 10.0, 20.0))
METERS: Mapping[str, MeterModel] = MappingProxyType({m.name: m for m in (WT310E, HMC8015)})


class Wattmeter:
    """What the instrument reads: it changes once an interval, with the errors of this very instrument."""

    def __init__(
        self, model: MeterModel, watt: Callable[[], float], rng: np.random.Generator, clock: Callable[[], float]
    ) -> None:
        """`watt()` is the truth at the mains."""
        self.model, self.interval_s = model, model.interval_s
        self._watt, self._rng, self._clock = watt, rng, clock
        self._errors = {what: rng.uniform(-0.5, 0.5, 2) for what in ("U", "I", "P")}
        self._next_s = clock()
        self._held: Mapping[str, float] = MappingProxyType({})

    def read(self) -> Mapping[str, float]:
        """Volt, ampere, watt and what follows from them, by Yokogawa's names."""
        now_s = self._clock()
        if now_s >= self._next_s or not self._held:
            self._next_s = now_s + self.interval_s
            self._held = self._measure(self._watt())
        return self._held

    def _measure(self, watt: float) -> Mapping[str, float]:
        ampere = watt / (VOLT * POWER_FACTOR)
        range_a = next((r for r in self.model.ranges_a if r >= ampere), self.model.ranges_a[-1])
        range_v = self.model.range_v
        volt = self._off("U", VOLT, range_v)
        read_a, read_w = self._off("I", ampere, range_a), self._off("P", watt, range_v * range_a)
        apparent = volt * read_a
        return {
            "U": volt, "I": read_a, "P": read_w, "S": apparent, "Q": math.sqrt(max(apparent**2 - read_w**2, 0.0)),
            "LAMBDA": min(read_w / apparent, 1.0) if apparent else 0.0, "FU": HERTZ, "URAN": range_v, "IRAN": range_a,
        }  # fmt: skip

    def _off(self, what: str, value: float, most: float) -> float:
        gain, zero = self._errors[what]
        step = math.pow(10.0, math.floor(math.log10(most)) - self.model.digits + 2)
        gain, zero = float(gain), float(zero)
        noisy = value * (1 + gain * self.model.reading_part) + zero * self.model.range_part * most * (value > 0)
        return max(round((noisy + 0.3 * step * float(self._rng.standard_normal())) / step) * step, 0.0)
