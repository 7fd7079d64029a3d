"""A labgrid environment file against labgrid's own registry: what labgrid ignores, or says without a line.

labgrid reads YAML 1.1 and fills in `!template`s, so values are taken from its reading and lines from ours.
"""

import difflib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attr
import labgrid.driver.power
from labgrid import Environment, target_factory
from labgrid.driver import ShellDriver
from labgrid.protocol import PowerProtocol
from labgrid.resource import NetworkPowerPort

from rig.bench import ranges
from rig.bench.console import DrainedSerialDriver
from rig.bench.entries import Entry, entries
from rig.bench.strategy import SlotStrategy
from rig.config.bench import TARGET
from rig.config.yamlfile import line_of, validate
from rig.errors import ConfigError
from rig.ports import HostPort, OperatorPort, PartnerPort, ProbePort, SupplyPort

NEEDED = {
    "mains switch": PowerProtocol,
    "supply": SupplyPort,
    "console": DrainedSerialDriver,
    "login": ShellDriver,
    "test host": HostPort,
    "link partner": PartnerPort,
    "operator": OperatorPort,
    "strategy": SlotStrategy,
}
SUGGESTED = {
    PowerProtocol: "NetworkPowerDriver",
    SupplyPort: "GuardedSupplyDriver",
    HostPort: "ConsoleHostDriver",
    PartnerPort: "IperfPartnerDriver",
    OperatorPort: "OperatorTerminalDriver",
    ProbePort: "OperatorTerminalDriver",
}
OUTSIDE_ATTRS = {"resources": {"cls", "name"}, "drivers": {"cls", "name", "bindings"}}
SET_BY_LABGRID = {"target", "name"}


def check(path: Path, tree: Any, environment: Environment) -> None:
    """ConfigError at the first line that names what labgrid does not know, or misses what a bench needs."""
    target = environment.config.data["targets"][TARGET]
    for kind in ("resources", "drivers"):
        for entry in entries(target, kind):
            _check_notation(path, tree, entry)
            _check_entry(path, tree, entry)
    ranges.check(path, tree, target)
    drivers = [target_factory.drivers[e.cls] for e in entries(target, "drivers")]
    needed = NEEDED | ({"test leads": ProbePort} if target["options"].get("probe") else {})
    for what, port in needed.items():
        if not any(issubclass(d, port) for d in drivers):
            hint = SUGGESTED.get(port, port.__name__)
            line = line_of(tree, ("targets", TARGET, "drivers"))
            raise ConfigError(path, line, f"no driver for the {what}; add one, such as {hint}")


def _check_notation(path: Path, tree: Any, entry: Entry) -> None:
    node = tree
    for key in entry.loc:
        node = node[key]
    if not isinstance(node, Mapping):
        raise ConfigError(
            path, line_of(tree, entry.loc), f"{entry.cls}: expected its arguments; without any, write {{}}"
        )


def _check_entry(path: Path, tree: Any, entry: Entry) -> None:
    known = getattr(target_factory, entry.kind)
    cls = known.get(entry.cls)
    if cls is None:
        message = f"unknown {entry.kind.rstrip('s')} class {entry.cls!r}{_near(entry.cls, known)}"
        raise ConfigError(path, line_of(tree, entry.loc), message)
    fields = {f.name: f for f in attr.fields(cls) if f.init and f.name not in SET_BY_LABGRID and f.name[0] != "_"}
    for name in entry.args:
        if name not in fields and name not in OUTSIDE_ATTRS[entry.kind]:
            message = f"{entry.cls} has no argument {name!r}{_near(name, fields)}"
            raise ConfigError(path, line_of(tree, (*entry.loc, name)), message)
    for name, field in fields.items():
        if name in entry.args:
            _check_value(path, tree, entry, field)
        elif field.default is attr.NOTHING:
            raise ConfigError(path, line_of(tree, entry.loc), f"{entry.cls} needs its argument {name!r}")
    if cls is NetworkPowerPort:
        _check_switch_model(path, tree, entry)


def _check_value(path: Path, tree: Any, entry: Entry, field: Any) -> None:
    """Run the class's own converter and validator on the value."""
    value, loc = entry.args[field.name], (*entry.loc, field.name)
    if schema := field.metadata.get("schema"):
        node = tree
        for key in loc:
            node = node[key]
        validate(path, node, schema)
        return
    try:
        converted = field.converter(value) if field.converter else value
        if field.validator:
            field.validator(None, field, converted)
    except (TypeError, ValueError) as e:
        message = f"{entry.cls}.{field.name}: {_expected(field)}got {value!r} ({type(value).__name__})"
        raise ConfigError(path, line_of(tree, loc), message) from e


def _expected(field: Any) -> str:
    wanted = getattr(field.validator, "validator", field.validator)
    types = [getattr(v, "type", None) for v in getattr(wanted, "_validators", (wanted,))]
    named = next((t.__name__ for t in types if isinstance(t, type)), None)
    hint = {"float": "float (write 2.0, not 2)", "str": "str (quote it)"}
    return f"expected {hint.get(named, named)}, " if named else "not allowed: "


def _check_switch_model(path: Path, tree: Any, entry: Entry) -> None:
    models = [m.name for m in pkgutil.iter_modules(labgrid.driver.power.__path__)]
    if entry.args["model"] not in models:
        message = f"labgrid knows no mains switch {entry.args['model']!r}{_near(entry.args['model'], models)}"
        raise ConfigError(path, line_of(tree, (*entry.loc, "model")), message)


def _near(name: object, known: Any) -> str:
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    if near:
        return f", did you mean {near[0]!r}?"
    return f" (allowed: {', '.join(sorted(known)) or 'none'})" if len(known) <= 12 else ""
