"""A comparison with the baseline as a suite of a test report."""

from __future__ import annotations

from collections.abc import Iterator

from rig.model import Verdict
from rig.report.ci.baseline.result import Compared, Comparison, Finding
from rig.report.ci.baseline.words import TOLD, headline, sentence
from rig.report.ci.cases import Case, Suite

NAME = "baseline"
_VERDICTS = {
    Finding.REGRESSION: Verdict.FAIL,
    Finding.SUSPECT: Verdict.MARGINAL,
    Finding.NOT_COMPARABLE: Verdict.NOT_RUN,
}


def suite(found: Comparison) -> Suite:
    """One case a measurement: a regression fails, what cannot be compared is skipped with its reason."""
    cases = [_case(row) for row in found.rows]
    if found.verdict is Verdict.NOT_RUN:
        cases.append(Case(NAME, "compared", Verdict.NOT_RUN, 0.0, "nothing could be compared with the baseline"))
    numbers = tuple(p for row in found.rows for p in _properties(row))
    return Suite(
        NAME, NAME, NAME, tuple(cases), numbers,
        out="\n".join([headline(found), *found.notes, "", *(sentence(r) for r in found.rows)]),
    )  # fmt: skip


def _case(row: Compared) -> Case:
    group = f"{NAME} {row.key.model}" + (" (virtual)" if row.key.virtual else "")
    told = sentence(row)
    return Case(group, row.key.name, _VERDICTS.get(row.finding, Verdict.PASS), 0.0, told, told, row.finding in TOLD)


def _properties(row: Compared) -> Iterator[tuple[str, str]]:
    name = f"baseline:{row.key.model}:{row.key.name}"
    yield f"{name}@finding", str(row.finding)
    yield f"{name}@unit", row.key.unit
    if row.change is None:
        return
    told = {
        "before": row.change.before, "now": row.change.now, "difference": row.change.difference,
        "low": row.change.interval.low, "high": row.change.interval.high, "tolerance": row.tolerance,
        "p": row.change.p,
    }  # fmt: skip
    yield from ((f"{name}@{key}", f"{value:.9g}") for key, value in told.items())
    yield f"{name}@worse", row.worse
