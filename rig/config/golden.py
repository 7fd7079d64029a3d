"""The file of a golden unit: which unit, by which plan, and between which bounds its numbers lie on its bench."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from rig.config.batch import UnitEntry
from rig.config.yamlfile import Section, read, validate
from rig.errors import ConfigError
from rig.model import AdapterUnit, CardUnit, Unit


class GoldenNumber(Section):
    """A measurement's mean and standard deviation over `n` runs, and the bounds of the next one."""

    mean: float
    sd: Annotated[float, Field(ge=0)]
    n: Annotated[int, Field(ge=2)]
    unit: str = ""
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> GoldenNumber:
        if self.low is None and self.high is None:
            raise ValueError("a golden number needs low, high or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self

    def holds(self, value: float) -> bool:
        """Whether the value lies within the bounds, bounds included."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


class GoldenFile(Section):
    """What `rig golden set` writes; bounds may be changed by hand."""

    bench: str
    virtual: bool
    plan: str
    """Name of a plan in configs/plans, or a path relative to this file."""
    plan_name: str
    """What the plan calls itself: only runs by it are compared."""
    made: datetime.date
    false_alarm: Annotated[float, Field(gt=0, lt=1)]
    """Share of the checks of an unchanged bench in which some number is out of its bounds by chance."""
    unit: UnitEntry
    numbers: Annotated[dict[str, GoldenNumber], Field(min_length=1)]

    def the_unit(self) -> Unit:
        """The unit as the rig has it."""
        adapter, card = self.unit.adapter, self.unit.card
        return Unit(
            AdapterUnit(adapter.design, adapter.serial, adapter.jumpers, tuple(adapter.mods)),
            CardUnit(card.model, card.serial),
        )

    def amiss(self, values: Mapping[str, float]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Sentences of the numbers that are out of their bounds, and names of those that nobody measured."""
        off = tuple(
            f"{name} is {values[name]:.5g} {number.unit}".rstrip()
            + f", wanted {_bounds(number)} (mean {number.mean:.5g} of {number.n} runs)"
            for name, number in self.numbers.items()
            if name in values and not number.holds(values[name])
        )
        return off, tuple(name for name in self.numbers if name not in values)


def _bounds(number: GoldenNumber) -> str:
    if number.low is None:
        return f"{number.high:.5g} at most"
    return f"{number.low:.5g} at least" if number.high is None else f"{number.low:.5g} to {number.high:.5g}"


def load_golden(path: Path, bench: str, *, virtual: bool) -> GoldenFile:
    """The file; ConfigError where it is wrong, or is of another bench, or of hardware where the bench is a twin."""
    file = validate(path, read(path), GoldenFile)
    if file.bench != bench:
        raise ConfigError(path, None, f"these are the numbers of bench {file.bench!r}, this bench is {bench!r}")
    if file.virtual is not virtual:
        kinds = {True: "a virtual bench", False: "a real bench"}
        raise ConfigError(path, None, f"these are the numbers of {kinds[file.virtual]}, this is {kinds[virtual]}")
    return file
