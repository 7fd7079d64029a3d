"""Before BURN: a link or a supply that could spoil it is a reason not to begin.

Ref: domain notes on firmware, section 6.
"""

from __future__ import annotations

from rig.steps.enumeration import LINK_ATTRIBUTES, link_state
from rig.steps.firmware.ports import Ports
from rig.steps.firmware.refused import Refused
from rig.steps.pci import DEVICES, Located, read_errors, read_files

_PHYSICAL = ("RxErr", "BadTLP", "BadDLLP", "Timeout", "Rollover")
_WHY = "a burn over a sick link may spoil the flash"


def refuse_unsound(ports: Ports, found: Located) -> str:
    """Refused for a link with errors or lost lanes on this boot, or a supply in limit; else what was not looked at."""
    ends = [found.endpoint, *([found.port] if found.port else [])]
    _width(ports, ends)
    unknown = _errors(ports, ends)
    if limiting := [rail for rail, reading in ports.supply.read().items() if reading.limiting]:
        raise Refused(f"the supply is in current limit on {', '.join(limiting)}: raise its limit_a before a burn")
    return unknown


def _width(ports: Ports, ends: list[str]) -> None:
    files = read_files(ports.host, [f"{DEVICES}/{end}/{name}" for end in ends for name in LINK_ATTRIBUTES])
    states = [link_state(files, end) for end in ends]
    able = [s.max_width for s in states if s.max_width]
    now = states[0].width
    if now is not None and able and now < min(able):
        raise Refused(f"the PCIe link is x{now} where both ends can x{min(able)}: {_WHY}")


def _errors(ports: Ports, ends: list[str]) -> str:
    counts = read_errors(ports.host, ends)
    for end, errors in counts.items():
        seen = sum((errors.correctable or {}).get(name, 0) for name in _PHYSICAL) + (errors.uncorrectable or 0)
        if seen:
            raise Refused(f"{seen} PCIe errors at {end} since boot: {_WHY}")
    unknown = [end for end, errors in counts.items() if errors.correctable is None]
    return f"PCIe errors are not counted at {', '.join(unknown)} on this host" if unknown else ""
