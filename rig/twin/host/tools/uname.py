"""`uname` of coreutils 9.1."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from rig.twin.host.klog import RELEASE, VERSION
from rig.twin.host.tools.base import Answer, Context, OptionError, options

HOSTNAME = "duthost"
_LONG = [
    "all",
    "kernel-name",
    "nodename",
    "kernel-release",
    "kernel-version",
    "machine",
    "processor",
    "hardware-platform",
    "operating-system",
]
_FIELDS = "snrvmpio"


def run(_: Context, argv: Sequence[str]) -> Answer:
    """Name the kernel that the boot log names."""
    try:
        given, rest = options("uname", argv, "asnrvmpio", _LONG)
    except OptionError as e:
        return Answer(err=str(e), code=1)
    if rest:
        return Answer(err=f"uname: extra operand '{rest[0]}'\nTry 'uname --help' for more information.\n", code=1)
    machine = platform.machine()
    values = dict(
        zip(_FIELDS, ("Linux", HOSTNAME, RELEASE, VERSION, machine, "unknown", "unknown", "GNU/Linux"), strict=True)
    )
    short = dict(zip(_LONG, "a" + _FIELDS, strict=True))
    asked = {short.get(name[2:], name[1:]) for name, _ in given} or {"s"}
    if "a" in asked:
        return Answer(out=" ".join(values[f] for f in "snrvmo") + "\n")
    return Answer(out=" ".join(values[f] for f in _FIELDS if f in asked) + "\n")
