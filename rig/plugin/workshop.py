"""What the firmware step is given beyond the bench: images, backups, and where both lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rig.bench.load import Bench
from rig.model import Card, Unit
from rig.plugin import firmware
from rig.plugin.order import Order
from rig.steps.firmware.ports import Job, Ports
from rig.vault import Vault


@dataclass(frozen=True, slots=True)
class Workshop:
    """One batch's firmware matters."""

    order: Order
    vault: Vault
    twin_state: Path | None
    place: str | None = None
    """The place that was acquired; None: the bench is on this machine's own network."""

    @property
    def key(self) -> str:
        """The name under which a burn on this bench is on record."""
        if self.place is not None:
            return firmware.place_key(self.place)
        # virtual benches of one file are several all the same
        return f"{self._file}#{self.order.seat}" if self.order.seat and self.order.twin_path else self._file

    @property
    def keys(self) -> tuple[str, ...]:
        """Every name under which a burn on this bench may be on record: those of a place were once by file."""
        return (self.key,) if self.place is None else (self.key, self._file)

    @property
    def _file(self) -> str:
        return firmware.bench_key(self.order.bench_path)

    def card(self, unit: Unit) -> Card:
        return self.order.library.card(unit.card.model)

    def ports(
        self,
        bench: Bench,
        cold_restart: Callable[[Callable[[], None] | None], None],
        tell: Callable[[str, str], None],
        event: Callable[..., None],
    ) -> Ports:
        """The step's ports on an open bench; what a person is told is in the journal too."""

        def told(text: str) -> None:
            tell("progress", text)
            event("progress", text=text)

        return Ports(
            bench.host, bench.supply, bench.hold, bench.operator, bench.builder, self.vault, cold_restart,
            told, event,
        )  # fmt: skip

    def job(self, bench: Bench, unit: Unit, run: str) -> Job:
        """What is to be done to one unit."""
        order = self.order
        return Job(
            unit, self.card(unit), bench.options.slot.root_port, order.plan.firmware, order.images,
            bench.options.firmware, self.key, order.bench.is_virtual, run,
            str(self.twin_state) if self.twin_state else None, order.restore,
        )  # fmt: skip
