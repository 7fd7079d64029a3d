"""What does the card draw, in each of its states?"""

import pytest

from rig.model import Step
from rig.steps import power_profile

pytestmark = pytest.mark.step(Step.POWER_PROFILE)


def test_the_card_draws_what_its_figures_allow_in_every_state(unit_run):
    def measure():
        unit_run.booted()
        b = unit_run.bench
        ports = power_profile.Ports(
            b.supply,
            b.host,
            b.partner,
            b.options.slot.root_port,
            [p.address for p in b.options.ports],
            b.options.iperf3_port,
        )
        return power_profile.measure(ports, unit_run.parts, unit_run.plan.power_profile, unit_run.journal.event)

    unit_run.take(Step.POWER_PROFILE, measure)
