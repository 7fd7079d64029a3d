"""A bench supply of flesh: ranges, resolution, calibration errors, protection.

Its channels are the world's terminals. Ref: RIGOL DP800 performance verification manual p. 60 (current readback);
DP800 programming guide; SIGLENT SPD3303X quick start (the SPD3303X-E's accuracies are from memory).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from rig.twin.world import Output, World


@dataclass(frozen=True, slots=True)
class Range:
    """What a channel can be set to."""

    max_v: float
    max_a: float
    max_ovp_v: float = 0.0
    max_ocp_a: float = 0.0
    """0: the channel has no such protection."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of supply; accuracies are ±(part of reading + offset)."""

    name: str
    channels: Mapping[int, Range]
    step_v: float
    step_a: float
    voltage_part: float
    voltage_offset_v: float
    current_part: float
    current_offset_a: float
    start_a: float
    """Current limit after a reset."""


DP832 = Model(
    "DP832",
    MappingProxyType({1: Range(30, 3, 33, 3.3), 2: Range(30, 3, 33, 3.3), 3: Range(5, 3, 5.5, 3.3)}),
    step_v=1e-3, step_a=1e-3, voltage_part=5e-4, voltage_offset_v=0.010,
    current_part=1.5e-3, current_offset_a=0.005, start_a=1.0,
)  # fmt: skip
SPD3303X_E = Model(
    "SPD3303X-E",
    MappingProxyType({1: Range(32, 3.2), 2: Range(32, 3.2)}),
    step_v=0.01, step_a=0.01, voltage_part=5e-3, voltage_offset_v=0.02,
    current_part=5e-3, current_offset_a=0.02, start_a=1.0,
)  # fmt: skip
MODELS: Mapping[str, Model] = MappingProxyType({m.name: m for m in (DP832, SPD3303X_E)})


class OutOfRange(ValueError):
    """A setting beyond the channel's range; nothing changed."""


@dataclass(frozen=True, slots=True)
class _Error:
    """Calibration of one quantity: fixed for the life of the instrument, inside its specification."""

    gain: float
    offset: float

    def of(self, value: float) -> float:
        return max(value * (1 + self.gain) + self.offset, 0.0)


@dataclass(frozen=True, slots=True)
class _Calibration:
    set_v: _Error
    set_a: _Error
    read_v: _Error
    read_a: _Error


@dataclass(slots=True)
class _Settings:
    voltage_v: float
    limit_a: float
    ovp_v: float
    ovp: bool
    ocp_a: float
    ocp: bool


class Instrument:
    """The supply behind the plug; channels are numbered from 1. OutOfRange when a setting cannot be."""

    def __init__(self, model: Model, world: World) -> None:
        self.model = model
        self._world = world
        self._noise = world.generator("readback")
        calibration = world.generator("calibration")
        self._errors = {channel: _calibrate(model, calibration) for channel in model.channels}
        self._set: dict[int, _Settings] = {}
        self.reset()

    def reset(self) -> None:
        """Everything off, 0 V, protections at their widest and disabled."""
        for channel, limits in self.model.channels.items():
            self._set[channel] = _Settings(0.0, self.model.start_a, limits.max_ovp_v, False, limits.max_ocp_a, False)
            self._push(channel, on=False, tripped="")

    def settings(self, channel: int) -> _Settings:
        return self._set[channel]

    def apply(self, channel: int, voltage_v: float | None = None, limit_a: float | None = None) -> None:
        """Set voltage, current limit, or both or neither."""
        limits, now = self.model.channels[channel], self._set[channel]
        volt = now.voltage_v if voltage_v is None else _within(voltage_v, limits.max_v, self.model.step_v)
        ampere = now.limit_a if limit_a is None else _within(limit_a, limits.max_a, self.model.step_a)
        now.voltage_v, now.limit_a = volt, ampere
        self._push(channel)

    def protect(self, channel: int, kind: str, *, level: float | None = None, enabled: bool | None = None) -> None:
        """Set level and state of `OVP` or `OCP`."""
        limits, now = self.model.channels[channel], self._set[channel]
        if kind == "OVP":
            now.ovp_v = now.ovp_v if level is None else _within(level, limits.max_ovp_v, self.model.step_v, least=1e-3)
            now.ovp = now.ovp if enabled is None else enabled
        else:
            now.ocp_a = now.ocp_a if level is None else _within(level, limits.max_ocp_a, self.model.step_a, least=1e-3)
            now.ocp = now.ocp if enabled is None else enabled
        self._push(channel)

    def switch(self, channel: int, on: bool) -> bool:
        """Output on or off; False: a protection that tripped is still latched."""
        if on and self._world.output(channel).tripped:
            return False
        self._push(channel, on=on)
        return True

    def clear(self, channel: int, kind: str) -> None:
        """Unlatch a trip; the output stays off."""
        if self._world.output(channel).tripped == kind:
            self._push(channel, tripped="")

    def output(self, channel: int) -> Output:
        """The truth at the terminals."""
        return self._world.output(channel)

    def measure(self, channel: int) -> tuple[float, float, str]:
        """Volt and ampere as this instrument reads them, and CV, CC or UR."""
        truth, errors = self._world.output(channel), self._errors[channel]
        volt = errors.read_v.of(truth.voltage_v + 0.3 * self.model.step_v * self._noise.standard_normal())
        ampere = errors.read_a.of(truth.current_a + 0.3 * self.model.step_a * self._noise.standard_normal())
        if not truth.on:
            ampere = 0.0
        return _round(volt, self.model.step_v), _round(ampere, self.model.step_a), truth.mode

    def _push(self, channel: int, **extra: object) -> None:
        now, errors = self._set[channel], self._errors[channel]
        self._world.drive(
            channel,
            voltage_v=errors.set_v.of(now.voltage_v) if now.voltage_v else 0.0,
            limit_a=errors.set_a.of(now.limit_a) if now.limit_a else 0.0,
            ovp_v=now.ovp_v if now.ovp else None,
            ocp_a=now.ocp_a if now.ocp else None,
            **extra,
        )


def _within(value: float, most: float, step: float, least: float = 0.0) -> float:
    if not least <= value <= most:
        raise OutOfRange(f"{value} is not within {least} and {most}")
    return _round(value, step)


def _round(value: float, step: float) -> float:
    return round(round(value / step) * step, 6)


def _calibrate(model: Model, rng: np.random.Generator) -> _Calibration:
    def volt(part: float) -> _Error:
        return _Error(
            part * model.voltage_part * rng.uniform(-1, 1), part * model.voltage_offset_v * rng.uniform(-1, 1)
        )

    def ampere(part: float) -> _Error:
        return _Error(
            part * model.current_part * rng.uniform(-1, 1), part * model.current_offset_a * rng.uniform(-1, 1)
        )

    return _Calibration(volt(0.3), ampere(0.3), volt(0.5), ampere(0.5))
