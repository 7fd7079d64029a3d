"""Parameters that mstconfig stores, in a file of the card: they outlive power, firmware and burns.

Ref: mstflint 4.21 mlxconfig/mlxcfg_param_lib.cpp, tools_layouts/tools_open_layouts (nv parameter types).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from rig.twin import wholefile
from rig.twin.connectx3 import ini

WAKE, SRIOV, LINK, BAR = 0x10, 0x11, 0x12, 0x13
LINK_NUMBERS: Mapping[str, int] = MappingProxyType({"ib": 1, "eth": 2, "vpi": 3})
_LINK_TYPES = {number: name for name, number in LINK_NUMBERS.items()}


class Parameters:
    """Values by type and modifier (port, 0: the card); a file that cannot be read is a card with defaults."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stored = _read(path)

    def get(self, kind: int, modifier: int) -> bytes | None:
        """None: nothing stored, the firmware's default applies."""
        return self._stored.get(f"{kind:#x}.{modifier}")

    def set(self, kind: int, modifier: int, value: bytes) -> None:
        self._keep({**self._stored, f"{kind:#x}.{modifier}": value})

    def forget(self, kind: int, modifier: int) -> None:
        self._keep({key: value for key, value in self._stored.items() if key != f"{kind:#x}.{modifier}"})

    def forget_all(self) -> None:
        self._keep({})

    def link_type(self, port: int) -> str | None:
        """`ib`, `eth` or `vpi`, as stored for a port."""
        return _LINK_TYPES.get(self._word(LINK, port) & 3)

    def sriov(self) -> tuple[bool, int] | None:
        """Whether virtual functions are on, and how many."""
        if self.get(SRIOV, 0) is None:
            return None
        word = self._word(SRIOV, 0)
        return bool(word >> 31), word & 0xFFFF

    def log2_bar_mib(self) -> int | None:
        return None if self.get(BAR, 0) is None else self._word(BAR, 0) & 0x3F

    def _word(self, kind: int, modifier: int) -> int:
        value = (self.get(kind, modifier) or b"")[:4].ljust(4, b"\0")
        return int(struct.unpack(">I", value)[0])

    def _keep(self, stored: dict[str, bytes]) -> None:
        self._stored = stored
        text = json.dumps({key: value.hex() for key, value in stored.items()}, indent=1)
        wholefile.write(self._path, text.encode())


def log2_bar_mib(settings: ini.Settings) -> int:
    """Size of the user access region as the firmware has it, log2 of MiB."""
    return min(max(ini.number(settings, "hca", "log2_uar_bar_megabytes", 3), 1), 10)


def _read(path: Path) -> dict[str, bytes]:
    try:
        stored = json.loads(path.read_bytes())
        return {str(key): bytes.fromhex(value) for key, value in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
