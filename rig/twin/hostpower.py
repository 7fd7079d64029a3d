"""What the test host draws and what it runs from: its mains supply, or a bench supply's channel at its 12 V input.

It runs while its input is there; what the slot feeds comes out of it again. All figures are the twin's own choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from rig.config.twin import TwinHost
from rig.twin.circuit import Circuit, Load, Terminal
from rig.twin.network import Resistor
from rig.twin.stepper import Stepper

FEED, INPUT = "feed:host", "host:12v"
LEADS_OHM = 0.02
INPUT_F = 2200e-6
GOOD_V, LOST_V = 10.0, 9.0
"""It starts when its input holds the first for `START_S`, and stops below the second."""
START_S = 0.2
STANDBY_W = 1.2
"""Off with its input there: 5 V standby."""
BOOT_PART = 1.15
"""Of its idle draw while it boots."""
FAST_S, SLOW_S = 0.2, 30.0
"""Time constants of the two halves of its noise: processor and fans."""
MOST_SIGMA = 4.0


class HostPower:
    """`step` it with the rest of the bench; a world holds the lock."""

    def __init__(self, config: TwinHost, rng: np.random.Generator, *, fed: bool, feeds_slot: bool) -> None:
        """`fed`: from a channel wired to `host`, else from the mains; `feeds_slot`: the card's rails are the slot's."""
        self._config, self._rng, self._fed = config, rng, fed
        self._input = Load(INPUT_F, start_v=8.0, full_v=LOST_V)
        self._circuit = Circuit((Resistor(FEED, INPUT, LEADS_OHM),), "ground", {INPUT: self._input})
        self._stepper = Stepper()
        self._slot = {
            "12v": Terminal(12.05, 30.0, ovp_v=13.4, ocp_a=20.0),
            "3v3": Terminal(3.32, 30.0, ovp_v=3.9, ocp_a=20.0),
        }
        self._feeds_slot = feeds_slot
        self._noise = [0.0, 0.0]
        self._good_s = 0.0
        self.state = "off"
        self.busy_part = 0.0
        """Share of its ports' directions that carry traffic."""
        self.on = False
        """Its input is there, and its supply has not tripped."""
        self.cuts = 0
        """How often its input went away."""

    def disturb(self) -> None:
        self._stepper.disturb()

    def slot(self) -> Mapping[str, Terminal]:
        """Rail to what the slot gives; empty: the riser cuts the slot's power."""
        return self._slot if self._feeds_slot else {}

    def step(self, seconds: float, mains: bool, channel: Terminal | None) -> bool:
        """Take it `seconds` forward, after the slot; True when its input came or went."""
        self._wander(seconds)
        self._input.watt = self.input_w()
        self._good_s = self._good_s + seconds if self._input.volt >= GOOD_V else 0.0
        lost = self._advance(seconds, channel) if self._fed else not mains
        self._good_s = 0.0 if lost else self._good_s
        before = self.on
        self._take(lost or self._tripped(), self._fed and self._good_s < START_S)
        if lost or not self._present(mains):
            self._reset()
        return self._switch_slot(mains) or before != self.on

    def input_w(self) -> float:
        """What it draws at 12 V: itself, and the slot through its converters."""
        slot_w = sum(t.out_v * t.out_a for t in self.slot().values())
        if not self.on or self.state == "off":
            own_w = STANDBY_W
        else:
            idle_w = self._config.idle_w * (BOOT_PART if self.state == "booting" else 1.0)
            own_w = idle_w + self._config.traffic_w * self.busy_part + sum(self._noise)
        return max(own_w, 0.0) + slot_w / self._config.slot_efficiency

    def wall_w(self, mains: bool) -> float:
        """What it draws from the mains; 0 when it is fed by a channel."""
        return self.input_w() / self._config.psu_efficiency if mains and not self._fed else 0.0

    def _advance(self, seconds: float, channel: Terminal | None) -> bool:
        """Its input through `seconds`; True when it was lost for a moment."""
        lowest = self._input.volt

        def watch(volts: Mapping[str, float]) -> bool:
            nonlocal lowest
            lowest = min(lowest, volts[INPUT])
            return False

        self._stepper.advance(self._circuit, {FEED: channel} if channel else {}, seconds, watch)
        return lowest < LOST_V

    def _take(self, lost: bool, waiting: bool) -> None:
        if self.on and lost:
            self.on, self.cuts = False, self.cuts + 1
        elif not self.on and not lost and not waiting:
            self.on = True

    def _tripped(self) -> bool:
        return any(t.tripped for t in self.slot().values())

    def _present(self, mains: bool) -> bool:
        return self._input.volt >= LOST_V if self._fed else mains

    def _reset(self) -> None:
        """A supply that tripped starts again once its input was away."""
        for terminal in self.slot().values():
            terminal.tripped = ""

    def _switch_slot(self, mains: bool) -> bool:
        """12 V while it runs, 3.3 V aux as long as its input is there; True when one changed."""
        wanted = {"12v": self.on and self.state != "off", "3v3": self.on and self._present(mains)}
        changed = [rail for rail, t in self.slot().items() if t.on != wanted[rail]]
        for rail in changed:
            self._slot[rail].on = wanted[rail]
        return bool(changed)

    def _wander(self, seconds: float) -> None:
        """Two Ornstein-Uhlenbeck processes, exact for any step. Ref: Gillespie 1996, Phys. Rev. E 54, 2084."""
        each_w = self._config.noise_w / math.sqrt(2)
        for n, constant_s in enumerate((FAST_S, SLOW_S)):
            keep = math.exp(-seconds / constant_s)
            push = float(np.clip(self._rng.standard_normal(), -MOST_SIGMA, MOST_SIGMA))
            self._noise[n] = self._noise[n] * keep + each_w * math.sqrt(1 - keep * keep) * push
