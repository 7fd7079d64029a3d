"""Cable in: does every port link, as fast as both ends can?"""

import pytest

from rig.model import Step
from rig.steps import link

pytestmark = pytest.mark.step(Step.LINK)


def test_every_cabled_port_links_at_full_rate(unit_run):
    def measure():
        unit_run.booted()
        bench = unit_run.bench
        return link.measure(
            bench.host,
            unit_run.parts,
            bench.options.slot.root_port,
            [p.address for p in bench.options.ports],
            unit_run.plan.link,
        )

    unit_run.take(Step.LINK, measure)
