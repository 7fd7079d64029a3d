"""What a person does at the virtual bench: units in and out, leads, relays, cables."""

from __future__ import annotations

from collections.abc import Mapping

from rig.config.twin import TwinCard
from rig.errors import UsageError
from rig.model import AdapterUnit, CardUnit
from rig.twin import chips, nvms
from rig.twin.bench import Bench
from rig.twin.board import Soldered
from rig.twin.build import MLX4, card_state, soldered
from rig.twin.errors import Refused
from rig.twin.inserted import Bare, Carrier, Nothing, Slotted
from rig.twin.power import CardPower
from rig.twin.wiring import MAIN, SECOND


class Hands(Bench):
    """The bench with somebody at it."""

    def insert(self, adapter: AdapterUnit, card: CardUnit | None, *, bare: bool) -> None:
        """Put a unit in the slot, its adapter alone there (no card), or its adapter alone on the fixture (`bare`).

        Every cable goes back in. Refused with power on, UsageError when twin file and layout or card do not fit;
        nothing changes then.
        """
        with self._lock:
            self._hands_off("put a unit in")
            board = soldered(self._twin, self._library, adapter)
            if bare:
                self._on_bench = Bare(adapter, board)
                self._on_bench.relays(self._relays)
            elif card is None:
                self._on_bench = Carrier(adapter, board)
            else:
                self._on_bench = self._slotted(adapter, board, card)
            self._nic.all_plugged()
            self._changed()

    def _slotted(self, adapter: AdapterUnit, board: Soldered, card: CardUnit) -> Slotted:
        state, real = (
            card_state(self._cards, self._twin, self._library, card),
            self._twin.cards.get(card.serial, TwinCard()),
        )
        if state.card.family in MLX4 and state.chip is None:
            chips.put_in(state, real, self._drawer)
        nvms.put_in(state, self._drawer)
        truth = self._twin.power
        unit_w = truth.unit_sd_w * float(self.generator(f"unit {card.serial}").standard_normal())
        power = CardPower(state.card, state.power_w, self._inserts, truth, unit_w, self._start_s)
        return Slotted(adapter, board, state, power, self._loads)

    def remove(self) -> None:
        """Take out whatever is in; Refused with power on."""
        with self._lock:
            self._hands_off("take the unit out")
            self._on_bench = Nothing()
            self._changed()

    def connect(self, plus: str, minus: str) -> None:
        """Put the probe leads on two points: Refused without a bare adapter, UsageError on a wrong name."""
        with self._lock:
            self._advance()
            if not isinstance(self._on_bench, Bare):
                raise Refused("there is no bare adapter on the probe fixture to put the leads on")
            self._on_bench.connect(plus, minus)
            self._changed()

    def multimeter_ohm(self, plus: str, minus: str) -> float:
        """What a multimeter shows between two points of the bare adapter, infinite for open; Refused without one."""
        with self._lock:
            self._advance()
            if not isinstance(self._on_bench, Bare):
                raise Refused("there is no bare adapter on the probe fixture to put a multimeter on")
            return self._on_bench.resistance_ohm(plus, minus)

    def relay(self, lead: str, point: str, closed: bool) -> None:
        """A contact of the relay board between a lead (`plus`, `minus`) of the probe channel and a point moved."""
        with self._lock:
            self._advance()
            one = {(lead, point)}
            self._relays = self._relays | one if closed else self._relays - one
            if isinstance(self._on_bench, Bare):
                self._on_bench.relays(self._relays)
            self._changed()

    def cable(self, port: int, *, plugged: bool) -> None:
        """Pull a cable out of a port of the card (from 1) or put it back, power on or not.

        Refused without a card in the slot, UsageError for a port it has not.
        """
        with self._lock:
            self._advance()
            if not isinstance(self._on_bench, Slotted):
                raise Refused("there is no card in the slot whose cable could be moved")
            card = self._on_bench.state.card
            if not 1 <= port <= (card.ports or 1):
                raise UsageError(f"a {card.model} has ports 1 to {card.ports or 1}, got port {port}")
            self._nic.plug(port, plugged=plugged)
            self._changed()

    def flash_prsnt(self, *, shorted: bool) -> None:
        """Short the card's FLASH PRSNT holes, or take the short off; Refused with power on or without a card."""
        with self._lock:
            self._hands_off("touch FLASH PRSNT")
            if not isinstance(self._on_bench, Slotted):
                raise Refused("there is no card in the slot to short FLASH PRSNT on")
            self._on_bench.state.flash_prsnt = shorted

    def confirms(self) -> bool:
        """What the person at the bench says when asked to allow something."""
        return self._twin.operator.confirms

    def release(self) -> None:
        """Take the probe leads off."""
        with self._lock:
            self._advance()
            if isinstance(self._on_bench, Bare):
                self._on_bench.release()
            self._changed()

    def state(self) -> Mapping[str, object]:
        """What an onlooker sees; JSON values."""
        with self._lock:
            self._advance()
            there = self._on_bench
            card = there.state if isinstance(there, Slotted) else None
            return {
                "adapter": None if isinstance(there, Nothing)
                else {"design": there.adapter.design, "serial": there.adapter.serial},
                "card": card and {"model": card.card.model, "serial": card.serial},
                "bare": isinstance(there, Bare),
                "leads": there.leads if isinstance(there, Bare) else None,
                "relays_closed": sorted("/".join(contact) for contact in self._relays),
                "cables_out": self._nic.cables_out(),
                "mains": self._mains,
                "host": self._machine.state,
                "outputs_on": self._supplies.on(MAIN),
                "second_outputs_on": self._supplies.on(SECOND),
                "card_powered": isinstance(there, Slotted) and there.powered,
                "card_damaged_at": sorted(card.damaged) if card else [],
                "link": {"width": self._link.width, "gen": self._link.generation, "why": self._link.why},
            }  # fmt: skip

    def _hands_off(self, what: str) -> None:
        self._advance()
        hot = self._supplies.hot()
        if self._mains:
            hot.append("the test host's mains")
        if hot:
            raise Refused(f"cannot {what}: {' and '.join(hot)} still on; switch everything off first")
