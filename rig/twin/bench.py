"""The state of the virtual bench: one lock, one clock, and every plug looks at the same thing."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rig.config.library import Library
from rig.config.twin import TwinCard, TwinFile
from rig.twin.circuit import Output
from rig.twin.endpoint import Host, link_of
from rig.twin.faults import Faults
from rig.twin.hostpower import HostPower
from rig.twin.inserted import Contacts, Nothing, OnBench, Slotted
from rig.twin.link import Link
from rig.twin.nic import Nic
from rig.twin.power import Activity, pcie_part
from rig.twin.silicon import CardState
from rig.twin.stepper import Stepper
from rig.twin.supplies import Panel, Supplies
from rig.twin.view import Gateway, HostView
from rig.twin.wiring import MAIN, Jack, host_fed, slot_feeds, wiring

Clock = Callable[[], float]
NO_LINK = Link(0, 0, why="nothing is in the slot")


@dataclass(frozen=True, slots=True)
class HostInput:
    """Whether the test host has power, and how often it lost it."""

    on: bool
    cuts: int


class Bench:
    """Card, slot, supplies, test host and mains through time; every method may be called from any thread.

    It is also the main supply's view of its own channels.
    """

    def __init__(
        self,
        twin: TwinFile,
        library: Library,
        addresses: Sequence[str],
        clock: Clock = time.monotonic,
        faults: Faults | None = None,
        drawer: Path | None = None,
    ) -> None:
        """`drawer` keeps the cards' flash from run to run; None: a temporary folder, gone with this world.

        UsageError when the twin file wires two channels to one rail.
        """
        self._lock = threading.RLock()
        self._twin, self._library, self._clock = twin, library, clock
        wired = wiring(twin)
        self._supplies, self._stepper = Supplies(wired), Stepper()
        self._machine = HostPower(twin.host, self.generator("host"), fed=host_fed(wired), feeds_slot=slot_feeds(wired))
        self._inserts = self.generator("inserts")
        self._errors = self.generator("errors")
        self._loads = self.generator("loads")
        self._joints = self.generator("joints")
        self._cards: dict[str, CardState] = {}
        self._on_bench: OnBench = Nothing()
        self._relays: Contacts = frozenset()
        self._mains = False
        self._host = Host(twin.host.slot, twin.host.aer)
        self._link = NO_LINK
        self._trained: tuple[OnBench, Host, int] | None = None
        self._up_at_s: float | None = None
        faults = faults or Faults(twin.faults, clock)
        partner_bps = twin.host.partner_bps
        self._nic = Nic(addresses, lambda: 0.0 if faults.active("partner", "dead") else partner_bps)
        self._start_s = self._now_s = clock()
        self._shown: HostView | None = None
        self._gateway: Gateway | None = None
        self._drawer = drawer or _temporary(self)

    def generator(self, purpose: str) -> np.random.Generator:
        """A stream of random numbers of its own, the same for the same twin file."""
        return np.random.default_rng([self._twin.seed, zlib.crc32(purpose.encode())])

    # --- mains and supplies -----------------------------------------------------------------------------------

    def set_mains(self, on: bool) -> None:
        """The mains output was switched."""
        with self._lock:
            self._advance()
            self._mains = on
            self._changed()

    def mains(self) -> bool:
        with self._lock:
            return self._mains

    def wall_w(self) -> float:
        """What the test host draws from the mains now."""
        with self._lock:
            self._advance()
            return self._machine.wall_w(self._mains)

    def host_input(self) -> HostInput:
        """Whether the test host has power: whoever plays it boots and ends it accordingly."""
        with self._lock:
            self._advance()
            return HostInput(self._machine.on, self._machine.cuts)

    def host_may_lose_power(self) -> bool:
        """Something other than the mains switch can take it: a supply's channel, or a card that shorts the slot."""
        return self._supplies.host() is not None or bool(self._machine.slot())

    def panel(self, instrument: str) -> Panel:
        """The terminals of one supply, `main` or `second`."""
        return Panel(self, instrument)

    def drive(self, channel: int, **settings: object) -> None:
        """Change settings of a channel (fields of Terminal) of the main supply at this instant."""
        self.set_terminal((MAIN, channel), settings)

    def output(self, channel: int) -> Output:
        """What a channel of the main supply carries now."""
        return self.at_terminal((MAIN, channel))

    def set_terminal(self, jack: Jack, settings: Mapping[str, object]) -> None:
        with self._lock:
            self._advance()
            for name, value in settings.items():
                setattr(self._supplies.terminal(jack), name, value)
            self._changed()

    def at_terminal(self, jack: Jack) -> Output:
        with self._lock:
            self._advance()
            t = self._supplies.terminal(jack)
            return Output(t.out_v, t.out_a, t.mode, t.on, t.tripped)

    # --- time -----------------------------------------------------------------------------------------------

    def _running_card(self) -> CardState | None:
        there = self._on_bench
        return there.state if isinstance(there, Slotted) and self._link.width else None

    def _reached_card(self) -> CardState | None:
        """The running card as far as its driver reaches it; after a reset under the driver nobody does."""
        return self._running_card() if self._host.decodes else None

    def _changed(self) -> None:
        self._stepper.disturb()
        self._machine.disturb()
        self._advance()

    def _advance(self) -> None:
        """Bring everything to this instant."""
        now_s = self._clock()
        seconds, self._now_s = max(now_s - self._now_s, 0.0), now_s
        there = self._on_bench
        self._host.lose_bits(self._link, seconds, self._nic.busy(), self._errors)
        if isinstance(there, Slotted):
            there.load(now_s, self._activity(there.state))
        self._step(there, seconds)
        if isinstance(there, Slotted):
            there.follow_power()
        self._link = self._train(there)
        card = there.state if isinstance(there, Slotted) else None
        self._host.train(card, self._link, placed=self._machine.state != "up")
        running = self._running_card()
        self._gateway = running.chip if running else None

    def _step(self, there: OnBench, seconds: float) -> None:
        harm = there.harm if isinstance(there, Slotted) else lambda volts: False
        attached = self._supplies.attached(there.node, self._machine.slot())
        self._stepper.advance(there.circuit, attached, seconds, harm)
        self._machine.busy_part = self._nic.busy_part()
        if self._machine.step(seconds, self._mains, self._supplies.host()):
            self._stepper.disturb()
            self._machine.disturb()
        if not self._machine.on and self._machine.state != "off":
            self._machine.state = "off"
            self._nic.reset(driver_loaded=False)
            self._host = Host(self._twin.host.slot, self._twin.host.aer)

    def _train(self, there: OnBench) -> Link:
        if not isinstance(there, Slotted):
            return NO_LINK
        if self._machine.state == "off":
            return Link(0, 0, why="the host is off")
        self._train_anew(there)
        if self._died(there.state):
            return Link(0, 0, why="the card died")
        generation, lanes = link_of(there.state.card)
        slot = self._twin.host.slot
        link = there.link(min(generation, slot.gen, self._host.target), min(lanes, slot.lanes, there.lanes))
        silent = link.width and not self._host.answers(there.state)
        return Link(0, 0, why="the card's firmware has no PCIe") if silent else link

    def _died(self, state: CardState) -> bool:
        after_s = self._twin.cards.get(state.serial, TwinCard()).dies_after_s
        return after_s is not None and self._up_at_s is not None and self._now_s - self._up_at_s >= after_s

    def _train_anew(self, there: Slotted) -> None:
        """Intermittent joints are drawn once a training: after a boot, and when the host sets Retrain Link."""
        now = (there, self._host, self._host.trainings)
        if now != self._trained:
            self._host.lose_lanes(there.train_anew(self._joints))
            self._trained = now

    def _activity(self, state: CardState) -> Activity:
        running, clock = bool(self._link.width), self._machine.state != "off"
        part = pcie_part(self._link, *link_of(state.card))
        return self._nic.activity(self._reached_card(), clock=clock, running=running, pcie_part=part)


def _temporary(owner: object) -> Path:
    folder = tempfile.mkdtemp(prefix="rig-drawer-")
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
