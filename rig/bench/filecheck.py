"""What goes together in a bench file beyond each driver's own arguments: topology and rails, relays and outputs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labgrid import Environment, target_factory
from labgrid.protocol import DigitalOutputProtocol

from rig.bench.entries import Entry, entries
from rig.bench.rail_power import RailPowerDriver
from rig.bench.relays import LEADS, RelayProbeDriver
from rig.bench.supply import GuardedSupplyDriver
from rig.bench.topology import COUNTED, HOST, MAY_HAVE, WHY
from rig.config.bench import TARGET
from rig.config.yamlfile import line_of
from rig.errors import ConfigError


def check(path: Path, tree: Any, environment: Environment) -> None:
    """ConfigError at the line where rails, mains switch or relays do not go with the rest of the file."""
    target = environment.config.data["targets"][TARGET]
    options = target["options"]
    topology = options.get("topology", "riser")
    top = ("targets", TARGET)
    for entry in entries(target, "drivers"):
        cls = target_factory.drivers[entry.cls]
        if issubclass(cls, GuardedSupplyDriver):
            _check_rails(path, line_of(tree, (*entry.loc, "rails")), topology, entry.args.get("rails", {}))
        if issubclass(cls, RelayProbeDriver):
            _check_relays(path, tree, entry, _outputs(target))
    classes = [target_factory.drivers[e.cls] for e in entries(target, "drivers")]
    by_rail = any(issubclass(cls, RailPowerDriver) for cls in classes)
    if by_rail is not (topology == "host"):
        wanted = "its mains switch is the supply: RailPowerDriver: {}" if topology == "host" else "no RailPowerDriver"
        raise ConfigError(path, line_of(tree, (*top, "drivers")), f"topology {topology}: expected {wanted}")
    if by_rail and classes.index(RailPowerDriver) < classes.index(GuardedSupplyDriver):
        message = "RailPowerDriver switches a rail of GuardedSupplyDriver: write it below that"
        raise ConfigError(path, line_of(tree, (*top, "drivers")), message)
    if topology == "host" and HOST not in (options.get("rails") or {}):
        line = line_of(tree, (*top, "options"))
        raise ConfigError(path, line, "topology host: options.rails needs 'host: {voltage_v: ..., limit_a: ...}'")


def _check_rails(path: Path, line: int | None, topology: str, rails: Mapping[str, Any]) -> None:
    for rail in COUNTED[topology]:
        if rail not in rails:
            raise ConfigError(path, line, f"topology {topology} ({WHY[topology]}): 'rails' needs {rail!r}")
    for rail in rails:
        if rail not in MAY_HAVE[topology]:
            known = ", ".join(MAY_HAVE[topology])
            raise ConfigError(
                path, line, f"topology {topology} ({WHY[topology]}): no rail {rail!r} there (allowed: {known})"
            )


def _outputs(target: Mapping[str, Any]) -> set[str]:
    """Names of the digital outputs in the file."""
    drivers = entries(target, "drivers")
    return {
        str(e.args["name"])
        for e in drivers
        if "name" in e.args and issubclass(target_factory.drivers[e.cls], DigitalOutputProtocol)
    }


def _check_relays(path: Path, tree: Any, entry: Entry, outputs: set[str]) -> None:
    seen: dict[str, str] = {}
    for lead in LEADS:
        for point, output in entry.args.get(lead, {}).items():
            line = line_of(tree, (*entry.loc, lead, point))
            if output not in outputs:
                known = ", ".join(sorted(outputs)) or "none"
                message = f"{lead} lead on {point}: no digital output is named {output!r} (there are: {known})"
                raise ConfigError(path, line, message)
            if output in seen:
                message = f"{lead} lead on {point}: output {output!r} is already {seen[output]}; one relay, one point"
                raise ConfigError(path, line, message)
            seen[output] = f"the {lead} lead on {point}"
