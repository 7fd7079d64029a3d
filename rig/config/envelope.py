"""Learned envelopes: limits of first power per card model, of virtual and real benches apart."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from rig.config.limits import LimitSection
from rig.config.yamlfile import Name, Section, load
from rig.model import Limit


class CardEnvelope(Section):
    """What one card model's inserts looked like."""

    inserts: Annotated[int, Field(ge=1)]
    learned: datetime.date
    limits: dict[str, LimitSection]


class EnvelopeFile(Section):
    """As `rig envelope` writes it."""

    coverage: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    real: dict[Name, CardEnvelope] = {}
    virtual: dict[Name, CardEnvelope] = {}

    def limits(self, model: str, *, virtual: bool) -> Mapping[str, Limit]:
        """The limits of a card; empty: nobody has learned them."""
        card = (self.virtual if virtual else self.real).get(model)
        return {name: section.to_limit() for name, section in card.limits.items()} if card else {}


def load_envelope(path: Path) -> EnvelopeFile:
    """The file; ConfigError with file and line when something in it cannot be."""
    return load(path, EnvelopeFile)
