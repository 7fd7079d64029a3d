"""What the kernel log says of the contents of a card's NVM: a driver that finds them bad does not take the card.

Ref: domain notes on kernel strings, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rig.model import Card
from rig.parse.kernel_log import Event, symptoms

DAMAGES: Mapping[str, str] = {
    "nic.bad_checksum": "NVM checksum invalid",
    "nic.bad_mac": "no valid MAC burned",
    "nic.recovery_mode": "firmware in recovery mode",
    "mlx4.bad_mac": "no valid MAC burned",
    "bnx2x.nvram": "NVRAM config error",
    "bnx2x.no_bootcode": "bootcode missing",
    "bnx2x.firmware_dead": "management firmware does not start",
}
"""Kernel log symptoms that are about what is in the NVM."""


def complaints(card: Card, functions: Sequence[str], told: Sequence[Event]) -> tuple[list[str], list[str]]:
    """Damage that the drivers of these functions complained of, and the lines that say so.

    bnx2x complains without an address.
    """
    mine = [e for e in told if e.device in functions or (e.device is None and _said_by(card, e.text))]
    lines = [e.text for e in mine if set(symptoms([e])) & DAMAGES.keys()]
    return list(dict.fromkeys(DAMAGES[code] for code in symptoms(mine) if code in DAMAGES)), lines


def _said_by(card: Card, text: str) -> bool:
    return any(text.startswith(f"{driver}: ") for driver in card.drivers)
