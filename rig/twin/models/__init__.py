"""Register models of cards, each held to the real driver of a Linux guest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from rig.twin.linux.device import Registers
from rig.twin.models.i350 import i350
from rig.twin.models.i82599 import i82599
from rig.twin.models.wiring import Nvm, PortWiring, Told
from rig.twin.models.x540 import x540

__all__ = ["MODELS", "Nvm", "PortWiring", "Told"]
MODELS: Mapping[str, Callable[[Sequence[PortWiring]], tuple[Registers, ...]]] = MappingProxyType(
    {"8086:1528": x540, "8086:10fb": i82599, "8086:1521": i350}
)
"""PCI id to the maker of a card: the wirings of its ports to the registers of its functions, in order."""
