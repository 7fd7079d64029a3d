"""A bench file with a place's own resources where it names the place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.bench.entries import entries
from rig.bench.place.query import Query, parse
from rig.bench.plugs import absolute_imports
from rig.config.bench import TARGET, load_bench_file
from rig.config.yamlfile import line_of, written
from rig.errors import ConfigError, UsageError
from rig.record import write_whole

REMOTE = "RemotePlace"
CARRIED = "RigBench"
"""The resource in which a place carries what the rig has to know of its bench."""
_DEFAULT = "127.0.0.1:20408"
_RESERVED = "+"


@dataclass(frozen=True, slots=True)
class Remote:
    """The place that a bench file names."""

    coordinator: str
    name: str
    """Of the place, or tags that it must have, or `+` for that of the reservation in `LG_TOKEN`."""

    @property
    def query(self) -> Query | None:
        """The tags; None: it is a name, or `+`."""
        return parse(self.name) if "=" in self.name else None

    @property
    def token(self) -> str | None:
        """The reservation whose place it is; UsageError where `+` has none."""
        if self.name != _RESERVED:
            return None
        if not (token := os.environ.get("LG_TOKEN")):
            raise UsageError("RemotePlace +: LG_TOKEN is not set; make a reservation, or name the place or its tags")
        return token


def coordinator_address(given: str | None = None) -> str:
    """`given`, else what labgrid's own programs use."""
    return given or os.environ.get("LG_COORDINATOR", _DEFAULT)


def remote(path: Path) -> Remote | None:
    """The place a bench file names; None: its bench is on this machine's own network. ConfigError for two of them."""
    file, tree = load_bench_file(path)
    found = [e.args for e in entries(tree["targets"][TARGET], "resources") if e.cls == REMOTE]
    if not found:
        return None
    line = line_of(tree, ("targets", TARGET, "resources"))
    if len(found) > 1:
        raise ConfigError(path, line, "a bench is one place; write one RemotePlace")
    if not isinstance(name := found[0].get("name"), str) or not name:
        raise ConfigError(path, line, f"{REMOTE}: expected 'name:' with the place's name, its tags, or '+'")
    if file.targets.main.options.twin is not None:
        raise ConfigError(path, line, f"{REMOTE} and 'twin': a place has its twin where it is exported")
    return Remote(coordinator_address(file.options.coordinator_address), name)


def resolve(path: Path, resources: Sequence[Mapping[str, Any]], out: Path) -> None:
    """A copy of the bench file at `out`, with `resources` (cls, name, args) in the place of its RemotePlace."""
    _, tree = load_bench_file(path)
    target = tree["targets"][TARGET]
    mine = [e for e in entries(target, "resources") if e.cls != REMOTE]
    own = [{e.cls: {k: v for k, v in e.args.items() if k != "cls"}} for e in mine]
    target["resources"] = [*map(_entry, (r for r in resources if r["cls"] != CARRIED)), *own]
    tree.pop("options", None)
    _make_absolute(path, tree, target["options"])
    write_whole(out, written(tree).encode())


def _make_absolute(path: Path, tree: Any, options: Any) -> None:
    tree["imports"] = absolute_imports(path, tree["imports"])
    firmware = options.get("firmware", {})
    for key in ("mlx", "vault"):
        if firmware.get(key) is not None:
            firmware[key] = str((path.parent / firmware[key]).resolve())


def _entry(resource: Mapping[str, Any]) -> dict[str, Any]:
    cls, args = str(resource["cls"]), {k: _value(v) for k, v in resource["args"].items()}
    named = {} if resource["name"] == cls else {"name": str(resource["name"])}
    return {"cls": cls, **named, **args}


def _value(value: object) -> object:
    """A map as an exporter can send it is its JSON: labgrid's own values are flat."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
