"""The words of the specification: kinds of artifacts, and what of the rig's they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rig.model import Verdict
from rig.report.schema import Row

Artifact = Mapping[str, Any]
Stamped = tuple[float, Artifact]
"""When, and what: `testRunArtifact` or `testStepArtifact`."""

SCHEMA_VERSION = {"major": 2, "minor": 0}
COMPLETE, ERROR, SKIP = "COMPLETE", "ERROR", "SKIP"
ADAPTER, CARD, FIRMWARE, RIG = "adapter", "card", "firmware", "rig"
"""Ids of the device's parts in `dutInfo`."""
DIAGNOSIS = {
    Verdict.PASS: "PASS",
    Verdict.MARGINAL: "PASS",
    Verdict.FAIL: "FAIL",
    Verdict.NOT_RUN: "UNKNOWN",
    Verdict.ERROR: "UNKNOWN",
}
"""The specification has no MARGINAL: it passes, and its verdict says `marginal`."""


def timestamp(time_s: float) -> str:
    """Wall clock seconds as the specification has them: ISO 8601 in UTC with `Z`."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def filled(**fields: object) -> dict[str, Any]:
    """Without what is not known: an absent field is the specification's unknown, null is not allowed."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def of_run(time_s: float, kind: str, content: Artifact) -> Stamped:
    return time_s, {"testRunArtifact": {kind: content}}


def of_step(time_s: float, step: str, kind: str, content: Artifact) -> Stamped:
    return time_s, {"testStepArtifact": {"testStepId": step, kind: content}}


def measurement(row: Row, *, virtual: bool) -> dict[str, Any]:
    """A row that has a value, its limit as validators; marginal bounds, reason and errors are metadata."""
    more = filled(
        verdict=row.verdict and row.verdict.value, why=row.why, note=row.note, evidence=row.evidence,
        error=row.error, marginalLow=row.marginal_low, marginalHigh=row.marginal_high,
    )  # fmt: skip
    flags = ({"atLeast": True} if row.at_least else {}) | ({"virtual": True} if virtual else {})
    found = {"name": row.name, "value": row.value}
    return found | filled(
        unit=row.unit, validators=list(_validators(row)), hardwareInfoId=part_of(row), metadata=more | flags
    )


def part_of(row: Row) -> str | None:
    """The part that a row is about, where it is about one alone."""
    return {"short": ADAPTER, "firmware": CARD}.get(row.name.partition(".")[0])


def _validators(row: Row) -> Iterator[dict[str, Any]]:
    if row.one_of:
        yield from _one_of(row)
        return
    # whoever reads them compares numbers: a limit on a flag is said of the flag
    if isinstance(row.value, bool) and (row.low or row.high == 0):
        yield {"type": "EQUAL", "value": bool(row.low)}
        return
    for kind, bound in (("GREATER_THAN_OR_EQUAL", row.low), ("LESS_THAN_OR_EQUAL", row.high)):
        if bound is not None:
            yield {"type": kind, "value": bound}


def _one_of(row: Row) -> Iterator[dict[str, Any]]:
    """The schema's IN_SET takes no list (json_spec/output/validator.json), so a set is an expression."""
    if len(row.one_of) == 1 and isinstance(row.value, str):
        yield {"type": "EQUAL", "value": row.one_of[0]}
    else:
        yield {"type": "REGEX_MATCH", "value": f"^(?:{'|'.join(re.escape(text) for text in row.one_of)})$"}
