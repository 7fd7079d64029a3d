"""Which rail of the bench each channel of its supplies is wired to.

What is wired says what the bench is: a channel at `12v` or `3v3` means a riser whose slot power is cut; without
one the slot feeds the card. A channel at `host` means a test host without a mains supply of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rig.config.twin import TwinFile, TwinPsu
from rig.errors import UsageError
from rig.twin.supply.models import MODELS, usual

MAIN, SECOND = "main", "second"
"""The bench's supplies, as the rig's bench files name them too."""
Jack = tuple[str, int]
"""Instrument (`main`, `second`) and channel from 1."""
Wiring = Mapping[Jack, tuple[str, ...]]

USUAL_SECOND: Mapping[int, tuple[str, ...]] = MappingProxyType({1: ("3v3",)})


def wiring(twin: TwinFile) -> Wiring:
    """Every wired channel's rails; UsageError for a rail with two channels, or a channel that the supply has not."""
    second = _of(twin.psu2, USUAL_SECOND) if twin.psu2 else {}
    taken = {rail for rails in second.values() for rail in rails}
    main = _of(twin.psu, {c: _without(r, taken) for c, r in usual(MODELS[twin.psu.model]).items()})
    found = {(MAIN, c): r for c, r in main.items() if r} | {(SECOND, c): r for c, r in second.items() if r}
    _one_each(found)
    return found


def slot_feeds(wired: Wiring) -> bool:
    """Nothing feeds the card from outside: the slot's power is not cut."""
    return not any(rail in ("12v", "3v3") for rails in wired.values() for rail in rails)


def host_fed(wired: Wiring) -> bool:
    """The test host runs from a channel in place of its mains supply."""
    return any("host" in rails for rails in wired.values())


def _of(psu: TwinPsu, usually: Mapping[int, tuple[str, ...]]) -> Mapping[int, tuple[str, ...]]:
    if psu.wiring is None:
        return usually
    for channel in psu.wiring:
        if channel not in (has := MODELS[psu.model].channels):
            raise UsageError(f"a {psu.model} has no channel {channel}; it has {', '.join(map(str, has))}")
    return {channel: tuple(rails) for channel, rails in psu.wiring.items()}


def _without(rails: tuple[str, ...], taken: set[str]) -> tuple[str, ...]:
    return tuple(r for r in rails if r not in taken)


def _one_each(wired: Wiring) -> None:
    at: dict[str, Jack] = {}
    for jack, rails in wired.items():
        for rail in rails:
            if rail in at:
                first, then = at[rail], jack
                raise UsageError(
                    f"rail {rail!r} is wired to channel {first[1]} of the {first[0]} supply and to channel {then[1]} "
                    f"of the {then[0]} one; a rail has one channel"
                )
            at[rail] = jack
