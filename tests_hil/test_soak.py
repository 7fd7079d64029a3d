"""Does it hold every time, retrained, under traffic and from cold?"""

import pytest

from rig.model import Step
from rig.steps import soak

pytestmark = pytest.mark.step(Step.SOAK)


def test_the_link_comes_back_every_time_and_carries_without_errors(unit_run):
    def measure():
        unit_run.booted()
        bench, plan = unit_run.bench, unit_run.plan
        ports = soak.Ports(
            host=bench.host,
            partner=bench.partner,
            root_port=bench.options.slot.root_port,
            addresses=[p.address for p in bench.options.ports],
            iperf3_port=bench.options.iperf3_port,
            carrier_deadline_s=plan.link.carrier_deadline_s,
            restart=lambda: unit_run.cold_restart(off_s=plan.soak.off_s),
            keep=lambda text: unit_run.journal.evidence(Step.SOAK, {"trials.jsonl": text}),
        )
        return soak.measure(ports, unit_run.parts, plan.soak)

    unit_run.take(Step.SOAK, measure)
