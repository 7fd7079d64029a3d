"""What a bench can do, as labgrid tags of its place; and the places of a coordinator that can do what is asked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rig.bench.place import carried
from rig.bench.place.coordinator import Coordinator, Found
from rig.bench.place.query import YES, parse
from rig.bench.place.resolved import coordinator_address
from rig.config.bench import BenchOptions, Wiring
from rig.errors import UsageError

_FEEDS = {"riser": "12v", "host": "host"}
"""Topology to the rail whose set point and ceiling are the supply's tags."""


def slug(text: str) -> str:
    """A bench's name as that of a place: lower case, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "bench"


def tags_of(options: BenchOptions, wiring: Wiring) -> dict[str, str]:
    """Tags for reservations: what of the bench another bench may lack; volts, amperes and Gbit/s are plain numbers."""
    found = {
        "flexlom": YES,
        "topology": options.topology,
        "slot_gen": str(options.slot.gen),
        "lanes": str(options.slot.lanes),
        "ports": str(len(options.ports)),
        "partner_gbps": f"{options.partner_bps / 1e9:g}",
        "probe": YES if options.probe else "no",
        "virtual": YES if options.is_virtual else "no",
    }
    rail = _FEEDS.get(options.topology)
    wired = wiring.by_name().get(rail or "")
    point = options.rails.rail_host if rail == "host" else options.rails.rail_12v
    if wired is not None and point is not None:
        found |= {"supply_v": f"{point.voltage_v:g}", "supply_a": f"{wired.max_current_a:g}"}
    return found


@dataclass(frozen=True, slots=True)
class PlaceSpec:
    """A place that will do, and the bench file it carries."""

    name: str
    coordinator: str
    tags: Mapping[str, str]
    held: str
    """Who has it since when, or `free`."""
    carried: str | None
    """What the rig has to know of the bench beyond its resources, as JSON; None: the place carries nothing."""

    def bench_file(self, folder: Path) -> Path:
        """A bench file for this place in `folder`; UsageError where it carries none, or one that is not safe."""
        if self.carried is None:
            raise UsageError(
                f"place {self.name}: its exporter carries no RigBench, so nothing is known of the bench here; "
                "name a bench file with RemotePlace instead"
            )
        return carried.write(self.carried, self.name, self.coordinator, folder)


def benches(query: str, coordinator: str | None = None) -> list[PlaceSpec]:
    """Every place of that name, or that meets the query (`flexlom`, `slot_gen=3 supply_a>=2`); UsageError for none.

    `coordinator` is host:port; None: `LG_COORDINATOR`, as labgrid's own client has it. For a process without a session.
    """
    there = every(coordinator)
    if named := [spec for spec in there if spec.name == query]:
        return named
    wanted = parse(query)
    found = [spec for spec in there if wanted.holds(spec.name, spec.tags)]
    if not found:
        raise UsageError(f"coordinator {coordinator_address(coordinator)}: no place meets {query!r}")
    return found


def every(coordinator: str | None = None) -> list[PlaceSpec]:
    """Every place of a coordinator, by name; LinkDownError when it does not answer."""
    return asyncio.run(_every(coordinator_address(coordinator)))


async def _every(address: str) -> list[PlaceSpec]:
    async with Coordinator(address) as link:
        await link.sync()
        alive = await link.holders_alive()
        return [await _spec(link, place, alive) for place in link.places()]


async def _spec(link: Coordinator, place: Found, alive: Mapping[str, bool]) -> PlaceSpec:
    args = await link.exported(place.name, carried.CLS)
    held = place.held + ("; its job gives no sign of life" if alive.get(place.name) is False else "")
    return PlaceSpec(place.name, link.address, place.tags, held, None if args is None else str(args.get("file")))


def define(bench_file: Path, coordinator: str | None = None, name: str | None = None) -> str:
    """Make the place of a bench at the coordinator, with its matches and tags; its name."""
    spec = carried.read(bench_file)
    place = name or slug(spec.options.name)
    asyncio.run(_define(coordinator_address(coordinator), place, tags_of(spec.options, spec.wiring)))
    return place


async def _define(address: str, place: str, tags: Mapping[str, str]) -> None:
    async with Coordinator(address) as link:
        await link.sync()
        await link.define(place, [f"*/{place}/*"], tags)
