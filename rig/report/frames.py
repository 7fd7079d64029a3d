"""The journal as pandas frames, and those as CSV, Parquet and JSON.

Numbers are in `value` (float64; true is 1, false 0), texts in the last column, `text` (also `true`, `false`):
every format keeps both without guessing. A row whose `verdict` is missing was recorded and not judged.
`frame(...).attrs["problems"]` holds a sentence for everything that could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

import pandas as pd

from rig.errors import UsageError
from rig.model import Reading
from rig.report import journal as journal_
from rig.report.journal import Journal, RunLog
from rig.report.schema import PowerLine, RailReading, Row, Start
from rig.report.text import below

_UTC = "datetime64[us, UTC]"
_UNIT = {"adapter_design": "str", "adapter_serial": "str", "card_model": "str", "card_serial": "str"}
JUDGED_TYPES = {
    "run": "str", "batch": "str", "bench": "str", "virtual": "bool", **_UNIT, "step": "str",
    "attempt": "int64", "name": "str", "value": "float64", "unit": "str", "low": "float64",
    "high": "float64", "verdict": "str", "why": "str", "time": _UTC, "evidence": "str",
    "error": "float64", "at_least": "bool", "text": "str",
}  # fmt: skip
RUN_TYPES = {
    "run": "str", "batch": "str", "batch_id": "str", "bench": "str", "virtual": "bool", "plan": "str",
    **_UNIT, "attempt": "int64", "verdict": "str", "status": "str", "crashed": "bool", "note": "str",
    "failed": "str", "cause": "str", "action": "str", "started": _UTC, "duration_s": "float64",
    "folder": "str",
}  # fmt: skip
POWER_TYPES = {
    "time_s": "float64", "rail": "str", "voltage_v": "float64", "current_a": "float64", "limiting": "boolean",
    "power_w": "float64", "error_w": "float64", "gap_s": "float64",
}  # fmt: skip


def frame(path: Path | str) -> pd.DataFrame:
    """One row a judgement, in the columns of `JUDGED_TYPES`; `evidence` is relative to `path`."""
    return judged(journal_.read(path))


def judged(journal: Journal) -> pd.DataFrame:
    """The same of a journal that was read already."""
    rows = [_judged(journal.root, run, row) for run in journal.runs for row in run.rows]
    return _framed(rows, JUDGED_TYPES, journal.problems)


def runs(path: Path | str) -> pd.DataFrame:
    """One row a run, in the columns of `RUN_TYPES`; a crashed run is NOT_RUN and its `note` says so."""
    journal = journal_.read(path)
    return _framed([_run(journal, run) for run in journal.runs], RUN_TYPES, journal.problems)


def power(run_dir: Path | str) -> pd.DataFrame:
    """What the supply's sampler saw in one run, in the columns of `POWER_TYPES`, oldest first; maybe empty.

    Reads `power.parquet`, or where that is not (yet) there or broken, `power.jsonl`.
    """
    folder, problems = Path(run_dir), list[str]()
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such run folder")
    found = _power_parquet(folder / "power.parquet", problems)
    if found is None:
        found = _framed(_power_rows(folder / "power.jsonl", problems), POWER_TYPES, ())
    found = found.dropna(subset=["time_s", "rail", "voltage_v", "current_a"])
    found = found.sort_values("time_s", kind="stable", ignore_index=True)
    found.attrs["problems"] = problems
    return found


def export(
    df: pd.DataFrame,
    csv: Path | str | None = None,
    parquet: Path | str | None = None,
    json: Path | str | None = None,
) -> None:
    """Write `df` to each file named; JSON is a list of records; UsageError when a file cannot be written."""
    try:
        if csv is not None:
            df.to_csv(csv, index=False, encoding="utf-8")
        if parquet is not None:
            df.to_parquet(parquet, index=False)
        if json is not None:
            df.to_json(json, orient="records", date_format="iso", date_unit="us", force_ascii=False, indent=1)
    except OSError as e:
        raise UsageError(f"{e.filename or 'export'}: cannot be written: {e.strerror or e}; name another file") from e


def _framed(rows: Sequence[dict[str, object]], types: dict[str, str], problems: Iterable[str]) -> pd.DataFrame:
    columns = {}
    for name, kind in types.items():
        cells = [row[name] for row in rows]
        columns[name] = _times(cells) if kind == _UTC else pd.Series(cells, dtype=kind)
    df = pd.DataFrame(columns)
    df.attrs["problems"] = list(problems)
    return df


def _times(cells: list[object]) -> pd.Series:
    return pd.to_datetime(pd.Series(cells, dtype="float64"), unit="s", utc=True).dt.as_unit("us")


def _unit(start: Start) -> dict[str, object]:
    return {
        "adapter_design": start.adapter.design, "adapter_serial": start.adapter.serial,
        "card_model": start.card.model, "card_serial": start.card.serial,
    }  # fmt: skip


def _judged(root: Path, run: RunLog, row: Row) -> dict[str, object]:
    s = run.start
    return {
        "run": s.run, "batch": s.batch, "bench": s.bench, "virtual": s.virtual, **_unit(s), "step": row.step,
        "attempt": row.attempt, "name": row.name, "value": row.number, "unit": row.unit, "low": row.low,
        "high": row.high, "verdict": row.verdict and row.verdict.value, "why": row.why, "time": row.time_s,
        "evidence": _evidence(root, run, row), "error": row.error,
        "at_least": row.at_least, "text": row.text,
    }  # fmt: skip


def _evidence(root: Path, run: RunLog, row: Row) -> str:
    file = below(row.evidence)
    return _path(run.folder.relative_to(root) / file) if file else ""


def _path(path: PurePath) -> str:
    # a file name need not be UTF-8, a column must
    return path.as_posix().encode("utf-8", "replace").decode()


def _run(journal: Journal, run: RunLog) -> dict[str, object]:
    s, cause = run.start, next(iter(run.causes), None)
    return {
        "run": s.run, "batch": s.batch, "batch_id": s.batch_id, "bench": s.bench, "virtual": s.virtual,
        "plan": s.plan, **_unit(s), "attempt": s.attempt, "verdict": run.verdict.value, "status": run.status,
        "crashed": run.crashed, "note": run.note, "failed": "; ".join(run.failed),
        "cause": cause.title if cause else "", "action": cause.action if cause else "",
        "started": s.started_s, "duration_s": run.duration_s,
        "folder": _path(run.folder.relative_to(journal.root)),
    }  # fmt: skip


def _power_parquet(file: Path, problems: list[str]) -> pd.DataFrame | None:
    if not file.is_file():
        return None
    try:
        found = pd.read_parquet(file)
        if "power_w" not in found:  # written before readings had their own error
            found = found.assign(power_w=found["voltage_v"] * found["current_a"], error_w=float("nan"), gap_s=0.0)
        return found[list(POWER_TYPES)].astype(POWER_TYPES)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
    ) as e:  # pyarrow's own errors are ValueErrors and OSErrors
        problems.append(f"{file}: skipped, it is no power trace: {e}")
        return None


def _power_rows(file: Path, problems: list[str]) -> list[dict[str, object]]:
    return [
        {"time_s": line.time_s, "rail": rail, **_power_row(reading), "gap_s": line.gap_s}
        for line in journal_.lines(file, PowerLine, problems)
        for rail, reading in line.rails.items()
    ]


def _power_row(reading: RailReading) -> dict[str, object]:
    known = Reading(0.0, **reading.model_dump())
    return {
        "voltage_v": known.voltage_v, "current_a": known.current_a, "limiting": known.limiting,
        "power_w": known.watts, "error_w": known.watts_error,
    }  # fmt: skip
