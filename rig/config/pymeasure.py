"""How a PyMeasure class is used as a bench supply: its class, its properties, and what its channels can do."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from rig.config.yamlfile import Section

Attribute = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$")]
Positive = Annotated[float, Field(gt=0)]


class Bound(Section):
    """Error bound of a reading: percent of it, and an offset in its unit."""

    percent: Annotated[float, Field(ge=0)]
    offset: Annotated[float, Field(ge=0)]


class PyMeasureChannel(Section):
    """What one channel can be set to, in which steps, and how well it reads back (absent: not known)."""

    max_voltage_v: Positive
    max_current_a: Positive
    step_v: Positive = 0.01
    step_a: Positive = 0.01
    accuracy_v: Bound | None = None
    accuracy_a: Bound | None = None


class PyMeasureMapping(Section):
    """The `mapping:` of an instrument whose dialect is `pymeasure`."""

    cls: Annotated[str, Field(alias="class", pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$")]
    """`pymeasure.instruments.keysight.KeysightE36312A`."""
    channels: Annotated[dict[int, PyMeasureChannel], Field(min_length=1)]
    channel: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_.]*(\{n\})?[A-Za-z0-9_.]*)?$")] = "ch_{n}"
    """Attribute of the instrument that is channel `{n}`; empty: the instrument itself."""
    voltage_setpoint: Attribute = "voltage_setpoint"
    current_limit: Attribute = "current_limit"
    voltage: Attribute = "voltage"
    current: Attribute = "current"
    output: Attribute = "output_enabled"
    """Property that is set and read as true or false."""
    identity: Attribute = "id"
    arguments: dict[str, Any] = Field(default_factory=dict)
    """More arguments of the class and of VISA: `read_termination`."""
