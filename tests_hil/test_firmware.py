"""What firmware is on it, and what is the least risky way to Ethernet ports?"""

import pytest

from rig.model import Step
from rig.steps import firmware

pytestmark = pytest.mark.step(Step.FIRMWARE)


def test_its_ports_are_ethernet_or_become_it_without_flashing(unit_run):
    def measure():
        unit_run.booted()
        return firmware.measure(
            unit_run.bench.host,
            unit_run.parts.card,
            unit_run.bench.options.slot.root_port,
            unit_run.plan.firmware,
        )

    unit_run.take(Step.FIRMWARE, measure)
