"""What the guardian is told at its start, as JSON over its socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rig.errors import UsageError


@dataclass(frozen=True, slots=True)
class RailConfig:
    """One rail: the supply's channel behind it, and the ceilings no set point and no reading may pass."""

    channel: int
    max_voltage_v: float
    max_current_a: float

    def __post_init__(self) -> None:
        if not (0 < self.max_voltage_v < float("inf") and 0 < self.max_current_a < float("inf")):
            raise UsageError(f"channel {self.channel}: ceilings must be above 0, got {self.max_voltage_v} V, "
                             f"{self.max_current_a} A")  # fmt: skip


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """Which supply, which rails, and how long the guardian waits for what."""

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
    sample_s: float = 0.05
    """Samples are not taken faster than this; a slow supply sets its own pace."""
    over_samples: int = 3
    """Samples in a row beyond a ceiling that are a trip."""
    blind_s: float = 5.0
    """With outputs on and no reading for so long the guardian tries to switch them off."""
    off_retry_s: float = 10.0
    """How long switching off is retried, with a new session each time."""
    burn_max_s: float = 600.0
    """How long outputs stay on after the client was lost while firmware was burned."""

    def __post_init__(self) -> None:
        if not self.rails:
            raise UsageError(f"{self.address}: the supply has no rails; name at least one")
        times = ("heartbeat_s", "timeout_s", "sample_s", "blind_s", "off_retry_s", "burn_max_s")
        for name in times:
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{self.address}: {name} must be above 0, got {getattr(self, name)}")
        if self.over_samples < 1:
            raise UsageError(f"{self.address}: over_samples must be at least 1, got {self.over_samples}")

    def differences(self, other: GuardConfig) -> list[str]:
        """What makes `other` another supply or other rails than these, in words; empty: it is the same bench."""
        pairs: list[tuple[str, object, object]] = [
            ("address", self.address, other.address),
            ("model", self.model, other.model),
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
            return cls(rails=rails, **row)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
            raise UsageError(f"the guardian's config cannot be read: {type(e).__name__}: {e}") from e


def _words(value: object) -> str:
    if isinstance(value, RailConfig):
        return f"channel {value.channel} up to {value.max_voltage_v} V and {value.max_current_a} A"
    return "none" if value is None else str(value)
