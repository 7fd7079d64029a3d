"""Resistor networks by nodal analysis: what a meter and a supply see between two points of a board."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

LEAST_OHM = 1e-3
"""Below a milliohm solder is solder; it keeps the matrix well conditioned."""
LEAK_S = 1e-10
"""From every node to the reference, so that a floating node has a potential instead of a singular matrix."""


@dataclass(frozen=True, slots=True)
class Resistor:
    a: str
    b: str
    ohm: float


@dataclass(frozen=True, slots=True)
class Norton:
    """A source or load at a node against the reference: `current_a` flows in, `conductance_s` leads out."""

    conductance_s: float
    current_a: float


def resistance_ohm(resistors: Iterable[Resistor], a: str, b: str) -> float:
    """Ohm between two nodes; `inf` when nothing joins them."""
    resistors = tuple(r for r in resistors if math.isfinite(r.ohm))
    if a == b:
        return 0.0
    island = reached(resistors, a)
    if b not in island:
        return math.inf
    inside = [r for r in resistors if r.a in island]
    return potentials_v(inside, {a: [Norton(0.0, 1.0)]}, reference=b)[a]


def reached(resistors: Iterable[Resistor], start: str) -> set[str]:
    """Every node that some path of resistors joins to `start`."""
    near: dict[str, set[str]] = {}
    for r in resistors:
        if math.isfinite(r.ohm):
            near.setdefault(r.a, set()).add(r.b)
            near.setdefault(r.b, set()).add(r.a)
    seen, todo = {start}, [start]
    while todo:
        fresh = near.get(todo.pop(), set()) - seen
        seen |= fresh
        todo.extend(fresh)
    return seen


def potentials_v(
    resistors: Iterable[Resistor], sources: Mapping[str, Iterable[Norton]], reference: str
) -> dict[str, float]:
    """Volt of every node against `reference`.

    Ref: nodal analysis, G·v = i with the reference's row and column struck out.
    """
    resistors = [r for r in resistors if math.isfinite(r.ohm)]
    names = sorted(({r.a for r in resistors} | {r.b for r in resistors} | set(sources)) - {reference})
    index = {name: i for i, name in enumerate(names)}
    g = np.eye(len(names)) * LEAK_S
    current = np.zeros(len(names))
    for r in resistors:
        _stamp(g, index.get(r.a), index.get(r.b), 1.0 / max(r.ohm, LEAST_OHM))
    for name, parts in sources.items():
        for part in parts if name != reference else ():
            g[index[name], index[name]] += part.conductance_s
            current[index[name]] += part.current_a
    solved = np.linalg.solve(g, current) if names else current
    return {reference: 0.0, **{name: float(solved[i]) for name, i in index.items()}}


def _stamp(g: np.ndarray, a: int | None, b: int | None, siemens: float) -> None:
    for i in (a, b):
        if i is not None:
            g[i, i] += siemens
    if a is not None and b is not None:
        g[a, b] -= siemens
        g[b, a] -= siemens
