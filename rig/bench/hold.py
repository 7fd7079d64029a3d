"""The power held on while firmware is burned: by the guardian for the rails, by the strategy for the mains.

Who would bring the bench down after a reboot is told by a note on disk.
"""

from __future__ import annotations

from pathlib import Path

from rig.bench.place.folder import note_burn
from rig.bench.strategy import SlotStrategy
from rig.bench.supply import GuardedSupplyDriver
from rig.ports import BurnPort


class BurnHold(BurnPort):
    """Both told together, so that nothing of the bench cuts what the other keeps on."""

    def __init__(self, strategy: SlotStrategy, supply: GuardedSupplyDriver) -> None:
        self._strategy, self._supply = strategy, supply

    def burn(self, on: bool) -> None:
        """From here on (or no longer) nothing but over-current cuts the power, a rig that died included."""
        if on:
            note_burn(self._supply.burn_max_s)
            self._supply.burn(True)
            self._strategy.holding = True
        else:
            self._strategy.holding = False
            self._supply.burn(False)
            note_burn(None)

    @property
    def burn_socket(self) -> Path | None:
        """Where the next run finds the guardian that keeps the rails on."""
        return self._supply.burn_socket
