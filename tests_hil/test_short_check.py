"""Bare board: may it go into a motherboard at all?"""

import pytest

from rig.model import Step
from rig.steps import short_check
from rig.steps.leads import where

pytestmark = pytest.mark.step(Step.SHORT_CHECK)


def test_no_two_nets_conduct_that_must_not(unit_run):
    bench = unit_run.bench
    rail = bench.options.probe
    if rail is None:
        unit_run.cannot(Step.SHORT_CHECK, "this bench has no test leads: options.probe in its file")

    def measure():
        unit_run.bare()
        plan = unit_run.plan.short_check
        multimeter = bench.operator.multimeter if plan.multimeter else None
        leads = short_check.Leads(rail, lambda point: where(unit_run.board, point), multimeter)
        return short_check.measure(bench.supply, leads, bench.probe, unit_run.parts.pairs, plan)

    unit_run.take(Step.SHORT_CHECK, measure)
