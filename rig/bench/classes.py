"""What resources and drivers take in a bench file, as JSON Schema: labgrid's registry, told to an editor.

Only classes a bench can use are described: ours, and labgrid's that a driver of ours, of its power, digital outputs or
login binds to. Others stay open in the schema, and `rig.bench.envfile` checks them all the same.
"""

import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

import attr
import labgrid.driver.power
from labgrid import target_factory
from labgrid.driver import ShellDriver
from labgrid.protocol import DigitalOutputProtocol, PowerProtocol
from labgrid.resource import NetworkPowerPort, RemotePlace

from rig.bench.envfile import OUTSIDE_ATTRS, SET_BY_LABGRID
from rig.config.schemas import schema

_USED = (PowerProtocol, DigitalOutputProtocol, ShellDriver)
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array"}
_OPEN = (
    "Arguments of a class that is not named here are left open: `rig doctor` checks them against labgrid's registry."
)


def put_into(tree: dict[str, Any]) -> None:
    """Describe `resources` and `drivers` in the schema of a bench file, in both of labgrid's notations."""
    drivers = {cls for cls in _ours(target_factory.drivers) if _is_used(cls)}
    resources = {cls for cls in _ours(target_factory.resources) if cls.__module__.startswith("rig.")}
    resources |= {RemotePlace, *(r for driver in drivers for r in _bound(driver))}
    for kind, used in (("resources", resources), ("drivers", drivers)):
        tree["definitions"]["BenchTarget"]["properties"][kind] = _part(kind, used, tree["definitions"])


def _ours(known: Mapping[str, type]) -> Iterator[type]:
    """Of labgrid and of the rig, not what a test or a bench file of this process registered."""
    return (cls for cls in known.values() if cls.__module__.split(".")[0] in ("labgrid", "rig"))


def _is_used(cls: type) -> bool:
    return cls.__module__.startswith("rig.") or issubclass(cls, _USED)


def _bound(driver: Any) -> Iterator[type]:
    """The resources a driver can be bound to."""
    for wanted in getattr(driver, "bindings", {}).values():
        several = wanted if isinstance(wanted, set | frozenset | list | tuple) else (wanted,)
        names = {one if isinstance(one, str) else getattr(one, "__name__", "") for one in several}
        # a base class such as SerialPort is in no registry, and bindings name it by its name
        yield from (r for r in _ours(target_factory.resources) if names & {base.__name__ for base in r.__mro__})


def _part(kind: str, classes: set[type], definitions: dict[str, Any]) -> dict[str, Any]:
    known = {}
    for cls in sorted(classes, key=lambda cls: cls.__name__):
        definitions[cls.__name__] = _arguments(kind, cls, definitions)
        known[cls.__name__] = {"$ref": f"#/definitions/{cls.__name__}"}
    named = {"type": "object", "properties": known, "additionalProperties": {"type": "object"}}
    listed = {"type": "object", "properties": {**known, "cls": {"type": "string"}}}
    return {"description": _OPEN, "anyOf": [named, {"type": "array", "items": listed}]}


def _arguments(kind: str, cls: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    fields = [f for f in attr.fields(cls) if f.init and f.name not in SET_BY_LABGRID and f.name[0] != "_"]
    more = {name: {} if name == "bindings" else {"type": "string"} for name in sorted(OUTSIDE_ATTRS[kind])}
    tree: dict[str, Any] = {
        "type": "object",
        "properties": more | {f.name: _argument(cls, f, definitions) for f in fields},
        "additionalProperties": False,
    }
    if said := inspect.cleandoc(cls.__doc__ or "").split("\n\nArgs:")[0].split("\n\n")[0]:
        tree["description"] = " ".join(said.split())
    if needed := [f.name for f in fields if f.default is attr.NOTHING]:
        tree["required"] = needed
    return tree


def _argument(cls: type, field: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if (model := field.metadata.get("schema")) is not None:
        nested = schema(model)
        definitions.update(nested.pop("definitions", {}))
        return {key: value for key, value in nested.items() if key != "$schema"}
    tree: dict[str, Any] = _typed(field)
    if cls is NetworkPowerPort and field.name == "model":
        tree["enum"] = sorted(m.name for m in pkgutil.iter_modules(labgrid.driver.power.__path__))
    if type(field.default) in (str, int, float, bool):
        tree["default"] = field.default
    return tree


def _typed(field: Any) -> dict[str, Any]:
    """The type a validator asks for; open where a converter takes others, or the validator is a function of its own."""
    types = list(_types(field.validator)) if field.converter is None else []
    names = [_TYPES[t] for t in types if t in _TYPES]
    if not names or len(names) < len(types):
        return {}
    return {"type": names[0] if len(names) == 1 else names}


def _types(validator: Any) -> Iterator[Any]:
    inner = getattr(validator, "validator", None)
    for one in getattr(validator, "_validators", ()):
        yield from _types(one)
    if inner is not None:
        yield from _types(inner)
    asked = getattr(validator, "type", None)
    yield from () if asked is None else asked if isinstance(asked, tuple) else (asked,)
