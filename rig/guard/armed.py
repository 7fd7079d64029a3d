"""A rail that is on, and the readings that are too much for it."""

from __future__ import annotations

from dataclasses import dataclass

from rig.guard.config import Key, RailConfig
from rig.guard.dialects import Channel
from rig.guard.supply import SetPoint
from rig.model import Accuracy, Reading

_UNSOURCED = Accuracy(2.0, 0.05)
"""Margin where nobody has sourced the readback: wide enough not to trip on the instrument's own error."""


@dataclass(frozen=True, slots=True)
class Armed:
    """What a channel was told, and the readings beyond which it is cut."""

    key: Key
    want: SetPoint
    trip_v: float
    trip_a: float

    def over(self, reading: Reading) -> str | None:
        """What is beyond its ceiling, in words."""
        if too_much := self.over_current(reading):
            return too_much
        if reading.voltage_v > self.trip_v:
            return f"{reading.voltage_v:.3f} V, more than {self.trip_v:.3f} V"
        return None

    def over_current(self, reading: Reading) -> str | None:
        """Too much current, in words: what nothing may go on under."""
        if reading.current_a > self.trip_a:
            return f"{reading.current_a:.3f} A, more than {self.trip_a:.3f} A"
        return None

    def looks_dead(self, reading: Reading) -> bool:
        """Voltage gone without current limit: the supply may have tripped by itself."""
        return reading.voltage_v < self.want.voltage_v / 2 and reading.limiting is not True

    def may_be_limiting(self, reading: Reading) -> bool:
        """So near the current limit that the voltage may be low because of it."""
        return reading.current_a > self.want.limit_a / 2


def armed(rail: RailConfig, channel: Channel, want: SetPoint, *, hardware_trip: bool) -> Armed:
    """Trips at the rail's ceilings plus the error of the readback.

    Without a trip in the supply's hardware, the OVP and OCP asked for are kept here.
    """
    trip_v, trip_a = rail.max_voltage_v, rail.max_current_a
    if not hardware_trip:
        trip_v = min(trip_v, trip_v if want.ovp_v is None else want.ovp_v)
        trip_a = min(trip_a, trip_a if want.ocp_a is None else want.ocp_a)
    return Armed(
        rail.key,
        want,
        trip_v + (channel.accuracy_v or _UNSOURCED).bound(trip_v),
        trip_a + (channel.accuracy_a or _UNSOURCED).bound(trip_a),
    )
