"""What every stand-in is given and gives back."""

from __future__ import annotations

import getopt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.twin.host.kernel import Kernel
from rig.twin.host.klog import KernelLog
from rig.twin.view import Slot


@dataclass(frozen=True, slots=True)
class Answer:
    """What the program prints, and its exit code."""

    out: str = ""
    err: str = ""
    code: int = 0
    hold: bool = False
    """It does not come back: the machine goes down under it."""
    exec: str = ""
    """Become the real program at this path instead, with the same arguments."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a stand-in may look at and do."""

    kernel: Kernel
    log: KernelLog
    slot: Slot
    real_ip: str
    stop: Callable[[str, float], None]
    """End this boot in so many seconds: `restart` or `power_off`."""


def options(tool: str, argv: Sequence[str], short: str, long: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """GNU getopt; OptionError carries what the real program prints about a wrong option."""
    try:
        return getopt.gnu_getopt(list(argv), short, list(long))
    except getopt.GetoptError as e:
        name = f"--{e.opt}" if len(e.opt) > 1 else e.opt
        if "requires argument" in e.msg:
            shown = (
                f"option '{name}' requires an argument"
                if len(e.opt) > 1
                else f"option requires an argument -- '{name}'"
            )
        else:
            shown = f"unrecognized option '{name}'" if len(e.opt) > 1 else f"invalid option -- '{name}'"
        raise OptionError(f"{tool}: {shown}\nTry '{tool} --help' for more information.\n") from None


class OptionError(Exception):
    """The text of a stand-in's complaint about its arguments."""
