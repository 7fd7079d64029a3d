"""The chip of a ConnectX-3 card: made when the card first lies on the bench, its flash a file by the card's serial."""

from __future__ import annotations

from pathlib import Path

from rig.config.twin import TwinCard
from rig.twin.connectx3 import image
from rig.twin.connectx3.chip import Chip
from rig.twin.connectx3.faults import ChipFault
from rig.twin.connectx3.flash import Timing
from rig.twin.silicon import CardState, folder_of, of

PRO = "connectx3pro"
_NO_IMAGE = "blank"


def put_in(state: CardState, real: TwinCard, drawer: Path) -> None:
    """Give the card its chip; a flash that is in `drawer` already is as it was left, a new one comes from the factory.

    UsageError when the twin file's image does not fit the part.
    """
    flash = real.flash
    state.chip = Chip(
        drawer / folder_of(state.serial),
        part=flash.part,
        timing=Timing(flash.page_s, flash.erase_s),
        faults=[ChipFault(f.kind, f.after, f.times, f.at) for f in flash.faults],
        pro=state.card.family == PRO,
    )
    state.absent_without_image = flash.absent_without_image
    state.flash_prsnt = state.firmware == "recovery"
    if state.chip.blank() and state.firmware != _NO_IMAGE:
        state.chip.program(_factory_image(state, real))


def _factory_image(state: CardState, real: TwinCard) -> bytes:
    as_built = real.image
    variant = "eth" if state.firmware == "recovery" else state.firmware
    major, minor, sub = (int(n) for n in (as_built.version or of(state.card).firmware).split("."))
    return image.build(
        variant,
        version=(major, minor, sub),
        psid=as_built.psid,
        mac=int.from_bytes(state.mac, "big"),
        size=as_built.size or image.DEFAULT_SIZE,
        pro=state.card.family == PRO,
        failsafe=as_built.failsafe,
    )
