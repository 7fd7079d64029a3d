"""Card in, host off: does it charge and come to rest?"""

import pytest

from rig.bench.topology import WHY
from rig.model import Step
from rig.steps import first_power

pytestmark = pytest.mark.step(Step.FIRST_POWER)


def test_the_card_charges_and_its_current_comes_to_rest(unit_run):
    topology = unit_run.bench.options.topology
    if topology != "riser":
        unit_run.cannot(Step.FIRST_POWER, f"this bench has no rails of the slot to ramp: {WHY[topology]}")

    def measure():
        unit_run.inserted()
        bench = unit_run.bench
        return first_power.measure(bench.supply, bench.strategy.set_points(), unit_run.plan.first_power)

    unit_run.take(Step.FIRST_POWER, measure)
