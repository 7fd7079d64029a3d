"""What the firmware step collects on its way: rows for the judge, raw texts, and the facts of identity.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from rig.model import Findings, Measurement, Scalar


@dataclass(slots=True)
class Log:
    """Grows state by state; `findings` closes it."""

    measurements: list[Measurement] = field(default_factory=list)
    evidence: dict[str, str] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)

    def row(self, name: str, value: Scalar | None, unit: str = "", note: str = "", evidence: str = "") -> None:
        """Add a measurement; a later one of the same name takes the place of an earlier."""
        self.measurements = [m for m in self.measurements if m.name != name]
        self.measurements.append(Measurement(name, value, unit, note, evidence))

    def findings(self) -> Findings:
        """All of it, the facts as `firmware/identity.json`."""
        self.evidence["firmware/identity.json"] = json.dumps(self.facts, indent=1)
        return Findings(tuple(self.measurements), self.evidence)
