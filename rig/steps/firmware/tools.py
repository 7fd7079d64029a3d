"""Which flashing tools the test host has, and their command lines.

mstflint and mstconfig take the card's PCI address; MFT's flint and mlxconfig take a name below /dev/mst, which
`mst start` makes. Ref: mstflint(1), mstconfig(1); MFT User Manual 4.24, chapters flint, mlxconfig, mst.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from rig.errors import BenchError
from rig.parse import mst
from rig.ports import HostPort

MSTFLINT, MFT = "mstflint", "mft"
_MST_S = 60.0
_PROGRAMS = {MSTFLINT: ("mstflint", "mstconfig"), MFT: ("flint", "mlxconfig")}


@dataclass(frozen=True, slots=True)
class Tools:
    """One family of tools, pointed at one card."""

    family: str
    burner: str
    """`mstflint` or `flint`."""
    configurator: str
    """`mstconfig` or `mlxconfig`."""
    device: str
    """PCI address or /dev/mst name."""

    def flint(self, *arguments: str) -> str:
        """A command line on the card's flash, quoted for a shell."""
        return shlex.join([self.burner, "-d", self.device, *arguments])

    def image(self, path: str, *arguments: str) -> str:
        """A command line on an image file of the test host."""
        return shlex.join([self.burner, "-i", path, *arguments])

    def config(self, *arguments: str) -> str:
        """A command line on the card's stored parameters."""
        return shlex.join([self.configurator, "-d", self.device, *arguments])


def find(host: HostPort, address: str, wanted: str = "auto") -> Tools:
    """The tools for the card at this PCI address; BenchError says what to install when there are none."""
    families = [MSTFLINT, MFT] if wanted == "auto" else [wanted]
    there = _installed(host, [p for f in families for p in _PROGRAMS[f]])
    family = next((f for f in families if _PROGRAMS[f][0] in there), None)
    if family is None:
        names = " or ".join(_PROGRAMS[f][0] for f in families)
        raise BenchError(
            f"test host: {names} is not installed: 'apt-get install mstflint' (Debian 12 brings 4.21, which still "
            "configures a ConnectX-3), or MFT 4.24 or older"
        )
    device = address if family == MSTFLINT else _mst_device(host, address)
    return Tools(family, *_PROGRAMS[family], device)


def _installed(host: HostPort, programs: Sequence[str]) -> set[str]:
    text = host.run("; ".join(f"command -v {p} >/dev/null && echo has:{p}" for p in programs)).text
    return {p for p in programs if f"has:{p}" in text.split()}


def _mst_device(host: HostPort, address: str) -> str:
    host.run("mst start", timeout_s=_MST_S)
    reply = host.run("mst status -v", timeout_s=_MST_S)
    found = mst.devices(reply.text).get(address)
    if found is None:
        raise BenchError(
            f"test host: asked 'mst status -v' for the card at {address}, got {reply.text.strip()[-300:]!r}; "
            "MFT newer than 4.24 no longer knows a ConnectX-3: install that one, or mstflint"
        )
    return found
