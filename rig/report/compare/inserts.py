"""Stored runs as inserts: what each one drew in each state, and under what conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rig.errors import UsageError
from rig.model import Verdict
from rig.report.journal import Journal, RunLog
from rig.report.schema import Row
from rig.report.text import brief, one_line

_ROW = re.compile(r"power\.([^.]+)\.([a-z0-9_]+)")
_RAIL = re.compile(r"(?!total_|peak_)([a-z0-9]+)_w")
_AT_ENUMERATION = {"link_width": "pcie.link.width", "link_speed_gtps": "pcie.link.speed_gtps"}
_NO_LINK = "aux"
"""State without a host: it has no PCIe link."""
_TRAFFIC = {"tx": "from_host", "rx": "to_host"}
_RATE = re.compile(r"traffic\.port(\d+)\.(from_host|to_host)_bps")


@dataclass(frozen=True, slots=True)
class Watts:
    """A reading and the bound of its instrument's error; None: not known."""

    value: float
    error: float | None


@dataclass(frozen=True, slots=True)
class StateValue:
    """One insert in one state."""

    total: Watts
    rails: Mapping[str, Watts]
    facts: Mapping[str, float]
    """Conditions by name: `link_width`, `link_speed_gtps`, `ports_linked`, `temperature_c`, `rate_bps` ..."""
    steady: bool | None
    """None: nobody looked."""


@dataclass(frozen=True, slots=True)
class Insert:
    """One run; `order` is its place among the inserts of both models, by time."""

    run: RunLog
    order: int
    states: Mapping[str, StateValue]

    @property
    def card(self) -> str:
        return self.run.start.card.serial

    @property
    def session(self) -> str:
        return self.run.start.batch_id or self.run.start.batch

    @property
    def source(self) -> tuple[str, ...]:
        """Bench and supply: with the same one, offsets drop out of a difference."""
        supply = self.run.start.instruments.get("supply", {})
        return (self.run.start.bench, *(str(supply.get(k, "")) for k in ("maker", "model", "serial")))


@dataclass(frozen=True, slots=True)
class Gathered:
    """The inserts of two models, oldest first, all virtual or all real."""

    a: tuple[Insert, ...]
    b: tuple[Insert, ...]
    virtual: bool
    notes: tuple[str, ...]


def gather(journal: Journal, models: tuple[str, str] | None) -> Gathered:
    """The inserts of `models`, or of the only two in the journal; UsageError with what is there instead."""
    found = [(run, states) for run in journal.runs if (states := _states(run))]
    names = models or _only_two(journal, found)
    a, b = (_of(name, found) for name in names)
    for name, runs in zip(names, (a, b), strict=True):
        if not runs:
            raise UsageError(f"{journal.root}: no run measured the power of {_shown(name)!r}; {_there(found)}")
    if names[0].casefold() == names[1].casefold():
        raise UsageError(f"{_shown(names[0])!r} was named twice: a comparison is of two card models")
    virtual, notes = _one_kind(journal, names, a, b)
    chosen = sorted((r for r in (*a, *b) if r[0].start.virtual == virtual), key=lambda r: r[0].start.started_s)
    inserts = [Insert(run, n, states) for n, (run, states) in enumerate(chosen)]
    sides = [tuple(i for i in inserts if _is(name, i.run)) for name in names]
    return Gathered(sides[0], sides[1], virtual, notes)


def _states(run: RunLog) -> dict[str, StateValue]:
    """Every state whose total was measured; the last attempt counts, and in it the last row."""
    rows: dict[str, dict[str, Row]] = {}
    last: dict[str, Row] = {}
    for row in sorted(run.rows, key=lambda r: r.attempt):
        last[row.name] = row
        if match := _ROW.fullmatch(row.name):
            rows.setdefault(match[1], {})[match[2]] = row
    found = {state: _value(state, of, last) for state, of in rows.items()}
    return {state: value for state, value in found.items() if value}


def _value(state: str, rows: Mapping[str, Row], last: Mapping[str, Row]) -> StateValue | None:
    total = rows.get("total_w")
    if total is None or total.number is None or total.verdict is Verdict.ERROR or total.at_least:
        return None
    rails = {m[1]: w for name, row in rows.items() if (m := _RAIL.fullmatch(name)) and (w := _watts(row))}
    steady = rows["steady"].number if "steady" in rows else None
    facts = {name: row.number for name, row in rows.items() if row.number is not None and row.unit not in ("W", "J")}
    facts.pop("steady", None)
    if state != _NO_LINK:
        facts = {**_link_at_enumeration(last), **facts}
    if "rate_bps" not in facts and (rate := _throughput(state, last)) is not None:
        facts["throughput_bps"] = rate
    return StateValue(
        Watts(total.number, total.error), rails, facts, None if steady is None else bool(steady)
    )  # fmt: skip


def _watts(row: Row) -> Watts | None:
    return None if row.number is None or row.unit != "W" else Watts(row.number, row.error)


def _link_at_enumeration(last: Mapping[str, Row]) -> dict[str, float]:
    numbers = {fact: last[name].number for fact, name in _AT_ENUMERATION.items() if name in last}
    return {fact: number for fact, number in numbers.items() if number is not None}


def _throughput(state: str, last: Mapping[str, Row]) -> float | None:
    """The rate of the throughput step on the first port, which carries the profile's traffic."""
    named = ((m, row.number) for name, row in last.items() if (m := _RATE.fullmatch(name)))
    rates = sorted((int(m[1]), number) for m, number in named if number and m[2] == _TRAFFIC.get(state))
    return rates[0][1] if rates else None


_Measured = tuple[RunLog, dict[str, StateValue]]


def _is(name: str, run: RunLog) -> bool:
    return run.start.card.model.casefold() == name.casefold()


def _of(name: str, found: Iterable[_Measured]) -> list[_Measured]:
    return [r for r in found if _is(name, r[0])]


def _models(found: Iterable[_Measured]) -> list[str]:
    return list(dict.fromkeys(run.start.card.model for run, _ in found))


def _only_two(journal: Journal, found: Sequence[_Measured]) -> tuple[str, str]:
    """The models a comparison named beforehand, else the two that are there, by name."""
    models = _models(found)
    for batch in journal.batches:
        stated = (batch.start.compare.get("a"), batch.start.compare.get("b"))
        if stated[0] in models and stated[1] in models:
            return str(stated[0]), str(stated[1])
    if len(models) != 2:
        raise UsageError(f"{journal.root}: a comparison is of two card models; {_there(found)}; name two with --models")
    first, second = sorted(models)
    return first, second


def _there(found: Iterable[_Measured]) -> str:
    models = _models(found)
    names = ", ".join(map(_shown, sorted(models)[:12]))
    return f"the power of {names} was measured there" if models else "no run there measured power"


def _shown(name: str) -> str:
    return brief(one_line(name), 60)


def _one_kind(
    journal: Journal, names: tuple[str, str], a: Sequence[_Measured], b: Sequence[_Measured]
) -> tuple[bool, tuple[str, ...]]:
    """Virtual or real, real first; UsageError when the two models share neither."""
    kinds = [{run.start.virtual for run, _ in side} for side in (a, b)]
    both = kinds[0] & kinds[1]
    if not both:
        words = [f"{_shown(n)} only {'virtual' if k == {True} else 'real'}" for n, k in zip(names, kinds, strict=True)]
        raise UsageError(f"{journal.root}: {' and '.join(words)}: virtual and real runs are never compared")
    virtual = False not in both
    left_out = sum(run.start.virtual != virtual for run, _ in (*a, *b))
    other = "real" if virtual else "virtual"
    return virtual, (
        f"{left_out} {other} runs of these models are left out: the two are never mixed",
    ) if left_out else ()


def spread_of(inserts: Iterable[Insert], state: str, pick: Callable[[StateValue], object]) -> set[object]:
    """What `pick` gives over the inserts in a state."""
    return {pick(i.states[state]) for i in inserts if state in i.states}
