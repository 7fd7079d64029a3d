"""JSON Schemas of the files the rig reads, for editors that complete and check them.

Draft 7, because that is what yaml-language-server does in every version of it that is about. A schema knows keys,
types, ranges and choices; what goes together in a file, the rig itself says when it reads it.

Ref: json-schema.org, draft 7; pydantic `GenerateJsonSchema`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from rig.config.adapter import AdapterFile
from rig.config.batch import BatchFile
from rig.config.bench import BenchFile
from rig.config.card import CardFile
from rig.config.envelope import EnvelopeFile
from rig.config.golden import GoldenFile
from rig.config.plan import PlanFile
from rig.config.twin import TwinFile
from rig.config.yamlfile import Section

DRAFT = "http://json-schema.org/draft-07/schema#"
FILES: Mapping[str, type[Section]] = {
    "adapter": AdapterFile,
    "batch": BatchFile,
    "bench": BenchFile,
    "card": CardFile,
    "envelope": EnvelopeFile,
    "golden": GoldenFile,
    "plan": PlanFile,
    "twin": TwinFile,
}


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a file; what its classes and fields say of themselves are the descriptions."""
    tree = model.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Described)
    definitions = tree.pop("$defs", {})
    whole = (sys.modules[model.__module__].__doc__ or "").strip().splitlines()
    head = {"$schema": DRAFT, "title": model.__name__, "description": whole[0] if whole else ""}
    return {**head, **tree, **({"definitions": definitions} if definitions else {})}


class _Described(GenerateJsonSchema):
    """With the sentences below the fields, and as strict about unknown keys as the rig is."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        tree = super().model_schema(schema)
        cls = schema["cls"]
        said = _sentences(cls)
        for name, field in cls.model_fields.items():
            if name in said:
                tree["properties"][field.alias or name].setdefault("description", said[name])
        return tree

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        tree = super().dict_schema(schema)
        if "patternProperties" in tree:
            tree["additionalProperties"] = False
        return tree

    def field_title_should_be_set(self, schema: Any) -> bool:
        # the key is its own title
        del schema
        return False


def _sentences(cls: type[BaseModel]) -> dict[str, str]:
    """Field to the string below it.

    Not pydantic's own `use_attribute_docstrings`: that reads the sources at every start of the rig (0.15 s).
    """
    if cls.__module__.split(".")[0] != "rig":
        return {}
    return dict(_fields(_classes(Path(inspect.getfile(cls)))[cls.__name__]))


@functools.cache
def _classes(file: Path) -> dict[str, ast.ClassDef]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
