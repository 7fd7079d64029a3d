"""Stand-ins for the programs of the test host that only a kernel could answer, in the formats of Debian 12."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from rig.twin.host.tools import devlink, dmesg, ethtool, iproute, modules, power, uname
from rig.twin.host.tools.base import Answer, Context

Tool = Callable[[Context, Sequence[str]], Answer]

TOOLS: Mapping[str, Tool] = MappingProxyType(
    {
        "devlink": devlink.run,
        "dmesg": dmesg.run,
        "ethtool": ethtool.run,
        "ip": iproute.run,
        "lsmod": modules.lsmod,
        "modprobe": modules.modprobe,
        "rmmod": modules.rmmod,
        "reboot": power.reboot,
        "poweroff": power.poweroff,
        "halt": power.poweroff,
        "uname": uname.run,
    }
)

__all__ = ["TOOLS", "Answer", "Context", "Tool"]
