"""From a twin file and the project's layouts and cards to what lies on the bench."""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping

from rig.config.library import Library
from rig.config.twin import TwinAdapter, TwinCard, TwinFile
from rig.errors import UsageError
from rig.model import AdapterUnit, Card, CardUnit
from rig.netlist import Board
from rig.twin import eeprom
from rig.twin.board import Soldered
from rig.twin.silicon import CardState, of

OUI = bytes.fromhex("9cb654")
"""Hewlett Packard."""
MLX4 = ("connectx3", "connectx3pro")


def soldered(twin: TwinFile, library: Library, unit: AdapterUnit) -> Soldered:
    """The board as it is: what the twin file says of its serial wins over what its owner believes."""
    real = twin.adapters.get(unit.serial, TwinAdapter())
    jumpers = {**unit.jumpers, **real.jumpers}
    mods = tuple(real.mods) or unit.mods
    board = Board(library.adapter(unit.design), AdapterUnit(unit.design, unit.serial, jumpers, mods))
    return Soldered(board, real.joints)


def card_state(drawer: MutableMapping[str, CardState], twin: TwinFile, library: Library, unit: CardUnit) -> CardState:
    """The card of this serial as it was left, or fresh from the twin file; UsageError for another model."""
    card = library.card(unit.model)
    if unit.serial not in drawer:
        drawer[unit.serial] = _fresh(twin.cards.get(unit.serial, TwinCard()), card, unit.serial)
    known = drawer[unit.serial]
    if known.card.model != card.model:
        raise UsageError(f"card {unit.serial!r} is a {known.card.model}, not a {card.model}; fix the batch file")
    return known


def _fresh(real: TwinCard, card: Card, serial: str) -> CardState:
    if not card.pcie_card:
        raise UsageError(f"{card.model} is a media module without a PCIe function; it cannot go into an adapter")
    nvram = real.nvram or eeprom.GOOD
    if nvram not in eeprom.states(card):
        raise UsageError(f"card {serial!r}: the NVM of a {card.model} can be {', '.join(eeprom.states(card))}")
    firmware = real.firmware or ("vpi" if card.family in MLX4 else "eth")
    firmware = "blank" if nvram == eeprom.BLANK else firmware
    if firmware not in of(card).modes:
        raise UsageError(
            f"card {serial!r}: a {card.model} has no {firmware!r} firmware; it has {', '.join(of(card).modes)}"
        )
    down = [port for port in real.ports_down if not 1 <= port <= (card.ports or 1)]
    if down:
        raise UsageError(f"card {serial!r}: a {card.model} has ports 1 to {card.ports or 1}, got port {down[0]}")
    mac = bytes.fromhex(real.mac.replace(":", "")) if real.mac else _mac(serial)
    return CardState(card, serial, firmware, real.power_w, tuple(real.ports_down), mac, nvram=nvram)


def _mac(serial: str) -> bytes:
    """Unicast, even: the second port is one more."""
    tail = hashlib.sha256(serial.encode("utf-8", "surrogatepass")).digest()[:3]
    return OUI + tail[:2] + bytes([tail[2] & 0xF8])
