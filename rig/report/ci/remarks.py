"""What a runner shows beside the code: GitHub's workflow commands, plain lines anywhere else.

Ref: GitHub, Workflow commands; actions/toolkit, `command.ts` (escapes) and actions/runner, `ActionCommand` (`##[`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rig.model import Verdict
from rig.report.ci.cases import Case, Suite
from rig.report.text import brief, one_line

MOST_OF_A_LEVEL = 10
"""GitHub shows so many errors and so many warnings of a step, and drops the rest without a word."""
_LEVELS = {Verdict.ERROR: "error", Verdict.FAIL: "error", Verdict.NOT_RUN: "warning", Verdict.MARGINAL: "warning"}
_WORST_FIRST = (Verdict.ERROR, Verdict.FAIL, Verdict.NOT_RUN, Verdict.MARGINAL)


@dataclass(frozen=True, slots=True)
class Remark:
    """One remark; `level` is `error`, `warning` or `notice`."""

    level: str
    title: str
    text: str


def remarks(suites: Iterable[Suite]) -> tuple[Remark, ...]:
    """One for every case that is not a PASS, the worst first; of steps that a failure stopped, the failure alone."""
    found = [(c, suite) for suite in suites for c in _worth_telling(suite)]
    found.sort(key=lambda pair: _WORST_FIRST.index(pair[0].verdict or Verdict.MARGINAL))
    return tuple(
        Remark(_LEVELS[case.verdict], f"{case.verdict} {suite.name}: {case.name}", f"{_virtual(suite)}{case.message}")
        for case, suite in found
        if case.verdict
    )


def _worth_telling(suite: Suite) -> list[Case]:
    bad = [c for c in suite.cases if c.told and c.verdict in _LEVELS]
    stopped = any(c.verdict in (Verdict.FAIL, Verdict.ERROR) for c in bad)
    return [c for c in bad if not (stopped and c.verdict is Verdict.NOT_RUN)]


def _virtual(suite: Suite) -> str:
    return "VIRTUAL: " if ("rig:virtual", "true") in suite.properties else ""


def github(found: Sequence[Remark], file: str | None = None) -> list[str]:
    """Workflow commands, a line each; of a level with more than GitHub shows, the last says how many there are."""
    counts, shown, lines = Counter(a.level for a in found), Counter[str](), list[str]()
    for a in found:
        shown[a.level] += 1
        over = counts[a.level] - MOST_OF_A_LEVEL
        if over > 0 and shown[a.level] == MOST_OF_A_LEVEL:
            title = f"and {over + 1} more"
            lines.append(_command(Remark(a.level, title, "GitHub shows ten of a step; see summary.md"), file))
        elif shown[a.level] < MOST_OF_A_LEVEL or over <= 0:
            lines.append(_command(a, file))
    return lines


def plain(found: Sequence[Remark]) -> list[str]:
    """The same for a log that knows no commands."""
    return [one_line(f"{a.level}: {a.title}: {a.text}") for a in found]


def _command(a: Remark, file: str | None) -> str:
    fields = {**({"file": file} if file else {}), "title": brief(one_line(a.title), 200)}
    told = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
    return f"::{a.level} {told}::{_data(brief(one_line(a.text), 2000) or a.title)}"


def _data(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    # the runner's older form of a command is looked for anywhere in a line
    return escaped.replace("##[", "## [")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
