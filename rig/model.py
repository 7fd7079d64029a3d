"""The nouns of the rig: frozen, no behaviour beyond their own arithmetic, no IO.

Units live in names, SI base units: `voltage_v`, `current_a`, `rate_bps`, `settle_s`.
`None` = due but not obtained, or a fact nobody has sourced; absent = not run; NaN is never written.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Scalar = float | int | str | bool


class Verdict(enum.StrEnum):
    """What a judgement, a step or a unit came to."""

    PASS = "PASS"
    MARGINAL = "MARGINAL"
    FAIL = "FAIL"
    ERROR = "ERROR"
    """The bench failed, the unit was not judged."""
    NOT_RUN = "NOT_RUN"


class Step(enum.StrEnum):
    """The way of one unit, in its only order."""

    SHORT_CHECK = "short_check"
    FIRST_POWER = "first_power"
    ENUMERATION = "enumeration"
    FIRMWARE = "firmware"
    LINK = "link"
    THROUGHPUT = "throughput"
    POWER_PROFILE = "power_profile"
    SOAK = "soak"
    """Only where a plan names it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A closed interval, or a set of allowed texts, and why it is there.

    The marginal bounds lie inside the others: between a bound and its marginal bound the verdict is MARGINAL.
    """

    why: str
    low: float | None = None
    high: float | None = None
    marginal_low: float | None = None
    marginal_high: float | None = None
    one_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.why.strip():
            raise ValueError("a limit needs a 'why'")
        if self.one_of and not (self.low is None and self.high is None):
            raise ValueError("a limit is an interval or 'one_of', not both")
        if not self.one_of and self.low is None and self.high is None:
            raise ValueError("a limit needs low, high or one_of")
        inside = [b for b in (self.low, self.marginal_low, self.marginal_high, self.high) if b is not None]
        if inside != sorted(inside):
            raise ValueError(
                f"bounds are out of order: low {self.low}, marginal_low {self.marginal_low}, "
                f"marginal_high {self.marginal_high}, high {self.high}"
            )


Expected = Limit | str
"""A limit, or the sentence that says why there is none."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value with its unit; `value` None means it was due but could not be obtained, `note` says why."""

    name: str
    """Dotted and stable for years: `pcie.link.width`, `rail.12v.current_a`."""
    value: Scalar | None
    unit: str
    """`V`, `A`, `W`, `J`, `s`, `Ohm`, `bit/s`, `GT/s`, `1` (a count or ratio), `` (text)."""
    note: str = ""
    evidence: str = ""
    """Path of the raw text below the run's folder."""
    error: float | None = None
    """Bound of the instrument's own error, in `unit`; None: not known, or nothing an instrument read."""
    at_least: bool = False
    """The value is all that the instrument can tell: the truth is this or more."""

    def said(self, digits: int) -> str:
        """Value and unit for a person, a float to so many digits; a count has no unit."""
        if self.value is None:
            return "not measured"
        value = f"{self.value:.{digits}g}" if isinstance(self.value, float) else str(self.value)
        return value if self.unit in ("", "1") else f"{value} {self.unit}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A measurement and what came of it; `verdict` None: recorded, not judged, `why` says what is missing."""

    measurement: Measurement
    verdict: Verdict | None
    why: str
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """An explanation of a failure, for the person with the iron."""

    title: str
    """Short and stable: `needs mod`, `bridge A1-A2`, `joint open, lane 4-7`."""
    pins: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    action: str = ""
    probability: float | None = None
    shares: tuple[float, ...] = ()
    """Each of `pins` has its part of `probability`, in their order; a bridge has half of its own at either end."""

    def __str__(self) -> str:
        where = f" ({' '.join(self.pins)})" if self.pins else ""
        return f"{self.title}{where}" + (f": {self.action}" if self.action else "")


@dataclass(frozen=True, slots=True)
class Findings:
    """What one step measured, and the raw text it was read from (`evidence`: file name to text)."""

    measurements: tuple[Measurement, ...]
    evidence: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


# --- the unit -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pin:
    """One pin of the FlexibleLOM connector: row A is soldered on bottom copper, row B on top copper."""

    name: str
    net: str
    """Board net; a pin with no copper beyond its pad has a net of its own, `local:A4`."""
    function: str
    """What the card expects there: `+12V`, `GND`, `PERST#`, `PETp4`, `3V3AUX`, `PWROK`, `SDP0` ...; `` unknown."""
    lane: int | None = None
    leg: str | None = None
    """`p` or `n`."""
    direction: str | None = None
    """`host_to_card` or `card_to_host`."""
    confidence: str = ""

    @property
    def side(self) -> str:
        return "bottom" if self.name.startswith("A") else "top"


@dataclass(frozen=True, slots=True)
class Finger:
    """One finger of the PCIe edge."""

    name: str
    net: str
    function: str


@dataclass(frozen=True, slots=True)
class Jumper:
    """Solder jumper or optional resistor: which of its pads are joined, by default and as set."""

    ref: str
    pads: Mapping[str, str]
    """Pad number to net."""
    default: tuple[tuple[str, str], ...]
    """Pairs of pads joined as delivered."""
    effect: str = ""
    ohm: float = 0.0


@dataclass(frozen=True, slots=True)
class Mod:
    """A published modification that makes some cards work on a design that would not carry them."""

    name: str
    text: str
    joins: tuple[tuple[str, str], ...] = ()
    """Pairs of nets or pins joined by wire."""
    jumpers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    source: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One layout as a netlist."""

    design: str
    source: str
    lanes: int
    pins: Mapping[str, Pin]
    edge: Mapping[str, Finger]
    jumpers: Mapping[str, Jumper]
    mods: Mapping[str, Mod]
    limits: Mapping[str, Limit]


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody saw with one card on one design."""

    design: str
    result: str
    """`ok`, `fail` or `needs_mod`."""
    note: str
    source: str


@dataclass(frozen=True, slots=True)
class Card:
    """One card model; every fact nobody has sourced is None."""

    model: str
    title: str
    aliases: tuple[str, ...]
    controller: str
    family: str
    """Firmware family: `connectx3`, `connectx3pro`, `intel-82599`, `intel-x540`, `broadcom-57810s`, `other` ..."""
    pci_id: str | None
    """`15b3:1003`, lower case."""
    recovery_id: str | None
    other_ids: Mapping[str, str]
    """PCI id to what it means: `8086:10d8` -> `EEPROM blank or unprogrammed`."""
    subsystem_id: str | None
    gen: int | None
    lanes: int | None
    ports: int | None
    port_type: str | None
    speeds_bps: tuple[int, ...]
    """Ethernet rates a port can link at, ascending; empty: unknown, or no Ethernet."""
    drivers: tuple[str, ...]
    typ_w: float | None
    max_w: float | None
    power_source: str
    needs: Mapping[str, str]
    """Pin to what the card needs there beyond power and lanes: `A10: high`, `A14: PERST#`, `A1: PERST#|high`."""
    reports: tuple[Report, ...]
    quirks: str
    sources: str
    confidence: str
    pcie_card: bool
    """False: a media module without a PCIe function; no adapter can make it work."""
    limits: Mapping[str, Limit]


@dataclass(frozen=True, slots=True)
class AdapterUnit:
    """One soldered board: design, serial, and what its owner changed on it."""

    design: str
    serial: str
    jumpers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    mods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CardUnit:
    model: str
    serial: str


@dataclass(frozen=True, slots=True)
class Unit:
    """One adapter with one card in it."""

    adapter: AdapterUnit
    card: CardUnit

    def __str__(self) -> str:
        return f"{self.adapter.serial} ({self.adapter.design}) + {self.card.serial} ({self.card.model})"


@dataclass(frozen=True, slots=True)
class Slot:
    """The host's slot: PCIe generation and wired lanes."""

    gen: int
    lanes: int


GENERATION_GTPS: Mapping[int, float] = MappingProxyType({1: 2.5, 2: 5.0, 3: 8.0, 4: 16.0})
"""Ref: PCI Express Base Specification 4.0, Link Capabilities register, Max Link Speed."""


# --- what a bench shows ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Error bound of a reading: percent of it plus an offset, in the unit of the reading."""

    percent: float
    offset: float

    def bound(self, value: float) -> float:
        return abs(value) * self.percent / 100 + self.offset


@dataclass(frozen=True, slots=True)
class RailAccuracy:
    """How well a rail is read back; None: nobody has sourced it."""

    voltage: Accuracy | None
    current: Accuracy | None

    def __str__(self) -> str:
        parts = [(self.voltage, "V"), (self.current, "A")]
        return ", ".join(f"{a.percent:g} % + {a.offset:g} {u}" if a else f"{u}: not sourced" for a, u in parts)


@dataclass(frozen=True, slots=True)
class Reading:
    """One channel at one instant; `time_s` is the wall clock at the middle of the query."""

    time_s: float
    voltage_v: float
    current_a: float
    limiting: bool | None = None
    """True: the channel is in current limit (CC); None: the supply cannot say."""
    error_v: float | None = None
    error_a: float | None = None
    """Bounds of the instrument's own error; None: its accuracy is not sourced."""
    power_w: float | None = None
    """True power, where the instrument measures that itself (a wall meter does)."""
    error_w: float | None = None
    """Bound of the error of `power_w`."""

    @property
    def watts(self) -> float:
        """Power of the channel."""
        return self.voltage_v * self.current_a if self.power_w is None else self.power_w

    @property
    def watts_error(self) -> float | None:
        """Bound of the instrument's own error of `watts`; None: not known."""
        if self.power_w is not None:
            return self.error_w
        if self.error_v is None or self.error_a is None:
            return None
        return abs(self.current_a) * self.error_v + abs(self.voltage_v) * self.error_a + self.error_v * self.error_a


@dataclass(frozen=True, slots=True)
class Sample:
    """All rails at one instant, as the background sampler took them."""

    time_s: float
    rails: Mapping[str, Reading]
    gap_s: float = 0.0
    """Time before it that nobody measured: the session to the instrument was lost and opened anew."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an instrument says it is."""

    maker: str
    model: str
    serial: str
    firmware: str
    raw: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command on the test host printed (stdout and stderr as on a console) and its exit code."""

    command: str
    text: str
    code: int
