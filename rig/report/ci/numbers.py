"""One row of the journal as a test report says it: raw numbers for machines, a line for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rig.report.quantity import limit_text, marginal_text, unit_text, value_text
from rig.report.schema import Row
from rig.report.text import one_line

_BOUNDS = ("low", "high", "marginal_low", "marginal_high")


def properties(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """`name` is the value in SI units (empty: not obtained); `name@unit`, `@low`, `@verdict` ... are what there is."""
    taken: dict[str, int] = {}
    for row in rows:
        taken[row.name] = taken.get(row.name, 0) + 1
        # the same name twice is two measurements, in the order they were judged
        name = row.name if taken[row.name] == 1 else f"{row.name}#{taken[row.name]}"
        yield name, raw(row.value)
        yield from ((f"{name}@{key}", text) for key, text in _facts(row) if text)


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    yield "step", row.step
    yield "unit", row.unit
    for key in _BOUNDS:
        yield key, raw(getattr(row, key))
    yield "one_of", ", ".join(row.one_of)
    yield "verdict", str(row.verdict or "")
    yield "error", raw(row.error)
    yield "at_least", "true" if row.at_least else ""
    yield "why", row.why if limit_text(row) else ""
    yield "note", row.note


def raw(value: object) -> str:
    """A value as a machine reads it back: all digits of a number, no thousands marks; nothing for None."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def line(row: Row) -> str:
    """`FAIL      pcie.link.width 4, limit ≥ 8`."""
    return one_line(f"{row.verdict or 'recorded'!s}").ljust(9) + f" {row.name} {_said(row)}"


def sentence(row: Row) -> str:
    """`pcie.link.width 4, limit ≥ 8: all lanes of the card`; the reason alone where it stands for a whole step."""
    if row.value is None and row.name == f"{row.step}.completed":
        return one_line(row.why)
    return one_line(f"{row.name} {_said(row)}: {row.why}" + (f" ({row.note})" if row.note else ""))


def _said(row: Row) -> str:
    value = f"{value_text(row)} {unit_text(row)}".strip()
    limit, marginal = limit_text(row), marginal_text(row)
    return one_line(
        value + (f", limit {limit}" if limit else "") + (f", marginal {marginal}" if marginal else "")
    )  # fmt: skip
