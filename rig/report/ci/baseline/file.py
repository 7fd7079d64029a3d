"""The baseline as a file: JSON that diffs well, so that a pull request shows what it changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rig import __version__
from rig.errors import UsageError
from rig.record import write_whole
from rig.report.ci.baseline.directions import parsed
from rig.report.ci.baseline.gathered import Gathered, Key, Numbers, Spread

_MAX_BYTES = 64_000_000
Count = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """An object of the file; a key nobody knows is a mistake of the one who edited it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Repeats(Part):
    """Repeated runs of one board; `sd` is null where there was one."""

    n: Count
    mean: float
    sd: Annotated[float, Field(ge=0)] | None

    @model_validator(mode="after")
    def _spread_needs_two(self) -> Repeats:
        if (self.sd is None) != (self.n == 1):
            raise ValueError("sd is null with one run, and a number with more")
        return self


class Entry(Part):
    """One measurement of one card model."""

    model: str
    name: str
    unit: str
    virtual: bool
    n: Count
    """Runs."""
    mean: float
    """Of all boards, each counted once."""
    sd: float | None
    """Between repeated runs of a board."""
    error: float | None
    sessions: Count
    between: Annotated[float, Field(ge=0)] | None
    """Between batches; null of a single one."""
    benches: list[str]
    plans: list[str]
    boards: Annotated[dict[str, Repeats], Field(min_length=1)]


class BaselineFile(Part):
    """What `rig baseline set` writes."""

    schema_version: Literal[1] = Field(alias="schema")
    made: str
    rig: str
    runs: int
    sources: list[str]
    tolerances: dict[str, str] = {}
    """Pattern of names to `0.4` (in the unit) or `3%`, before the rig's own."""
    entries: list[Entry]

    def numbers(self) -> dict[Key, Numbers]:
        """As they were gathered."""
        return {Key(e.virtual, e.model, e.name, e.unit): _numbers(e) for e in self.entries}


def load(path: Path) -> BaselineFile:
    """The file, checked; UsageError says what is wrong with it."""
    try:
        with path.open("rb") as f:
            data = f.read(_MAX_BYTES + 1)
    except OSError as e:
        raise UsageError(f"{path}: the baseline cannot be read: {e.strerror}; 'rig baseline set' makes one") from e
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{path}: a baseline of more than {_MAX_BYTES // 1_000_000} MB is none")
    try:
        found = BaselineFile.model_validate_json(data)
    except (ValidationError, RecursionError) as e:
        raise UsageError(f"{path}: not a baseline: {_reason(e)}; 'rig baseline set' makes one") from None
    for pattern, text in found.tolerances.items():
        parsed(pattern, text)
    return found


def write(path: Path, gathered: Gathered, tolerances: Mapping[str, str]) -> BaselineFile:
    """Write what was gathered, whole or not at all; UsageError when there is nothing, or it cannot be written."""
    if not gathered.numbers:
        raise UsageError(
            f"there is no good run to make a baseline of: {gathered.left_out} runs are not finished, "
            "or neither PASS nor MARGINAL"
        )
    head = {
        "schema": 1, "made": datetime.now(UTC).isoformat(timespec="seconds"), "rig": __version__,
        "runs": gathered.runs, "sources": list(gathered.sources), "tolerances": dict(tolerances),
    }  # fmt: skip
    # one line a measurement: a diff then shows which ones changed
    entries = [json.dumps(_entry(key, numbers), allow_nan=False) for key, numbers in gathered.numbers.items()]
    text = json.dumps(head, indent=1).removesuffix("\n}") + ',\n "entries": [\n  ' + ",\n  ".join(entries) + "\n ]\n}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as e:
        raise UsageError(f"{path}: the baseline cannot be written: {e.strerror}; name another file") from e
    return BaselineFile.model_validate_json(text)


def _entry(key: Key, numbers: Numbers) -> dict[str, object]:
    boards = numbers.boards.values()
    return {
        "model": key.model, "name": key.name, "unit": key.unit, "virtual": key.virtual, "n": numbers.n,
        "mean": _short(fmean(s.mean for s in boards)), "sd": _short(_pooled(numbers)), "error": _short(numbers.error),
        "sessions": numbers.sessions, "between": _short(numbers.between),
        "benches": sorted(numbers.benches), "plans": sorted(numbers.plans),
        "boards": {b: {"n": s.n, "mean": _short(s.mean), "sd": _short(s.sd)} for b, s in numbers.boards.items()},
    }  # fmt: skip


def _pooled(numbers: Numbers) -> float | None:
    df = sum(s.n - 1 for s in numbers.boards.values())
    squares = sum((s.n - 1) * s.sd**2 for s in numbers.boards.values() if s.sd is not None)
    return float((squares / df) ** 0.5) if df else None


def _short(value: float | None) -> float | None:
    """Nine digits: no instrument has more, and lines that did not change stay as they are."""
    return None if value is None else float(f"{value:.9g}")


def _numbers(e: Entry) -> Numbers:
    boards = {board: Spread(r.n, r.mean, r.sd) for board, r in e.boards.items()}
    return Numbers(boards, frozenset(e.benches), frozenset(e.plans), e.sessions, e.between, e.error)


def _reason(e: Exception) -> str:
    if not isinstance(e, ValidationError):
        return "nested too deep"
    first = e.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "the whole"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
