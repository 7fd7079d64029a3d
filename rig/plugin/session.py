"""One batch as one pytest session in this process, with progress for a person."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rig.config.library import project_root
from rig.errors import BenchError
from rig.model import AdapterUnit, CardUnit, Cause, Unit, Verdict
from rig.plugin.campaign import Campaign
from rig.plugin.order import Order
from rig.plugin.progress import Progress
from rig.plugin.standing import key, standing
from rig.plugin.stash import CAMPAIGN, ORDER
from rig.plugin.unitrun import Outcome
from rig.report.journal import RunLog


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
    taken_out: Mapping[str, str] = field(default_factory=dict)
    """Of several benches those that broke, and why."""

    def verdicts(self) -> list[Verdict]:
        """One a unit, and ERROR for a bench that failed as a whole."""
        return [*(o.verdict for o in self.outcomes), *([Verdict.ERROR] if self.error else [])]


def run_order(order: Order) -> Result:
    """Take the batch through pytest; the RigError of a bench that could not even be opened.

    An order for several benches is worked by all of them.
    """
    if order.benches:
        from rig.plugin.fleet.session import run_fleet

        return run_fleet(order)
    campaign = Campaign(order, Progress().tell)
    if not order.inserts:
        campaign.close()
        return Result(outcomes(order, campaign), campaign.folder, cancelled=False, error=None)
    said = io.StringIO()
    # pytest's own words are kept from the terminal: the journal and the table say it better
    with contextlib.redirect_stdout(said):
        code = pytest.main(arguments(), plugins=[_Hand(order, campaign)])
    if campaign.not_opened is not None:
        raise campaign.not_opened
    if code == pytest.ExitCode.INTERNAL_ERROR or not (campaign.outcomes or campaign.cancelled or campaign.lost):
        raise BenchError(f"pytest ended with {code!r} and judged nothing: {said.getvalue().strip()[-2000:]}")
    return Result(outcomes(order, campaign), campaign.folder, campaign.cancelled, campaign.error, campaign.stopped)


def outcomes(order: Order, campaign: Campaign) -> list[Outcome]:
    """What every unit of the batch came to, those that others took before included; of a comparison, every insert."""
    if order.compare is not None:
        left = () if campaign.stopped else order.units[len(campaign.outcomes) :]
        return [*campaign.outcomes, *(_not_started(u, campaign) for u in left)]
    if order.then is None and not order.asked and not order.benches:
        last = {key(o.unit): o for o in campaign.outcomes}
    else:
        last = {k: stored(run) for k, run in standing(campaign.folder).latest().items()}
    return [last.get(key(u)) or _not_started(u, campaign) for u in order.units]


def _not_started(unit: Unit, campaign: Campaign) -> Outcome:
    """A unit that the batch never came to; it has no run of its own."""
    why = "cancelled" if campaign.cancelled else campaign.error or "the batch ended before it"
    return Outcome(unit, Verdict.NOT_RUN, (), (Cause("not run", action=why),), None, campaign.folder)


def stored(run: RunLog) -> Outcome:
    """A run read back as what it came to."""
    adapter, card = run.start.adapter, run.start.card
    causes = [Cause(**dict(c)) for c in run.causes] or ([Cause("not run", action=run.note)] if run.crashed else [])
    return Outcome(
        Unit(AdapterUnit(adapter.design, adapter.serial), CardUnit(card.model, card.serial)),
        run.verdict, run.failed, tuple(causes), run.stop.error if run.stop else None, run.folder, bench=run.start.bench,
    )  # fmt: skip


def arguments() -> list[str]:
    """What pytest is told on every bench."""
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
        # a tool of the rig's own tests: it takes two seconds to say that it was not used
        "-p",
        "no:hypothesispytest",
        # nothing is asserted in tests_hil, and what the rig imports needs no rewriting
        "--assert=plain",
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
