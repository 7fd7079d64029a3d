"""One batch on several benches as one pytest-xdist session."""

from __future__ import annotations

import contextlib
import io

import pytest

from rig.errors import BenchError
from rig.plugin.campaign import Campaign
from rig.plugin.fleet.control import Control
from rig.plugin.order import Order
from rig.plugin.progress import Progress
from rig.plugin.session import Result, arguments, outcomes
from rig.plugin.standing import standing
from rig.report.pack import pack_power


def run_fleet(order: Order) -> Result:
    """Take the batch through all benches; BenchError where none of them could be opened."""
    campaign = Campaign(order, Progress().tell)
    if not order.inserts:
        campaign.close()
        return Result(outcomes(order, campaign), campaign.folder, cancelled=False, error=None)
    control, said = Control(order, campaign), io.StringIO()
    workers = ["--dist=loadscope", "--tx", f"{len(order.benches)}*popen"]
    try:
        # pytest's own words are kept from the terminal: the journal and the table say it better
        with contextlib.redirect_stdout(said):
            code = pytest.main([*arguments(), *workers], plugins=[control])
        campaign.taken_out = control.ledger.taken_out
        if code == pytest.ExitCode.INTERNAL_ERROR and not campaign.cancelled:
            campaign.error = f"pytest ended with {code!r}: {said.getvalue().strip()[-2000:]}"
        campaign.error = campaign.error or _error(order, control, cancelled=campaign.cancelled)
    finally:
        campaign.close()
    found = outcomes(order, campaign)
    runs = standing(campaign.folder).runs
    for run in runs:
        if not run.crashed:
            pack_power(run.folder)
    if not runs and campaign.error:
        raise BenchError(campaign.error)
    return Result(found, campaign.folder, campaign.cancelled, campaign.error, None, control.ledger.taken_out)


def _error(order: Order, control: Control, *, cancelled: bool) -> str | None:
    """What is wrong with the benches as a whole: not proven off, or none was left."""
    wrong = [f"{name} may not be off: {why}" for name, why in control.not_off.items()]
    out = control.ledger.taken_out
    if len(out) == len(order.benches) and not cancelled:
        wrong.append("no bench is left: " + "; ".join(f"{name}: {why}" for name, why in out.items()))
    return "; ".join(wrong) or None
