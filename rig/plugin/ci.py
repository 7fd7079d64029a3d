"""A job on a runner: the files it leaves in the results folder, and what it tells the runner."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rig.errors import UsageError
from rig.model import Verdict
from rig.report import html
from rig.report import journal as journal_
from rig.report.ci import junit, remarks, summary
from rig.report.ci.baseline.result import Comparison
from rig.report.ci.cases import Case, Suite, suites, verdicts
from rig.report.journal import Journal
from rig.report.markdown import escaped
from rig.report.text import visible

JUNIT, SUMMARY = "junit.xml", "summary.md"
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/-]+")


@dataclass(frozen=True, slots=True)
class Written:
    """What a job came to."""

    folder: Path
    verdicts: list[Verdict]
    """One a unit, the bench's where it failed, and the baseline's."""
    lines: tuple[str, ...]
    """Annotations for standard output."""
    report: Path | None
    """None: there is no run to report on."""
    warning: str = ""
    """What could not be told to the runner."""


def check_baseline(path: Path | None) -> None:
    """UsageError, before anything is switched, when the baseline is none."""
    if path is not None:
        from rig.report.ci.baseline import file

        file.load(path)


def write(
    folder: Path, baseline: Path | None, env: Mapping[str, str], fault: str = "", file: str | None = None
) -> Written:
    """JUnit, page and report of `folder`, the page appended to the runner's; `fault`: why the rig itself gave up."""
    found = journal_.read(folder)
    compared = _compared(found, baseline) if baseline else None
    known = any(b.stop and b.stop.error == fault for b in found.batches)
    told = [*suites(found), *([_fault(fault)] if fault and not known else []), *([compared.suite] if compared else [])]
    # the file a runner imports comes first: a cancelled job has seconds
    html.put(folder / JUNIT, junit.render(told).decode())
    page = summary.page(found, compared.found if compared else None, links(env))
    if fault:  # also where the bench could not be opened: a table of units that never ran does not say it
        page = f"## ⚠️ The rig gave up\n\n{escaped(fault, 2000)}\n\n{page}"
    html.put(folder / SUMMARY, page)
    warning = _append(env.get("GITHUB_STEP_SUMMARY"), page, f"{folder.name}/{SUMMARY}")
    report = html.write(folder) if found.runs else None
    said = remarks.remarks(told)
    lines = remarks.github(said, file) if on_github(env) else remarks.plain(said)
    every = [*verdicts(found), *([compared.found.verdict] if compared else [])]
    return Written(folder, every, tuple(lines), report, warning)


def on_github(env: Mapping[str, str]) -> bool:
    return env.get("GITHUB_ACTIONS") == "true"


def links(env: Mapping[str, str]) -> dict[str, str]:
    """Where the runner keeps the job and its files; addresses only, whatever the variables hold."""
    server, repository, run = (env.get(f"GITHUB_{k}", "") for k in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    told = {
        "report.html and junit.xml: artifacts of this run": f"{server}/{repository}/actions/runs/{run}"
        if on_github(env) and run.isdigit()
        else "",
        "report.html and junit.xml: files of this job": f"{env.get('CI_JOB_URL', '')}/artifacts/browse"
        if env.get("GITLAB_CI")
        else "",
    }
    return {name: address for name, address in told.items() if _ADDRESS.fullmatch(address)}


@dataclass(frozen=True, slots=True)
class _Compared:
    found: Comparison
    suite: Suite


def _compared(found: Journal, baseline: Path) -> _Compared:
    from rig.report.ci.baseline import suite
    from rig.report.ci.baseline.job import compare_job

    comparison = compare_job([found], baseline)
    return _Compared(comparison, suite.suite(comparison))


def _fault(text: str) -> Suite:
    return Suite("rig", "rig", "rig", (Case("rig", "rig", Verdict.ERROR, 0.0, text, text),))


def _append(target: str | None, page: str, where: str) -> str:
    """Append `page` to the runner's summary as far as there is room; what went wrong, or nothing."""
    if not target:
        return ""
    path = Path(target)
    try:
        room = summary.LIMIT_BYTES - (path.stat().st_size if path.exists() else 0)
        with path.open("a", encoding="utf-8") as f:
            f.write(summary.cut(page, room, where))
    except OSError as e:
        return f"GITHUB_STEP_SUMMARY: {visible(target)} cannot be written: {e.strerror}"
    return ""


def check_folder(folder: Path) -> None:
    """UsageError when there are no results in it to make files of."""
    found = journal_.read(folder)
    if not found.batches and not found.runs:
        raise UsageError(f"{folder}: there are no results in it: name the folder of a batch")
