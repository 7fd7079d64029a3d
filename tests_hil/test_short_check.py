"""Bare board: may it go into a motherboard at all?"""

import pytest

from rig.model import Step
from rig.steps import short_check

pytestmark = pytest.mark.step(Step.SHORT_CHECK)


def test_no_two_nets_conduct_that_must_not(unit_run):
    bench = unit_run.bench
    rail = bench.options.probe
    if rail is None:
        unit_run.cannot(Step.SHORT_CHECK, "this bench has no test leads: options.probe in its file")

    def measure():
        unit_run.bare()
        return short_check.measure(bench.supply, rail, bench.probe, unit_run.parts.pairs, unit_run.plan.short_check)

    unit_run.take(Step.SHORT_CHECK, measure)
