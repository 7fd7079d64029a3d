"""Which places will do: labgrid tags, compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rig.errors import UsageError

_TERM = re.compile(r"^(?P<key>[a-z][a-z0-9_]+)(?:(?P<how>>=|=)(?P<value>[^\s=<>]+))?$")
YES = "yes"
NAME = "name"
"""labgrid's own tag of every place: its name."""


@dataclass(frozen=True, slots=True)
class Term:
    """One demand: `key=value`, or at least the number `value`."""

    key: str
    value: str
    at_least: bool = False

    def holds(self, tags: Mapping[str, str]) -> bool:
        """Whether a place with these tags meets it; a tag that is no number meets no `>=`."""
        found = tags.get(self.key)
        if found is None or not self.at_least:
            return found == self.value
        try:
            return float(found) >= float(self.value)
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Query:
    """Demands that a place must meet, all of them."""

    text: str
    terms: tuple[Term, ...]

    def holds(self, name: str, tags: Mapping[str, str]) -> bool:
        """Whether the place `name` will do."""
        return all(term.holds({**tags, NAME: name}) for term in self.terms)

    @property
    def filter(self) -> dict[str, str] | None:
        """It as a filter of labgrid, which knows equality alone; None: it asks for more than that."""
        if any(term.at_least for term in self.terms):
            return None
        return {term.key: term.value for term in self.terms}


def parse(text: str) -> Query:
    """`slot_gen=3 lanes>=8 flexlom`; a word alone means `word=yes`; UsageError for anything else."""
    words = text.replace(",", " ").split()
    if not words:
        raise UsageError("a query for places needs at least one tag, such as 'slot_gen=3 supply_a>=2'")
    return Query(text, tuple(_term(word, text) for word in words))


def named(name: str) -> Query:
    """The place of this name and no other."""
    return Query(f"name={name}", (Term(NAME, name),))


def _term(word: str, text: str) -> Term:
    found = _TERM.match(word)
    if found is None:
        raise UsageError(
            f"query {text!r}: {word!r} is no tag=value, tag>=number or tag (tags: at least two of a-z 0-9 _)"
        )
    key, how, value = found["key"], found["how"], found["value"]
    if how == ">=":
        try:
            float(value)
        except ValueError as e:
            raise UsageError(f"query {text!r}: {word!r} compares with {value!r}, which is no number") from e
    return Term(key, YES if value is None else value, how == ">=")
