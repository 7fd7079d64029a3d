"""What firmware is on it, and what is the least risky way to Ethernet ports?"""

import pytest

from rig.model import Step
from rig.steps import firmware

pytestmark = pytest.mark.step(Step.FIRMWARE)


def test_its_ports_are_ethernet_or_become_it_by_the_least_risky_route(unit_run):
    def measure():
        unit_run.booted()
        return firmware.measure(unit_run.firmware_ports(), unit_run.firmware_job())

    unit_run.take(Step.FIRMWARE, measure)
