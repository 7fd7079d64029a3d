"""Which channel of which supply for which rail, from the table of supplies: what the person then wires."""

from collections.abc import Mapping
from dataclasses import dataclass

from rig.guard.dialects import SUPPLIES, Channel


@dataclass(frozen=True, slots=True)
class Rail:
    """A rail on a channel: ceilings, and the set point (the test leads have none)."""

    name: str
    instrument: str
    channel: int
    max_voltage_v: float
    max_current_a: float
    voltage_v: float
    limit_a: float


@dataclass(frozen=True, slots=True)
class _Need:
    ceiling_v: float
    ceiling_a: float
    voltage_v: float
    limit_a: float
    least_a: float


_NEEDS = {
    "3v3": _Need(3.5, 3.0, 3.3, 1.0, 1.0),
    "12v": _Need(12.6, 2.5, 12.0, 2.1, 1.5),
    "probe": _Need(12.6, 0.1, 12.0, 0.1, 0.1),
}
"""In the order in which channels are given away: 3.3 V has the fewest that suit no other rail."""
_Free = dict[tuple[str, int], Channel]


def rails(rows: Mapping[str, str]) -> dict[str, Rail]:
    """Rail name to its channel, of instruments (`main`, `second`) that are these rows of the table.

    A rail nothing can feed is left out; without a channel to spare the test leads share that of 12 V.
    """
    free: _Free = {(instrument, n): c for instrument, row in rows.items() for n, c in _usable(row).items()}
    found: dict[str, Rail] = {}
    for name, need in _NEEDS.items():
        able = {key: c for key, c in free.items() if _gives(c, need)}
        if able:
            key = _chosen(name, able)
            found[name] = _rail(name, key, free.pop(key))
    if "probe" not in found and (main := found.get("12v")) is not None:
        need = _NEEDS["probe"]
        found["probe"] = Rail("probe", main.instrument, main.channel, need.ceiling_v, need.ceiling_a, 0.0, 0.0)
    return {name: found[name] for name in ("12v", "3v3", "probe") if name in found}


def _usable(row: str) -> Mapping[int, Channel]:
    model = SUPPLIES[row]
    # one switch for all: only one channel can be guarded
    return dict(list(model.channels.items())[:1]) if model.one_switch else model.channels


def _gives(channel: Channel, need: _Need) -> bool:
    return channel.max_voltage_v >= need.ceiling_v and channel.max_current_a >= need.least_a


def _chosen(name: str, able: _Free) -> tuple[str, int]:
    """For 3.3 V the lowest range there is, and of equal ones the last; for the others the first."""
    if name == "3v3":
        return min(able, key=lambda key: (able[key].max_voltage_v, key[0] == "main", -key[1]))
    return min(able)


def _rail(name: str, key: tuple[str, int], channel: Channel) -> Rail:
    need = _NEEDS[name]
    ceiling_a = min(need.ceiling_a, channel.max_current_a)
    return Rail(name, *key, need.ceiling_v, ceiling_a, need.voltage_v, min(need.limit_a, ceiling_a))
