"""Bench supplies as data: a new model is a row in its maker's module, a new maker is a Dialect and its rows."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rig.errors import UsageError
from rig.guard.dialects import gwinstek, keysight, korad, owon, rigol, rohde, siglent, tti
from rig.guard.dialects.model import Channel, Dialect, SerialLine, SupplyModel, Wire

__all__ = ["SUPPLIES", "Channel", "Dialect", "SerialLine", "SupplyModel", "Wire", "find", "one_switch", "shortfall"]

_MAKERS = (rigol, siglent, keysight, rohde, korad, owon, gwinstek, tti)

SUPPLIES: Mapping[str, SupplyModel] = MappingProxyType({row.name: row for maker in _MAKERS for row in maker.ROWS})


def find(name: str) -> SupplyModel:
    """The row called `name`; UsageError lists the rows there are."""
    try:
        return SUPPLIES[name]
    except KeyError:
        near = difflib.get_close_matches(name, SUPPLIES, n=1)
        guess = f", did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"no supply called {name!r} is known{guess} (known: {', '.join(sorted(SUPPLIES))}); "
            "name the one that speaks alike as the supply's `dialect`"
        ) from None


def shortfall(model: SupplyModel, number: int, voltage_v: float, limit_a: float) -> str | None:
    """Why a channel of the model cannot give so much, and who can; None: it can."""
    channel = model.channels[number]
    if _gives(channel, voltage_v, limit_a):
        return None
    asked = f"asked for {voltage_v:g} V and {limit_a:g} A"
    have = f"channel {number} gives 0 to {channel.max_voltage_v:g} V and up to {channel.max_current_a:g} A"
    return f"{model.name} {have}, {asked}{_instead(model, voltage_v, limit_a)}"


def one_switch(model: SupplyModel, channels: Sequence[int]) -> str | None:
    """Why these channels of the model cannot be guarded together; None: they can."""
    if not model.one_switch or len(channels) < 2:
        return None
    several = " and ".join(str(n) for n in channels)
    return f"{model.name} has one switch for all channels, so {several} cannot be guarded apart: wire one of them only"


def _gives(channel: Channel, voltage_v: float, limit_a: float) -> bool:
    # written so that NaN is refused too
    return 0 <= voltage_v <= channel.max_voltage_v and 0 < limit_a <= channel.max_current_a


def _instead(model: SupplyModel, voltage_v: float, limit_a: float) -> str:
    others = [str(n) for n, channel in model.channels.items() if _gives(channel, voltage_v, limit_a)]
    if others:
        return f"; channel {' or '.join(others)} can"
    able = [m.name for m in SUPPLIES.values() if any(_gives(c, voltage_v, limit_a) for c in m.channels.values())]
    return f"; another supply can, such as {', '.join(able[:3])}" if able else ""
