"""Does it hold every time? Link retrains, traffic and cold boots, again and again: what finds an intermittent joint.

A trial that the unit failed is counted; one that the bench could not do is an error of the bench. How low the rate of
failures must be after so many trials is reckoned by the reports.
"""

from __future__ import annotations

from rig.config.plan import Soak
from rig.expect import Parts
from rig.model import Findings
from rig.steps.pci import locate
from rig.steps.soak.bench import Ports
from rig.steps.soak.look import due_of
from rig.steps.soak.power_cycle import power_cycles
from rig.steps.soak.retrain import retrains
from rig.steps.soak.traffic import traffic
from rig.steps.soak.trials import FILE, Trials, rows

__all__ = ["Ports", "measure"]


def measure(bench: Ports, parts: Parts, plan: Soak) -> Findings:
    """Traffic on the link as it booted, then retrains, then power cycles."""
    trials, wanted = Trials(plan.stop_at), [what for what, n in plan.due().items() if n]
    try:
        missing = _soak(bench, parts, plan, trials)
    except BaseException:
        # a bench that fails, or a cancel, after hours of trials
        bench.keep(trials.text())
        raise
    told = {what: why for what, why in missing.items() if why}
    return Findings(tuple(rows(trials, wanted, told)), {FILE: trials.text()})


def _soak(bench: Ports, parts: Parts, plan: Soak, trials: Trials) -> dict[str, str | None]:
    """Why something that the plan wants was not done, or not wholly."""
    found = locate(bench.host, parts.card, bench.root_port)
    due = due_of(bench.host, found, parts, plan.correctable_per_trial) if found else None
    if found is None or due is None:
        return dict.fromkeys(plan.due(), "the card is not there before the soak: take the enumeration first")
    missing = {}
    if plan.traffic_s:
        missing["traffic"] = traffic(bench, found, due, plan, trials)
    if plan.retrains and not trials.enough:
        missing["retrain"] = retrains(bench, found, due, plan, trials)
    if plan.power_cycles:
        power_cycles(bench, parts, found, due, plan, trials)
    return missing
