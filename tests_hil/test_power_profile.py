"""What does the card draw, in each of its states?"""

import pytest

from rig.bench.topology import COUNTED, WHY
from rig.model import Step
from rig.steps import power_profile

pytestmark = pytest.mark.step(Step.POWER_PROFILE)


def test_the_card_draws_what_its_figures_allow_in_every_state(unit_run):
    def measure():
        plan, parts = unit_run.plan.power_profile, unit_run.parts
        return power_profile.measure(ports_of(unit_run), parts, plan, unit_run.journal.event)

    unit_run.take(Step.POWER_PROFILE, measure)


def ports_of(unit_run):
    b = unit_run.bench
    topology = b.options.topology
    on_rails = topology == "riser"
    return power_profile.Ports(
        supply=b.supply,
        host=b.host,
        partner=b.partner,
        cables=b.cables,
        root_port=b.options.slot.root_port,
        addresses=[p.address for p in b.options.ports],
        iperf3_port=b.options.iperf3_port,
        counted=COUNTED[topology],
        is_direct=on_rails,
        to_card=unit_run.booted,
        to_adapter=unit_run.adapter_booted,
        to_aux=unit_run.on_aux if on_rails else None,
        no_aux=f"3.3 V aux alone is not to be had here: {WHY[topology]}",
        host_is_off=b.strategy.status.name != "shell",
        partners=b.cable_ends,
    )
