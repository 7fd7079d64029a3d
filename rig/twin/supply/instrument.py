"""A bench supply of flesh: what was set, calibration errors, protection; its channels are the world's terminals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rig.twin.circuit import Output
from rig.twin.faults import Faults
from rig.twin.supply.models import Model, Range


class Terminals(Protocol):
    """Where the channels end: a world, or another supply's part of one."""

    def drive(self, channel: int, **settings: object) -> None: ...

    def output(self, channel: int) -> Output: ...

    def generator(self, purpose: str) -> np.random.Generator: ...


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
class Settings:
    """Set points of a channel, signed as its terminals are."""

    voltage_v: float
    limit_a: float
    ovp_v: float
    ovp: bool
    ocp_a: float
    ocp: bool


class Instrument:
    """The supply behind the plug; channels are numbered from 1. OutOfRange when a setting cannot be."""

    def __init__(
        self,
        model: Model,
        world: Terminals,
        faults: Faults | None = None,
        *,
        plug: str = "supply",
        realistic: bool = False,
    ) -> None:
        """`realistic`: answers take the time they take on the bench. `plug`: whose faults it has."""
        self.model = model
        self._world, self._faults, self._plug, self._realistic = world, faults, plug, realistic
        self._noise = world.generator("readback")
        calibration = world.generator("calibration")
        self._errors = {channel: _calibrate(model, calibration) for channel in model.channels}
        self._set: dict[int, Settings] = {}
        self._frozen: dict[int, tuple[float, float]] = {}
        self._pressed = False
        self._busy_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Everything off, 0 V, protections at their widest and disabled where they can be."""
        for channel, limits in self.model.channels.items():
            start_v = limits.only_v[0] if limits.only_v else 0.0
            ovp, ocp = ("OVP" in self.model.always, "OCP" in self.model.always)
            self._set[channel] = Settings(start_v, self.model.start_a, limits.max_ovp_v, ovp, limits.max_ocp_a, ocp)
            self._push(channel, on=False, tripped="")

    def settings(self, channel: int) -> Settings:
        return self._set[channel]

    def apply(self, channel: int, voltage_v: float | None = None, limit_a: float | None = None) -> None:
        """Set voltage, current limit, or both or neither."""
        limits, now = self.model.channels[channel], self._set[channel]
        volt = now.voltage_v if voltage_v is None else _volt(voltage_v, limits, self.model.step_v)
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
        if on and self.output(channel).tripped:
            return False
        self._push(channel, on=on)
        return True

    def clear(self, channel: int, kind: str = "") -> bool:
        """Unlatch a trip of this kind, or of any; the output stays off. False: there was none."""
        tripped = self.output(channel).tripped
        if not tripped or kind not in ("", tripped):
            return False
        self._push(channel, tripped="")
        return True

    def output(self, channel: int) -> Output:
        """The truth at the terminals."""
        self._press_key()
        return self._world.output(channel)

    def measure(self, channel: int) -> tuple[float, float, str]:
        """Volt and ampere as this instrument reads them, and CV, CC or UR."""
        truth = self.output(channel)
        self._busy_s += self.model.measure_s
        if truth.on and self._has("zero"):
            return 0.0, 0.0, truth.mode
        volt, ampere = self._read(channel, truth)
        if self._has("frozen"):
            volt, ampere = self._frozen.setdefault(channel, (volt, ampere))
        return (-volt if self.model.channels[channel].negative else volt), ampere, truth.mode

    def busy_s(self) -> float:
        """How long it was busy since the last call; 0 unless it is to be realistic."""
        spent_s, self._busy_s = self._busy_s + self.model.reply_s, 0.0
        return spent_s if self._realistic else 0.0

    def _read(self, channel: int, truth: Output) -> tuple[float, float]:
        errors, model = self._errors[channel], self.model
        volt = errors.read_v.of(truth.voltage_v + 0.3 * model.step_v * self._noise.standard_normal())
        ampere = errors.read_a.of(truth.current_a + 0.3 * model.step_a * self._noise.standard_normal())
        return _round(volt, model.step_v), _round(ampere, model.step_a) if truth.on else 0.0

    def _has(self, kind: str) -> bool:
        return self._faults is not None and self._faults.active(self._plug, kind)

    def _press_key(self) -> None:
        """Somebody presses the front panel's output key, once."""
        if not self._pressed and self._has("off"):
            self._pressed = True
            for channel in self.model.channels:
                self._push(channel, on=False)

    def _push(self, channel: int, **extra: object) -> None:
        now, errors = self._set[channel], self._errors[channel]
        limit_a = errors.set_a.of(now.limit_a) if now.limit_a else 0.0
        # a channel in current limit carries exactly its limit
        ocp_a = max(math.nextafter(limit_a, -1.0), 0.0) if self.model.ocp_is_limit else now.ocp_a
        self._world.drive(
            channel,
            voltage_v=errors.set_v.of(abs(now.voltage_v)) if now.voltage_v else 0.0,
            limit_a=limit_a,
            ovp_v=now.ovp_v if now.ovp else None,
            ocp_a=ocp_a if now.ocp else None,
            **extra,
        )


def _volt(value: float, limits: Range, step: float) -> float:
    if limits.only_v:
        known = next((v for v in limits.only_v if math.isclose(v, value, abs_tol=1e-6)), None)
        if known is None:
            raise OutOfRange(f"{value} is none of {limits.only_v}")
        return known
    return -_within(-value, limits.max_v, step) if limits.negative else _within(value, limits.max_v, step)


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
