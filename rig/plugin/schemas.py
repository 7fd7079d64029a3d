"""Which files there are and the JSON Schema of each; the bench's with what labgrid's classes take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rig.bench import classes
from rig.config import schemas
from rig.config.yamlfile import Section
from rig.errors import UsageError
from rig.plugin.demo import DemoFile

FILES: Mapping[str, type[Section]] = {**schemas.FILES, "demo": DemoFile}


def document(name: str) -> dict[str, Any]:
    """The schema of the files called `name`; UsageError lists the names there are."""
    if name not in FILES:
        raise UsageError(f"no schema {name!r} (there are: {', '.join(sorted(FILES))})")
    tree = schemas.schema(FILES[name])
    if name == "bench":
        classes.put_into(tree)
    return tree


def text(name: str) -> str:
    """As it is kept in `schemas/`."""
    return json.dumps(document(name), indent=1, ensure_ascii=False) + "\n"
