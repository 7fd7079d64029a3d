"""What the guardian is told at its start, as JSON over its socket."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from rig.errors import UsageError
from rig.model import Accuracy

MAIN, SECOND, METER = "main", "second", "meter"
"""The instruments a bench can have: one supply, perhaps another, perhaps something that only measures."""


class Key(NamedTuple):
    """One channel of one instrument."""

    instrument: str
    channel: int


@dataclass(frozen=True, slots=True)
class RailConfig:
    """One rail: the supply's channel behind it, and the ceilings no set point and no reading may pass."""

    channel: int
    max_voltage_v: float
    max_current_a: float
    instrument: str = MAIN

    @property
    def key(self) -> Key:
        return Key(self.instrument, self.channel)

    def __post_init__(self) -> None:
        if self.instrument not in (MAIN, SECOND):
            raise UsageError(f"channel {self.channel}: no supply is called {self.instrument!r} (main, second)")
        if not (0 < self.max_voltage_v < float("inf") and 0 < self.max_current_a < float("inf")):
            raise UsageError(f"channel {self.channel}: ceilings must be above 0, got {self.max_voltage_v} V, "
                             f"{self.max_current_a} A")  # fmt: skip


@dataclass(frozen=True, slots=True)
class InstrumentConfig:
    """Another supply: its fields mean what they mean in `GuardConfig`."""

    address: str
    model: str
    dialect: str | None = None
    backend: str = "@py"
    mapping: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """An instrument that only measures: rail to its channel, and, where no row of `meters` fits, what to ask it."""

    address: str
    model: str
    rails: Mapping[str, int]
    dialect: str | None = None
    backend: str = "@py"
    power_query: str | None = None
    """Question whose answer is true power in watts; `{n}` is the channel. None: the row of the model."""
    voltage_query: str | None = None
    current_query: str | None = None
    accuracy: Accuracy | None = None
    """Of the power it shows; None: that of the row, which may not be sourced."""

    def __post_init__(self) -> None:
        if not self.rails:
            raise UsageError(f"{self.address}: the meter has no rail; name at least one")


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """Which supplies, which rails, and how long the guardian waits for what."""

    address: str
    """Full VISA resource name: `TCPIP0::10.0.0.5::5555::SOCKET`, `ASRL/dev/ttyUSB0::INSTR`."""
    model: str
    """Must occur in the model the supply names in its reply to `*IDN?`."""
    rails: Mapping[str, RailConfig]
    dialect: str | None = None
    """Row of the table in `dialects` to speak; None: the row of the model."""
    backend: str = "@py"
    heartbeat_s: float = 1.0
    """Without a sign of the client for so long the outputs go off."""
    timeout_s: float = 2.0
    """For one reply of the supply."""
    sample_s: float = 0.02
    """Samples are not taken faster than this; every real supply is slower and sets its own pace."""
    over_samples: int = 3
    """Samples in a row beyond a ceiling that are a trip."""
    blind_s: float = 5.0
    """With outputs on and no reading for so long the guardian tries to switch them off."""
    off_retry_s: float = 10.0
    """How long switching off is retried, with a new session each time."""
    burn_max_s: float = 600.0
    """How long outputs stay on after the client was lost while firmware was burned."""
    mapping: Mapping[str, Any] | None = None
    """What the PyMeasure class is and how it is used, for the dialect `pymeasure`."""
    second: InstrumentConfig | None = None
    meter: MeterConfig | None = None

    def __post_init__(self) -> None:
        if not self.rails:
            raise UsageError(f"{self.address}: the supply has no rails; name at least one")
        self._check_instruments()
        times = ("heartbeat_s", "timeout_s", "sample_s", "blind_s", "off_retry_s", "burn_max_s")
        for name in times:
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{self.address}: {name} must be above 0, got {getattr(self, name)}")
        if self.over_samples < 1:
            raise UsageError(f"{self.address}: over_samples must be at least 1, got {self.over_samples}")

    def _check_instruments(self) -> None:
        on_second = [name for name, rail in self.rails.items() if rail.instrument == SECOND]
        if on_second and self.second is None:
            raise UsageError(f"{on_second[0]}: its instrument is `second`, and the bench has no second supply")
        if len(on_second) == len(self.rails):
            raise UsageError(f"{self.address}: the main supply has no rails; name at least one")
        if self.second is not None and not on_second:
            raise UsageError(f"{self.second.address}: the second supply has no rails; name one with instrument: second")
        others = [i.address for i in (self.second, self.meter) if i is not None]
        addresses = [self.address, *others]
        if (twice := next((a for a in others if addresses.count(a) > 1), None)) is not None:
            raise UsageError(f"{twice}: two instruments of the bench have this address")
        if self.meter is not None and (both := sorted({*self.rails} & {*self.meter.rails})):
            raise UsageError(f"{both[0]}: a rail of a supply and of the meter")

    def instrument_of(self, rail: str) -> str:
        """Whose channel the rail is."""
        return self.rails[rail].instrument if rail in self.rails else METER

    def instruments(self) -> dict[str, GuardConfig]:
        """One config a supply, each as if it were the only one of the bench."""
        alone = {MAIN: dataclasses.replace(self, rails=self._rails_of(MAIN), second=None, meter=None)}
        if (second := self.second) is None:
            return alone
        fields = {f.name: getattr(second, f.name) for f in dataclasses.fields(second)}
        rails = {name: dataclasses.replace(rail, instrument=MAIN) for name, rail in self._rails_of(SECOND).items()}
        return alone | {SECOND: dataclasses.replace(self, rails=rails, second=None, meter=None, **fields)}

    def _rails_of(self, instrument: str) -> dict[str, RailConfig]:
        return {name: rail for name, rail in self.rails.items() if rail.instrument == instrument}

    def differences(self, other: GuardConfig) -> list[str]:
        """What makes `other` another supply or other rails than these, in words; empty: it is the same bench."""
        pairs: list[tuple[str, object, object]] = [
            ("address", self.address, other.address),
            ("model", self.model, other.model),
            ("second supply", _address(self.second), _address(other.second)),
            ("meter", _address(self.meter), _address(other.meter)),
            *((f"rail {n}", self.rails.get(n), other.rails.get(n)) for n in sorted({*self.rails, *other.rails})),
        ]
        return [f"{what}: {_words(a)} here, {_words(b)} there" for what, a, b in pairs if a != b]

    def to_json(self) -> str:
        """One line of JSON; `from_json` is its inverse."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> GuardConfig:
        """The config in `text`; UsageError when it is not one."""
        try:
            row = json.loads(text)
            rails = {name: RailConfig(**rail) for name, rail in row.pop("rails").items()}
            second, meter = row.pop("second", None), row.pop("meter", None)
            return cls(
                rails=rails,
                second=None if second is None else InstrumentConfig(**second),
                meter=None if meter is None else _meter(meter),
                **row,
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
            raise UsageError(f"the guardian's config cannot be read: {type(e).__name__}: {e}") from e


def _words(value: object) -> str:
    if isinstance(value, RailConfig):
        of = "" if value.instrument == MAIN else f" of the {value.instrument} supply"
        return f"channel {value.channel}{of} up to {value.max_voltage_v} V and {value.max_current_a} A"
    return "none" if value is None else str(value)


def _address(instrument: InstrumentConfig | MeterConfig | None) -> str | None:
    return None if instrument is None else instrument.address


def _meter(row: dict[str, Any]) -> MeterConfig:
    accuracy = row.pop("accuracy", None)
    return MeterConfig(accuracy=None if accuracy is None else Accuracy(**accuracy), **row)
