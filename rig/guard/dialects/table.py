"""The table of supplies for people: `python -m rig.guard.dialects.table` prints what docs/supplies.md shows."""

from __future__ import annotations

import sys

from rig.guard.dialects import SUPPLIES
from rig.guard.dialects.model import Channel, Dialect, SupplyModel, Trip

_VOLTS, _WATTS = 12.0, 10.0
_SLOT_12V, _SLOT_3V3 = (12.0, 2.1), (3.3, 1.0)
_HEAD = "| supply | 12 V at 2.1 A | both rails | error at 12 V, 10 W | own OVP, OCP | tells current limit | note |"


def markdown() -> str:
    """One line a model."""
    return "\n".join([_HEAD, "|---|---|---|---|---|---|---|", *(_line(row) for row in SUPPLIES.values())])


def watts_error(channel: Channel) -> float | None:
    """Bound of the supply's own error at 12 V and 10 W, in watts; None: its accuracy is not sourced."""
    if channel.accuracy_v is None or channel.accuracy_a is None:
        return None
    amperes = _WATTS / _VOLTS
    error_v, error_a = channel.accuracy_v.bound(_VOLTS), channel.accuracy_a.bound(amperes)
    return amperes * error_v + _VOLTS * error_a + error_v * error_a


def _line(row: SupplyModel) -> str:
    wide = [n for n, channel in row.channels.items() if _gives(channel, *_SLOT_12V)]
    at = ", ".join(f"CH{n}" for n in wide) if wide else "no"
    cells = (
        f"{row.maker} {row.name}",
        at,
        _both(row, wide),
        _error(row),
        _own(row.dialect),
        "yes" if row.dialect.tells_regulation else "deduced",
        row.note,
    )
    return f"| {' | '.join(cells)} |"


def _gives(channel: Channel, voltage_v: float, limit_a: float) -> bool:
    return channel.max_voltage_v >= voltage_v and channel.max_current_a >= limit_a


def _both(row: SupplyModel, wide: list[int]) -> str:
    pairs = [(a, b) for a in wide for b, channel in row.channels.items() if a != b and _gives(channel, *_SLOT_3V3)]
    return "yes" if pairs and not row.one_switch else "no"


def _error(row: SupplyModel) -> str:
    fit = [channel for channel in row.channels.values() if channel.max_voltage_v >= _VOLTS]
    errors = [error for channel in fit if (error := watts_error(channel)) is not None]
    if not fit:
        return "no 12 V"
    return f"{max(errors):.2f} W" if len(errors) == len(fit) else "not sourced"


def _own(say: Dialect) -> str:
    names = [name for name, by in (("OVP", say.protection.ovp), ("OCP", say.protection.ocp)) if isinstance(by, Trip)]
    return ", ".join(names) or "neither"


if __name__ == "__main__":
    sys.stdout.write(markdown() + "\n")
