"""One YAML file into one pydantic model, every complaint with its line.

Ref: ruamel.yaml round-trip loader, `CommentedBase.lc`; pydantic `ValidationError.errors()`.
"""

from __future__ import annotations

import difflib
import io
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from rig.errors import ConfigError

M = TypeVar("M", bound="Section")


class Section(BaseModel):
    """Part of a file: unknown keys are refused, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _number_as_written(value: object) -> object:
    """`682148` and other plain numbers are names too; what YAML changes (`007`, `1e5`, `0x1f`) must be quoted."""
    if type(value) is int:
        return str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError("put it in quotes: YAML reads it as a number and changes it")
    return value


Name = Annotated[str, BeforeValidator(_number_as_written, json_schema_input_type=str | int)]
"""A text that people also write as a bare number: serials, model names."""


def load(path: Path, schema: type[M]) -> M:
    """The file as `schema`; ConfigError names the first wrong line and what would have been right."""
    return validate(path, read(path), schema)


def read(path: Path) -> Any:
    """The file's tree with line marks; ConfigError when it cannot be read or is not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "not UTF-8 text"
        raise ConfigError(path, None, f"cannot read it: {reason}") from e
    try:
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        raise ConfigError(path, mark.line + 1 if mark else None, f"not YAML: {e.problem or e.context}") from e
    except (YAMLError, ValueError) as e:
        raise ConfigError(path, None, f"not YAML: {e}") from e
    if not isinstance(tree, dict):
        raise ConfigError(path, 1, "expected a mapping of keys at the top of the file")
    return tree


def written(tree: Any) -> str:
    """A tree as the text of a file; one that was `read` keeps its comments."""
    text = io.StringIO()
    YAML(typ="rt").dump(tree, text)
    return text.getvalue()


def validate(path: Path, tree: Any, schema: type[M]) -> M:
    """`tree` as `schema`, or a ConfigError at the line of the first fault."""
    try:
        return schema.model_validate(tree)
    except ValidationError as e:
        errors = e.errors(include_url=False)
        # a mistyped key is also a missing one: the sentence about the typo is the one that helps
        first = next((x for x in errors if x["type"] == "extra_forbidden"), errors[0])
        loc = _real_keys(tree, first["loc"])
        raise ConfigError(path, line_of(tree, loc), _sentence(first, loc, schema)) from None


def line_of(tree: Any, loc: tuple[int | str, ...]) -> int | None:
    """Line (from 1) of the node at `loc`, or of the nearest parent that is there."""
    line: int | None = None
    node = tree
    for key in loc:
        marks = getattr(node, "lc", None)
        if marks is None:
            break
        try:
            line = (marks.key(key) if isinstance(node, dict) else marks.item(key))[0] + 1
            node = node[key]
        except (KeyError, IndexError, TypeError):
            break
    return line if line is not None else _first_line(tree)


def _first_line(tree: Any) -> int | None:
    marks = getattr(tree, "lc", None)
    return marks.line + 1 if marks is not None and marks.line is not None else None


def _real_keys(tree: Any, loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """`loc` without what pydantic adds for unions and `[key]`."""
    kept: list[int | str] = []
    node: Any = tree
    for key in loc:
        if isinstance(node, dict | list) and _has(node, key):
            kept.append(key)
            node = node[key]  # type: ignore[index]  # a list only gets here with an int
        elif key is loc[-1] and key != "[key]":
            kept.append(key)
    return tuple(kept)


def _has(node: dict[Any, Any] | list[Any], key: int | str) -> bool:
    return key in node if isinstance(node, dict) else isinstance(key, int)


def _sentence(error: Any, loc: tuple[int | str, ...], schema: type[BaseModel]) -> str:
    where = ".".join(str(k) for k in loc) or "the file"
    if error["type"] == "extra_forbidden":
        return _unknown_key(str(loc[-1]), loc, schema)
    if error["type"] == "missing":
        parent = ".".join(str(k) for k in loc[:-1])
        return f"key {str(loc[-1])!r} is missing" + (f" in {parent!r}" if parent else "")
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    given = error.get("input")
    shown = "" if isinstance(given, dict | list) else f", got {given!r}"
    return f"{where}: {message[0].lower()}{message[1:]}{shown}"


def _unknown_key(key: str, loc: tuple[int | str, ...], schema: type[BaseModel]) -> str:
    allowed = sorted(_fields_at(schema, loc[:-1]))
    near = difflib.get_close_matches(key, allowed, n=1)
    guess = f", did you mean {near[0]!r}?" if near else ""
    listed = f" (allowed: {', '.join(allowed)})" if allowed else ""
    return f"unknown key {key!r}{guess}{listed}"


def _fields_at(schema: Any, loc: tuple[int | str, ...]) -> set[str]:
    """Names allowed in the section at `loc`, walked through the schema's annotations."""
    for key in loc:
        options = [s for s in _sections(schema) if isinstance(key, str) and key in _names(s)]
        schema = [_annotation(s, str(key)) for s in options] or schema
    return set().union(*(_names(s) for s in _sections(schema)), set())


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    inner = annotation if isinstance(annotation, list) else getattr(annotation, "__args__", ())
    return [s for a in inner for s in _sections(a)]


def _names(schema: type[BaseModel]) -> set[str]:
    return {f.alias or n for n, f in schema.model_fields.items()}


def _annotation(schema: type[BaseModel], name: str) -> Any:
    return next(f.annotation for n, f in schema.model_fields.items() if (f.alias or n) == name)
