"""The rows of one state."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from rig.model import Measurement, Reading
from rig.steps.power_profile.baseline import Baseline, share
from rig.steps.power_profile.bench import Ports
from rig.steps.power_profile.window import Taken

_NO_BASELINE = "the whole host was measured and no baseline: 'power_profile: {baseline: true}' in the plan"
_ONE_CHANNEL = "3.3 V and 3.3Vaux of the slot are one channel"


def rows_of(bench: Ports, state: str, taken: Taken, baseline: Baseline | None) -> list[Measurement]:
    """Means, peak and energy of a window, each with the bound of the instrument's error.

    The error is the mean of the readings' bounds: an instrument's error is the same in all of them, so more readings
    make it no smaller.
    """
    name = f"power.{state}"
    total, rest = _total(bench, name, taken, baseline), _note(state, taken)
    mean, error = statistics.fmean(taken.totals_w), error_w(taken)
    peak = max(range(len(taken.samples)), key=lambda i: taken.totals_w[i])
    return [
        Measurement(total.name, total.value, "W", "; ".join(filter(None, (total.note, rest))), error=total.error),
        *(
            Measurement(f"{name}.{rail}_w", mean_w(taken, rail), "W", error=_mean_error(taken.readings(rail)))
            for rail in taken.rails
        ),
        Measurement(
            f"{name}.peak_w", taken.totals_w[peak], "W", "" if bench.is_direct else "of the whole host",
            error=_sum([taken.samples[peak].rails[rail].watts_error for rail in taken.counted]),
        ),
        Measurement(
            f"{name}.energy_j", mean * taken.length_s, "J",
            f"over {taken.length_s:.2f} s" + ("" if bench.is_direct else ", of the whole host"),
            error=None if error is None else error * taken.length_s,
        ),
        Measurement(f"{name}.samples", len(taken.samples), "1"),
        Measurement(f"{name}.steady", taken.settled.steady, "1", str(taken.settled.trend or "too few readings")),
        Measurement(f"{name}.settle_s", taken.settled.after_s, "s"),
    ]  # fmt: skip


def missing(state: str, why: str) -> list[Measurement]:
    """The row of a state that was not measured."""
    return [Measurement(f"power.{state}.total_w", None, "W", f"not measured: {why}")]


def mean_w(taken: Taken, rail: str) -> float:
    return statistics.fmean(r.watts for r in taken.readings(rail))


def error_w(taken: Taken) -> float | None:
    """Bound of the instrument's error of the mean total; None: not known."""
    return _sum([_mean_error(taken.readings(rail)) for rail in taken.counted])


def _total(bench: Ports, name: str, taken: Taken, baseline: Baseline | None) -> Measurement:
    mean, count = statistics.fmean(taken.totals_w), f"mean of {len(taken.samples)} samples"
    if bench.is_direct:
        return Measurement(f"{name}.total_w", mean, "W", count, error=error_w(taken))
    if baseline is None:
        return Measurement(f"{name}.total_w", None, "W", _NO_BASELINE)
    value, error, note = share(bench.supply.accuracy(), taken, baseline)
    return Measurement(f"{name}.total_w", value, "W", f"{count}, {note}", error=error)


def _note(state: str, taken: Taken) -> str:
    waited = "" if taken.settled.steady else f"not steady after {taken.settled.after_s:.1f} s"
    return "; ".join(filter(None, (waited, _ONE_CHANNEL if state == "aux" else "")))


def _mean_error(readings: Sequence[Reading]) -> float | None:
    errors = [r.watts_error for r in readings if r.watts_error is not None]
    return statistics.fmean(errors) if len(errors) == len(readings) else None


def _sum(errors: Sequence[float | None]) -> float | None:
    known = [e for e in errors if e is not None]
    return math.fsum(known) if known and len(known) == len(errors) else None
