"""What the files of a journal may say; unknown keys are ignored, for the writer may be newer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from rig.model import Verdict

Seconds = Annotated[float, Field(ge=0, lt=7_258_118_400)]
"""Wall clock up to the year 2200: beyond it pandas has no nanoseconds, and no bench has runs."""


class Part(BaseModel):
    """A JSON object of the journal."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class AdapterPart(Part):
    design: str
    serial: str
    jumpers: dict[str, object] = {}
    mods: tuple[object, ...] = ()


class CardPart(Part):
    model: str
    serial: str
    title: str | None = None
    typ_w: float | None = None
    max_w: float | None = None
    power_source: str | None = None


class UnitPart(Part):
    adapter: AdapterPart
    card: CardPart


class BatchStart(Part):
    """`batch.json`."""

    schema_version: Literal[1] = Field(alias="schema")
    batch: str
    batch_id: str = ""
    plan: str = ""
    bench: str = ""
    virtual: bool
    started_s: Seconds | None = None
    units: tuple[UnitPart, ...] = ()
    compare: dict[str, object] = {}
    """What a comparison stated before its first insert: `a`, `b`, `margin_w`, `inserts`, `stops_early`."""
    hashes: dict[str, str] = {}
    """SHA-256 of every file it was made from, by path."""
    benches: tuple[str, ...] = ()
    """Benches that worked it in parallel; empty: the one bench."""


class BatchStop(Part):
    """`batch_stop.json`."""

    ended_s: Seconds | None = None
    status: str
    error: str | None = None
    taken_out: dict[str, str] = {}
    """Benches that broke while others went on, and why."""


class Start(UnitPart):
    """`run.json`."""

    schema_version: Literal[1] = Field(alias="schema")
    run: str
    batch: str = ""
    batch_id: str = ""
    bench: str = ""
    virtual: bool
    plan: str = ""
    started_s: Seconds
    attempt: int = Field(1, ge=1, le=1_000_000)
    versions: dict[str, object] = {}
    host_versions: dict[str, object] = {}
    instruments: dict[str, dict[str, object]] = {}
    steps: tuple[str, ...] = ()
    """Steps that were asked for; empty: all of the plan."""


class CausePart(Part):
    title: str
    pins: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    action: str = ""
    probability: float | None = None
    shares: tuple[float, ...] = ()


class Stop(Part):
    """`stop.json`."""

    ended_s: Seconds | None = None
    status: str
    verdict: Verdict
    failed: tuple[str, ...] = ()
    causes: tuple[CausePart, ...] = ()
    error: str | None = None


class Row(Part):
    """A line of `judged.jsonl`; `verdict` must be there, and null means recorded but not judged."""

    step: str
    attempt: int = Field(1, ge=1, le=1_000_000)
    name: str
    value: bool | int | float | str | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    marginal_low: float | None = None
    marginal_high: float | None = None
    one_of: tuple[str, ...] = ()
    verdict: Verdict | None
    why: str = ""
    note: str = ""
    time_s: Seconds | None = None
    evidence: str = ""
    error: float | None = None
    at_least: bool = False

    @property
    def number(self) -> float | None:
        """The value as a number (true is 1), None where it is a text or was not obtained."""
        if self.value is None or isinstance(self.value, str):
            return None
        try:
            return float(self.value)
        except OverflowError:
            return None

    @property
    def text(self) -> str | None:
        """The value as text where a number does not say it all: texts, and `true` or `false`."""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return None if self.value is None or self.number is not None else str(self.value)


class Event(Part):
    """A line of `events.jsonl`."""

    event: str
    time_s: Seconds
    step: str = ""
    name: str = ""
    verdict: Verdict | None = None
    text: str = ""
    state: str = ""


class RailReading(Part):
    voltage_v: float
    current_a: float
    limiting: bool | None = None
    error_v: float | None = None
    error_a: float | None = None
    power_w: float | None = None
    error_w: float | None = None


class PowerLine(Part):
    """A line of `power.jsonl`."""

    time_s: Seconds
    rails: dict[str, RailReading]
    gap_s: float = 0.0
