"""Numbers with units as a person reads them; never so short that a value outside a limit looks inside."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from rig.report.schema import Row

_PREFIXED = frozenset({"bit/s", "V", "A", "W", "J", "s", "Ohm", "C", "F", "Hz"})
_SHORT, _LONG = 4, 9


def value_text(row: Row) -> str:
    """The value without its unit, with the bound of the instrument's own error; or that it was not obtained."""
    if row.number is None:
        return row.text if row.text is not None else "not obtained"
    divisor, _ = scale(row)
    short = digits(row.number / divisor)
    alike = any(b is not None and b != row.number and digits(b / divisor) == short for b in _bounds(row))
    value = row.text or (digits(row.number / divisor, _LONG) if alike else short)
    error = f" ± {digits(row.error / divisor, 2)}" if row.error else ""
    return f"{'≥ ' if row.at_least else ''}{value}{error}"


def unit_text(row: Row) -> str:
    """The unit with its prefix; nothing for texts, counts and ratios."""
    return "" if row.unit == "1" else scale(row)[1].replace("Ohm", "Ω")


def limit_text(row: Row) -> str:
    """The limit in the value's own prefix: `7.4 … 13`, `≥ 8`, `one of: x4, x8`; or nothing."""
    if row.one_of:
        return f"one of: {', '.join(row.one_of)}"
    return _interval(row, row.low, row.high)


def marginal_text(row: Row) -> str:
    """Where inside the limit the verdict is MARGINAL: `below 7.8 or above 12.5`, or nothing."""
    divisor, _ = scale(row)
    edges = (("below", row.marginal_low), ("above", row.marginal_high))
    return " or ".join(f"{word} {digits(edge / divisor)}" for word, edge in edges if edge is not None)


def scale(row: Row) -> tuple[float, str]:
    """Divisor and unit for a row: one prefix for the value and its limits, chosen by the largest of them."""
    largest = max((abs(x) for x in (row.number, *_bounds(row)) if x is not None), default=0.0)
    if row.unit not in _PREFIXED or largest == 0:
        return 1.0, row.unit
    for divisor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if largest >= divisor * (1 if row.unit == "bit/s" else 10):
            return divisor, prefix + row.unit
    if largest >= 0.1:
        return 1.0, row.unit
    return (1e-3, "m" + row.unit) if largest >= 1e-4 else (1e-6, "µ" + row.unit)


def digits(value: float, significant: int = _SHORT) -> str:
    """Whole numbers in full, others to `significant` digits, without idle zeros."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{significant - 1}e}"
    if value == int(value):
        return f"{int(value):,}".replace(",", "\u202f")
    decimals = max(0, significant - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration_text(seconds: float | None) -> str:
    """`48 s`, `3 min 20 s`, `1 h 02 min`, or `unknown`."""
    if seconds is None:
        return "unknown"
    if seconds < 60:
        return f"{digits(seconds, 2)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def time_text(time_s: float | None) -> str:
    """Wall clock seconds as `2026-11-23 10:15 UTC`, or `unknown`."""
    return "unknown" if time_s is None else f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M} UTC"


def _bounds(row: Row) -> tuple[float | None, ...]:
    return (row.low, row.high, row.marginal_low, row.marginal_high)


def _interval(row: Row, low: float | None, high: float | None) -> str:
    divisor, _ = scale(row)
    if low is not None and high is not None:
        same = low == high
        return f"= {digits(low / divisor)}" if same else f"{digits(low / divisor)} … {digits(high / divisor)}"
    if low is not None:
        return f"≥ {digits(low / divisor)}"
    return "" if high is None else f"≤ {digits(high / divisor)}"
