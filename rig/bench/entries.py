"""The resources and drivers of a labgrid environment file, in both of its notations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rig.config.bench import TARGET


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource or driver of the file, as labgrid reads it."""

    kind: str
    loc: tuple[int | str, ...]
    cls: str
    args: Mapping[str, Any]


def entries(target: Mapping[str, Any], kind: str) -> Iterator[Entry]:
    """The resources or drivers of a target, in both of labgrid's notations."""
    part = target[kind]
    top = ("targets", TARGET, kind)
    if isinstance(part, Mapping):
        for name, args in part.items():
            yield _entry(kind, (*top, name), name, args)
        return
    for i, item in enumerate(part):
        if "cls" in item:
            yield _entry(kind, (*top, i), item["cls"], item)
        for name, args in () if "cls" in item else item.items():
            yield _entry(kind, (*top, i, name), name, args)


def _entry(kind: str, loc: tuple[int | str, ...], name: str, args: Any) -> Entry:
    given = args if isinstance(args, Mapping) else {}
    return Entry(kind, loc, str(given.get("cls", name)), given)
