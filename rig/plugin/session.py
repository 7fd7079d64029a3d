"""One batch as one pytest session in this process, with progress for a person."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from rig.config.library import project_root
from rig.errors import BenchError
from rig.model import Cause, Verdict
from rig.plugin import CAMPAIGN, ORDER
from rig.plugin.campaign import Campaign
from rig.plugin.order import Order
from rig.plugin.unitrun import Outcome

_COLOURS = {"PASS": "green", "MARGINAL": "yellow", "FAIL": "red", "ERROR": "magenta", "NOT_RUN": "cyan"}


@dataclass(frozen=True, slots=True)
class Result:
    """What a batch came to."""

    outcomes: list[Outcome]
    folder: Path
    cancelled: bool

    def exit_code(self, of_verdicts: Callable[[list[Verdict]], int]) -> int:
        return 130 if self.cancelled else of_verdicts([o.verdict for o in self.outcomes])


def run_order(order: Order, *, quiet: bool) -> Result:
    """Take the batch through pytest; BenchError when the bench could not even be opened."""
    progress = Progress(quiet=quiet)
    campaign = Campaign(order, progress.tell)
    said = io.StringIO()
    # pytest's own words are kept from the terminal: the journal and the table say it better
    with contextlib.redirect_stdout(said):
        code = pytest.main(_arguments(), plugins=[_Hand(order, campaign)])
    if not campaign.opened and campaign.error is not None:
        raise BenchError(campaign.error)
    if code == pytest.ExitCode.INTERNAL_ERROR or not (campaign.outcomes or campaign.cancelled):
        raise BenchError(f"pytest ended with {code!r} and judged nothing: {said.getvalue().strip()[-2000:]}")
    return Result([*campaign.outcomes, *_not_started(order, campaign)], campaign.folder, campaign.cancelled)


def _not_started(order: Order, campaign: Campaign) -> list[Outcome]:
    """Units that the batch never came to; they have no run of their own."""
    why = Cause("not run", action="cancelled" if campaign.cancelled else campaign.error or "the batch ended before it")
    begun = [o.unit for o in campaign.outcomes]
    return [Outcome(u, Verdict.NOT_RUN, (), (why,), None, campaign.folder) for u in order.units if u not in begun]


def _arguments() -> list[str]:
    root = project_root()
    return [
        str(root / "tests_hil"),
        f"--rootdir={root}",
        f"--confcutdir={root}",
        "-c",
        str(root / "pyproject.toml"),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:labgrid",
        "-p",
        "no:faulthandler",
        "-q",
        "--no-header",
        "--no-summary",
        # a deprecation somewhere below must not fail a unit
        "-o",
        "filterwarnings=default",
        "--capture=no",
    ]


class _Hand:
    """Hands the order and its campaign to the plugin."""

    def __init__(self, order: Order, campaign: Campaign) -> None:
        self._order, self._campaign = order, campaign

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[ORDER] = self._order
        config.stash[CAMPAIGN] = self._campaign


class Progress:
    """One line a step on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._step, self._since = "", time.monotonic()

    def tell(self, about: str, text: str) -> None:
        clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        if about == "step":
            self._step, self._since = clean, time.monotonic()
        elif about == "verdict":
            line = f"    {self._step:<14} {clean:<9} {time.monotonic() - self._since:5.1f} s"
            self._console.print(Text(line, style=_COLOURS.get(clean, "")))
        elif about == "outcome":
            self._console.print(Text(f"  = {clean}", style=f"bold {_COLOURS.get(clean.split(' ')[0], '')}"))
        else:
            self._console.print(Text(f"{'' if about == 'bench' else '  ! ' if about == 'error' else ''}{clean}"))
