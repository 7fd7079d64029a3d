"""The state of the virtual bench: one lock, one clock, and every plug looks at the same thing."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rig.config.library import Library
from rig.config.twin import TwinCard, TwinFile
from rig.model import AdapterUnit, CardUnit
from rig.twin import chips
from rig.twin.build import MLX4, card_state, soldered
from rig.twin.circuit import Terminal
from rig.twin.endpoint import Host, link_of
from rig.twin.errors import Refused
from rig.twin.faults import Faults
from rig.twin.inserted import Bare, Nothing, OnBench, Slotted, Stepper
from rig.twin.link import Link
from rig.twin.nic import Nic
from rig.twin.power import Activity
from rig.twin.silicon import CardState
from rig.twin.view import Gateway, HostView, Slot

Clock = Callable[[], float]
NO_LINK = Link(0, 0, why="nothing is in the slot")

WIRING: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "DP832": {1: ("12v",), 2: ("probe",), 3: ("3v3",)},
    "SPD3303X-E": {1: ("12v", "probe"), 2: ("3v3",)},
}
"""Supply model to what its channels are wired to; with two ends, the one that is there."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a channel's terminals carry at one instant."""

    voltage_v: float
    current_a: float
    mode: str
    on: bool
    tripped: str


class World(Slot):
    """Adapter, card, slot, supply wiring and mains; every method may be called from any thread."""

    def __init__(
        self,
        twin: TwinFile,
        library: Library,
        addresses: Sequence[str],
        clock: Clock = time.monotonic,
        faults: Faults | None = None,
        drawer: Path | None = None,
    ) -> None:
        """`drawer` keeps the cards' flash from run to run; None: a temporary folder, gone with this world."""
        self._lock = threading.RLock()
        self._twin, self._library, self._clock = twin, library, clock
        self._wiring = WIRING[twin.psu.model]
        self._terminals = {channel: Terminal() for channel in self._wiring}
        self._stepper = Stepper(self._terminals, self._wiring)
        self._errors = self.generator("errors")
        self._loads = self.generator("loads")
        self._cards: dict[str, CardState] = {}
        self._on_bench: OnBench = Nothing()
        self._mains = False
        self._host_state = "off"
        self._host = Host(twin.host.slot, twin.host.aer)
        self._link = NO_LINK
        faults = faults or Faults(twin.faults, clock)
        partner_bps = twin.host.partner_bps
        self._nic = Nic(addresses, lambda: 0.0 if faults.active("partner", "dead") else partner_bps)
        self._now_s = clock()
        self._shown: HostView | None = None
        self._gateway: Gateway | None = None
        self._drawer = drawer or _temporary(self)

    def generator(self, purpose: str) -> np.random.Generator:
        """A stream of random numbers of its own, the same for the same twin file."""
        return np.random.default_rng([self._twin.seed, zlib.crc32(purpose.encode())])

    # --- operator -------------------------------------------------------------------------------------------

    def insert(self, adapter: AdapterUnit, card: CardUnit | None, *, bare: bool) -> None:
        """Put a unit in the slot, or its adapter alone on the fixture.

        Refused with power on, UsageError when twin file and layout or card do not fit; nothing changes then.
        """
        with self._lock:
            self._hands_off("put a unit in")
            board = soldered(self._twin, self._library, adapter)
            if bare or card is None:
                self._on_bench = Bare(adapter, board)
            else:
                state = card_state(self._cards, self._twin, self._library, card)
                if state.card.family in MLX4 and state.chip is None:
                    chips.put_in(state, self._twin.cards.get(card.serial, TwinCard()), self._drawer)
                self._on_bench = Slotted(adapter, board, state, self._loads)
            self._changed()

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
                "mains": self._mains,
                "host": self._host_state,
                "outputs_on": [channel for channel, t in self._terminals.items() if t.on],
                "card_powered": isinstance(there, Slotted) and there.powered,
                "card_damaged_at": sorted(card.damaged) if card else [],
                "link": {"width": self._link.width, "gen": self._link.generation, "why": self._link.why},
            }  # fmt: skip

    def _hands_off(self, what: str) -> None:
        self._advance()
        hot = [f"supply channel {channel}" for channel, t in self._terminals.items() if t.on]
        if self._mains:
            hot.append("the test host's mains")
        if hot:
            raise Refused(f"cannot {what}: {' and '.join(hot)} still on; switch everything off first")

    # --- mains and supply -----------------------------------------------------------------------------------

    def set_mains(self, on: bool) -> None:
        """The test host's mains output was switched."""
        with self._lock:
            self._mains = on
            if not on:
                self.host_state("off")

    def mains(self) -> bool:
        with self._lock:
            return self._mains

    def drive(self, channel: int, **settings: object) -> None:
        """Change settings of a channel (fields of Terminal) at this instant."""
        with self._lock:
            self._advance()
            for name, value in settings.items():
                setattr(self._terminals[channel], name, value)
            self._changed()

    def output(self, channel: int) -> Output:
        """What the channel carries now."""
        with self._lock:
            self._advance()
            t = self._terminals[channel]
            return Output(t.out_v, t.out_a, t.mode, t.on, t.tripped)

    # --- the test host (Slot) -------------------------------------------------------------------------------

    def view(self) -> HostView:
        with self._lock:
            self._advance()
            there = self._on_bench
            driver = self._nic.driver_of(there.state) if isinstance(there, Slotted) else None
            functions = self._host.functions(driver)
            state = there.state if isinstance(there, Slotted) and functions else None
            fresh = HostView(
                generation=self._shown.generation if self._shown else 0,
                root_port=self._host.root_port(),
                functions=functions,
                ports=self._nic.ports(state),
                port_types=self._nic.port_types(state),
                firmware_version=self._nic.firmware_version(state),
            )
            if fresh != self._shown:
                self._shown = replace(fresh, generation=fresh.generation + 1)
            return self._shown

    def host_state(self, state: str) -> None:
        with self._lock:
            self._advance()
            # a host's last word may come after its mains went
            state = state if self._mains else "off"
            if state in ("booting", "off"):
                self._host = Host(self._twin.host.slot, self._twin.host.aer)
                self._nic.reset(driver_loaded=state == "booting")
                if state == "booting" and isinstance(self._on_bench, Slotted) and self._on_bench.awake:
                    self._on_bench.state.cold_start()
            self._host_state = state
            self._changed()

    def gateway(self) -> Gateway | None:
        # without the lock: a tool that flashes asks 70,000 times
        return self._gateway

    def set_driver(self, loaded: bool) -> None:
        with self._lock:
            self._advance()
            self._nic.reset_driver(loaded)
            self._changed()

    def set_port_type(self, port: int, kind: str) -> bool:
        with self._lock:
            self._advance()
            state = self._running_card()
            done = state is not None and self._nic.set_port_type(state, port, kind)
            self._changed()
            return done

    def set_admin(self, netdev: str, up: bool) -> None:
        with self._lock:
            self._advance()
            self._nic.set_admin(netdev, up)
            self._changed()

    def write_config(self, function: int | None, config: bytes) -> None:
        with self._lock:
            self._advance()
            self._host.write(function, config)
            self._changed()

    def ceiling_bps(self, netdev: str) -> float:
        with self._lock:
            self._advance()
            return self._nic.ceiling_bps(self._running_card(), netdev, self._link)

    def traffic(self, netdev: str, to_host: bool, busy: bool) -> None:
        with self._lock:
            self._advance()
            self._nic.traffic(netdev, to_host, busy)
            self._changed()

    # --- time -----------------------------------------------------------------------------------------------

    def _running_card(self) -> CardState | None:
        there = self._on_bench
        return there.state if isinstance(there, Slotted) and self._link.width else None

    def _changed(self) -> None:
        self._stepper.disturb()
        self._advance()

    def _advance(self) -> None:
        """Bring everything to this instant."""
        now_s = self._clock()
        seconds, self._now_s = max(now_s - self._now_s, 0.0), now_s
        there = self._on_bench
        self._host.lose_bits(self._link, seconds, self._nic.busy(), self._errors)
        if isinstance(there, Slotted):
            there.load(now_s, self._activity(there.state))
        self._stepper.advance(there, seconds)
        if isinstance(there, Slotted):
            there.follow_power()
        self._link = self._train(there)
        self._host.train(there.state if isinstance(there, Slotted) else None, self._link)
        running = self._running_card()
        self._gateway = running.chip if running else None

    def _train(self, there: OnBench) -> Link:
        if not isinstance(there, Slotted):
            return NO_LINK
        if self._host_state == "off":
            return Link(0, 0, why="the host is off")
        generation, lanes = link_of(there.state.card)
        slot = self._twin.host.slot
        link = there.link(min(generation, slot.gen, self._host.target), min(lanes, slot.lanes, there.lanes))
        silent = link.width and not self._host.answers(there.state)
        return Link(0, 0, why="the card's firmware has no PCIe") if silent else link

    def _activity(self, state: CardState) -> Activity:
        running = bool(self._link.width)
        return self._nic.activity(state if running else None, clock=self._host_state != "off", running=running)


def _temporary(owner: object) -> Path:
    folder = tempfile.mkdtemp(prefix="rig-drawer-")
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
