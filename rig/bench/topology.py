"""What a bench's instruments see: the card's rails, the whole host on DC, or the host's mains.

Ref: domain notes on power, section 2, topologies A (`riser`), B (`host`) and C (`meter`).
"""

from collections.abc import Mapping

from labgrid import Target

SLOT_RAILS = ("12v", "3v3")
HOST, METER, PROBE = "host", "wall", "probe"
COUNTED: Mapping[str, tuple[str, ...]] = {"riser": SLOT_RAILS, "host": (HOST,), "meter": (METER,)}
"""Topology to the rails that add up to its total."""
MAY_HAVE: Mapping[str, tuple[str, ...]] = {
    "riser": (*SLOT_RAILS, PROBE, METER),
    "host": (HOST, PROBE, METER),
    "meter": (METER, PROBE),
}
WHY: Mapping[str, str] = {
    "riser": "the slot's power is cut and fed by the supply",
    "host": "the supply feeds the whole host, which feeds the slot",
    "meter": "the host's mains feed it, and a meter reads them",
}


def topology_of(target: Target, given: str | None) -> str:
    """The topology a driver was given, or that of the bench file."""
    if given is not None or target.env is None:
        return given or "riser"
    return str(target.env.config.get_target_option(target.name, "topology", "riser"))
