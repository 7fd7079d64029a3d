"""A file for labgrid's own exporter from bench files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rig.bench.place import carried
from rig.bench.place.tags import slug
from rig.errors import UsageError


def exporter_file(benches: Iterable[tuple[str | None, Path]]) -> str:
    """YAML for labgrid-exporter: a group a bench, named as given or as the bench; UsageError for two alike."""
    groups: dict[str, Any] = {}
    notes: list[str] = []
    for name, path in benches:
        parts = carried.read(path)
        group = name or slug(parts.options.name)
        if group in groups:
            raise UsageError(f"{path}: there is a bench {group!r} already; give each a name of its own")
        groups[group] = dict(map(_resource, parts.exported))
        if parts.carried is not None:
            groups[group][carried.CLS] = {"file": parts.carried}
        else:
            notes.append(f"## {parts.why}\n")
    return "".join(notes) + _no_template(carried.dumped(groups))


def _no_template(text: str) -> str:
    """Quoted texts that stay: the exporter reads its file as a Jinja template (Ref: labgrid, `remote/config.py`)."""
    for opens in ("{{", "{%", "{#"):
        text = text.replace(opens, "\\x7b" + opens[1])
    return text


def _resource(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    cls, name = row["cls"], row["name"]
    args = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in row["args"].items()}
    return name, args if name == cls else {"cls": cls, **args}
