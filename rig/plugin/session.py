"""One batch as one pytest session in this process, with progress for a person."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from rig.config.library import project_root
from rig.errors import BenchError
from rig.model import Cause, Verdict
from rig.plugin import CAMPAIGN, ORDER
from rig.plugin.campaign import Campaign
from rig.plugin.order import Order
from rig.plugin.progress import Progress
from rig.plugin.unitrun import Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """What a batch came to."""

    outcomes: list[Outcome]
    folder: Path
    cancelled: bool
    error: str | None
    """What was wrong with the bench as a whole: out of order, or not proven off at the end."""
    stopped: str | None = None
    """Why what was left of the order was not needed any more."""

    def verdicts(self) -> list[Verdict]:
        """One a unit, and ERROR for a bench that failed as a whole."""
        return [*(o.verdict for o in self.outcomes), *([Verdict.ERROR] if self.error else [])]


def run_order(order: Order) -> Result:
    """Take the batch through pytest; the RigError of a bench that could not even be opened."""
    campaign = Campaign(order, Progress().tell)
    said = io.StringIO()
    # pytest's own words are kept from the terminal: the journal and the table say it better
    with contextlib.redirect_stdout(said):
        code = pytest.main(_arguments(), plugins=[_Hand(order, campaign)])
    if campaign.not_opened is not None:
        raise campaign.not_opened
    if code == pytest.ExitCode.INTERNAL_ERROR or not (campaign.outcomes or campaign.cancelled):
        raise BenchError(f"pytest ended with {code!r} and judged nothing: {said.getvalue().strip()[-2000:]}")
    outcomes = [*campaign.outcomes, *_not_started(order, campaign)]
    return Result(outcomes, campaign.folder, campaign.cancelled, campaign.error, campaign.stopped)


def _not_started(order: Order, campaign: Campaign) -> list[Outcome]:
    """Units that the batch never came to; they have no run of their own."""
    why = Cause("not run", action="cancelled" if campaign.cancelled else campaign.error or "the batch ended before it")
    left = () if campaign.stopped else order.units[len(campaign.outcomes) :]
    return [Outcome(u, Verdict.NOT_RUN, (), (why,), None, campaign.folder) for u in left]


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
