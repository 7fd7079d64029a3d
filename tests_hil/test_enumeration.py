"""Host on: is the card there, as wide and as fast as both ends can, without errors?"""

import pytest

from rig.model import Step
from rig.steps import enumeration

pytestmark = pytest.mark.step(Step.ENUMERATION)


def test_the_card_is_seen_at_full_width_and_speed_without_errors(unit_run):
    def measure():
        unit_run.booted()
        return enumeration.measure(
            unit_run.bench.host,
            unit_run.parts,
            unit_run.bench.options.slot.root_port,
            unit_run.plan.enumeration,
        )

    unit_run.take(Step.ENUMERATION, measure)
