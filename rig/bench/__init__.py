"""The bench: labgrid's resources, drivers and strategy; nothing else in the rig knows labgrid.

A bench file names `rig.bench` in its `imports`, which registers the classes below with labgrid.
"""

import os

# gRPC's fork handlers abort forked children now and then; read when labgrid loads gRPC (labgrid 2cf952d5)
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from rig.bench.console import DrainedSerialDriver
from rig.bench.host import ConsoleHostDriver
from rig.bench.load import Bench, check_bench, open_bench
from rig.bench.operator import OperatorPlugDriver, OperatorTerminalDriver
from rig.bench.partner import IperfPartnerDriver
from rig.bench.plugs import plug_in
from rig.bench.rail_power import RailPowerDriver
from rig.bench.relays import RelayProbeDriver
from rig.bench.resources import OperatorPlug, OperatorTerminal, VisaInstrument
from rig.bench.strategy import SlotStrategy, Status
from rig.bench.supply import GuardedSupplyDriver

__all__ = [
    "Bench",
    "ConsoleHostDriver",
    "DrainedSerialDriver",
    "GuardedSupplyDriver",
    "IperfPartnerDriver",
    "OperatorPlug",
    "OperatorPlugDriver",
    "OperatorTerminal",
    "OperatorTerminalDriver",
    "RailPowerDriver",
    "RelayProbeDriver",
    "SlotStrategy",
    "Status",
    "VisaInstrument",
    "check_bench",
    "open_bench",
    "plug_in",
]
