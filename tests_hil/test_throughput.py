"""Traffic: does every port carry its line rate both ways, without PCIe errors?"""

import pytest

from rig.model import Step
from rig.steps import throughput

pytestmark = pytest.mark.step(Step.THROUGHPUT)


def test_every_cabled_port_carries_its_line_rate_both_ways(unit_run):
    def measure():
        unit_run.booted()
        bench = unit_run.bench
        return throughput.measure(
            bench.host,
            bench.partner,
            unit_run.parts,
            bench.options.slot.root_port,
            [p.address for p in bench.options.ports],
            bench.options.iperf3_port,
            unit_run.plan.throughput,
        )

    unit_run.take(Step.THROUGHPUT, measure)
