"""What `ethtool -i` prints as firmware-version, taken apart and compared with another.

The parts are dotted numbers, which are ordered; image ids (`0x80000838`), which are not; and a PSID. A part is known
by the word before it (`bc`, `phy`, `pkg`, `NCSI`, `5719-`) or, without one, by its place.
Ref: drivers/net/ethernet of Linux 6.1: intel/ixgbe/ixgbe_main.c (`ixgbe_set_fw_version`), intel/igb/igb_main.c
(`igb_set_fw_version`), intel/i40e/i40e.h (`i40e_nvm_version_str`), broadcom/bnx2x/bnx2x_cmn.c
(`bnx2x_fill_fw_str`), broadcom/bnxt/bnxt_ethtool.c (`bnxt_get_pkgver`), broadcom/tg3.c (`tg3_read_fw_ver`),
mellanox/mlx5/core/en_ethtool.c (`mlx5e_ethtool_get_drvinfo`).
"""

from __future__ import annotations

import enum
import re

_LIMIT = 256  # ethtool_drvinfo.fw_version holds 32
_TOKEN = re.compile(
    r"(?P<id>0x[0-9a-f]{1,16})(?![0-9a-z])"
    r"|\((?P<psid>\w{1,32})\)"
    r"|(?<![\w.])v?(?P<dotted>[0-9]{1,9}(?:\.[0-9]{1,9}){1,7})(?![\w.])"
    r"|(?P<word>[0-9a-z_]{1,64})"
)

Number = tuple[int, ...]
Part = int | str | Number


class Agreement(enum.StrEnum):
    """How a version stands to the one that is wanted."""

    YES = "yes"
    OLDER = "older"
    NEWER = "newer"
    OTHER = "other"
    """Not the same, and nothing says which came first."""


def compare(found: str, wanted: str) -> Agreement:
    """`found` against the parts that `wanted` names; the first of them, when it is a number, tells older from newer."""
    have, want = parts(found), parts(wanted)
    if not want or not have:
        return Agreement.YES if found.strip().lower() == wanted.strip().lower() else Agreement.OTHER
    alike = {name for name, part in want.items() if _same(have.get(name), part)}
    if alike == want.keys():
        return Agreement.YES
    first = next(iter(want))
    mine, wish = have.get(first), want[first]
    comparable = all(name in have and not isinstance(part, str) for name, part in want.items() if name not in alike)
    if not comparable or first in alike or not isinstance(mine, tuple) or not isinstance(wish, tuple):
        return Agreement.OTHER
    return Agreement.OLDER if _trimmed(mine) < _trimmed(wish) else Agreement.NEWER


def parts(text: str) -> dict[str, Part]:
    """Name to image id (int), dotted number (tuple) or PSID (text), in the order they are printed."""
    found: dict[str, Part] = {}
    label = ""
    for token in _TOKEN.finditer(text[:_LIMIT].lower()):
        if token["word"] is not None:
            label = token["word"]
            continue
        kind, part = _part(token)
        found.setdefault(_name(label or kind, found), part)
        label = ""
    return found


def _part(token: re.Match[str]) -> tuple[str, Part]:
    if token["id"] is not None:
        return "id", int(token["id"], 16)
    if token["psid"] is not None:
        return "psid", token["psid"]
    return "number", tuple(int(digits) for digits in token["dotted"].split("."))


def _name(wanted: str, taken: dict[str, Part]) -> str:
    """`number`, and `number 2` for the next one without a word before it."""
    again = sum(1 for name in taken if name.partition(" ")[0] == wanted)
    return f"{wanted} {again + 1}" if again else wanted


def _same(mine: Part | None, wish: Part) -> bool:
    if isinstance(mine, tuple) and isinstance(wish, tuple):
        return _trimmed(mine) == _trimmed(wish)
    return mine == wish


def _trimmed(number: Number) -> Number:
    """Without the zeros at its end: 1.63 is 1.63.0."""
    end = len(number)
    while end and number[end - 1] == 0:
        end -= 1
    return number[:end]
