"""The front end that belongs to a model of supply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rig.twin.supply.dp800 import Dp800
from rig.twin.supply.gpp import Gpp
from rig.twin.supply.hmp import Hmp, Nge
from rig.twin.supply.instrument import Instrument
from rig.twin.supply.keysight import E3631A, E36300, N5700
from rig.twin.supply.korad import Korad
from rig.twin.supply.owon import Owon
from rig.twin.supply.scpi import Dialect
from rig.twin.supply.spd3303x import Spd3303x
from rig.twin.supply.tti import Tti

Clock = Callable[[], float]
_PLAIN: Mapping[str, Callable[[Instrument, str], Dialect]] = MappingProxyType({
    "dp800": Dp800, "e36300": E36300, "e3631a": E3631A, "n5700": N5700, "nge": Nge, "owon": Owon, "gpp": Gpp,
    "tti": Tti,
})  # fmt: skip
_TIMED: Mapping[str, Callable[[Instrument, str, Clock], Dialect]] = MappingProxyType({
    "siglent": Spd3303x, "korad": Korad,
})  # fmt: skip
SERIAL: Mapping[str, str] = MappingProxyType({
    "dp800": "DP8C{:09d}", "siglent": "SPD3XIDX{:06d}", "e36300": "MY{:08d}", "n5700": "US{:08d}", "hmp": "{:09d}",
    "nge": "{:06d}", "korad": "{:08d}", "owon": "{:08d}", "gpp": "GEW{:06d}", "tti": "{:06d}", "e3631a": "{:d}",
})  # fmt: skip
"""How each maker writes a serial number."""


def front_end(instrument: Instrument, seed: int, clock: Clock, *, old: bool = False) -> Dialect:
    """What answers on the plug of this instrument; `old`: an HMP from before HAMEG was renamed."""
    kind = instrument.model.dialect
    serial = SERIAL[kind].format(200_000_000 + seed if kind == "dp800" else seed % 1_000_000)
    if kind == "hmp":
        return Hmp(instrument, serial, old=old)
    if kind in _TIMED:
        return _TIMED[kind](instrument, serial, clock)
    return _PLAIN[kind](instrument, serial)
