"""The golden unit of a bench: its numbers against those that the bench measured when it was known to be good.

The last check decides: after one that was not passed the bench is out of order, and no unit is judged on it until
`rig golden run` passes. Checks are lines of a file beside the golden file; those of other numbers do not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.config.bench import BenchOptions
from rig.config.golden import GoldenFile, load_golden
from rig.errors import BenchError, UsageError
from rig.judge import failed_names, overall
from rig.model import Judged, Unit, Verdict
from rig.record import iso

_DAY_S = 86_400.0
_MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Golden:
    """The golden unit of a bench, as its file has it."""

    path: Path
    file: GoldenFile
    digest: str
    """Of the file: a check says something of the numbers that it was made with."""
    max_age_s: float

    @property
    def unit(self) -> Unit:
        return self.file.the_unit()

    @property
    def checks(self) -> Path:
        """Where what came of the checks is kept, a line each, oldest first."""
        return self.path.with_name(f"{self.path.stem}.checks.jsonl")


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check came to; FAIL: a number is off, NOT_RUN: not all were measured, ERROR: the bench failed."""

    verdict: Verdict
    why: str
    time_s: float
    run: str = ""

    def age_s(self, now_s: float) -> float:
        return max(0.0, now_s - self.time_s)


def golden(bench_path: Path, options: BenchOptions) -> Golden | None:
    """The bench's golden unit; None: the bench file names none, or its numbers are not made yet.

    ConfigError where its file is wrong, or is of another bench.
    """
    if options.golden is None:
        return None
    path = bench_path.parent / options.golden.file
    if not path.exists():
        return None
    file = load_golden(path, options.name, virtual=options.is_virtual)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Golden(path, file, digest, options.golden.max_age_days * _DAY_S)


def last_check(found: Golden) -> Checked | None:
    """The last check of these numbers; None: there was none. UsageError when the record cannot be read."""
    return next(reversed(list(_checks(found))), None)


def _checks(found: Golden) -> Iterator[Checked]:
    try:
        text = found.checks.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as e:
        raise UsageError(f"{found.checks}: cannot be read: {e.strerror}") from e
    for line in text.splitlines():
        try:
            row = json.loads(line)
            if row["golden"] == found.digest and row["virtual"] is found.file.virtual:
                yield Checked(Verdict(row["verdict"]), str(row["why"]), float(row["time_s"]), str(row["run"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            # torn, or nobody's: only a whole line says that a bench is good
            continue


def out_of_order(found: Golden | None) -> str | None:
    """Why nothing may be judged on the bench; None: nothing speaks against it (a check too old is a warning)."""
    last = None if found is None else last_check(found)
    if found is None or last is None or last.verdict is Verdict.PASS:
        return None
    return (
        f"bench {found.file.bench!r} is out of order: its golden unit ({found.unit}) was not reproduced at "
        f"{iso(last.time_s)}: {last.why}; look at the bench, or at the golden unit itself, then 'rig golden run'"
    )


def refuse_out_of_order(found: Golden | None) -> None:
    """BenchError where the last check of the golden unit was not passed."""
    if (why := out_of_order(found)) is not None:
        raise BenchError(why)


def compared(found: Golden, judged: Sequence[Judged], error: str | None) -> tuple[Verdict, str]:
    """What a run of the golden unit says of the bench, and why."""
    if error is not None:
        return Verdict.ERROR, f"the run ended in an error of the bench: {error}"
    values = {
        j.measurement.name: float(j.measurement.value)
        for j in judged
        if isinstance(j.measurement.value, int | float) and not j.measurement.at_least
    }
    off, missing = found.file.amiss(values)
    if off:
        return Verdict.FAIL, _several("; ".join(off[:_MOST_TOLD]), len(off))
    if (verdict := overall(judged)) is Verdict.FAIL:
        return Verdict.FAIL, f"the golden unit itself is {verdict}: {', '.join(failed_names(judged)[:_MOST_TOLD])}"
    if missing:
        return Verdict.NOT_RUN, _several(f"not measured: {', '.join(missing[:_MOST_TOLD])}", len(missing))
    return Verdict.PASS, f"all {len(found.file.numbers)} numbers within their bounds"


def _several(text: str, count: int) -> str:
    return f"{text} and {count - _MOST_TOLD} more" if count > _MOST_TOLD else text


def keep(found: Golden, verdict: Verdict, why: str, run: str) -> None:
    """Append a check; BenchError when it cannot be written: a bench whose state is not kept cannot be trusted."""
    row = {
        "time_s": time.time(), "verdict": verdict, "why": why, "run": run, "bench": found.file.bench,
        "virtual": found.file.virtual, "golden": found.digest,
    }  # fmt: skip
    try:
        with found.checks.open("a+b") as file:
            # a line that a power cut tore must not take this one with it
            end = file.seek(0, os.SEEK_END)
            torn = end > 0 and _last_byte(found.checks) != b"\n"
            file.write((b"\n" if torn else b"") + json.dumps(row).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as e:
        raise BenchError(f"{found.checks}: the check cannot be written: {e.strerror}") from e


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
