"""A circuit of solder, a supply's channels and a card's inputs, stepped through time.

A channel holds its voltage until its limit, then its current; it cannot sink, so a foreign voltage lifts it.
Ref: implicit Euler on the capacitors, nodal analysis for the rest; every step is stable at any length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rig.twin.network import Norton, Resistor, potentials_v

OUTPUT_OHM = 0.001
BLEEDER_OHM = 220.0
"""Empties a channel's terminals while its output is off."""


@dataclass(slots=True)
class Terminal:
    """One channel of the supply: what was set, and what its terminals carry now."""

    voltage_v: float = 0.0
    limit_a: float = 0.1
    on: bool = False
    ovp_v: float | None = None
    ocp_a: float | None = None
    tripped: str = ""
    """`OVP` or `OCP`: latched, the output stays off until it is cleared."""
    out_v: float = 0.0
    out_a: float = 0.0
    mode: str = "UR"
    """`CV`, `CC`, or `UR`: neither, because the output is off or is lifted from outside."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a channel's terminals carry at one instant."""

    voltage_v: float
    current_a: float
    mode: str
    on: bool
    tripped: str


@dataclass(slots=True)
class Load:
    """A card's input at a node: a capacitor, and a current that depends on its voltage."""

    farad: float
    watt: float = 0.0
    ampere: float = 0.0
    start_v: float = 0.0
    full_v: float = 0.0
    """Below `start_v` the converters are off; from `full_v` on they draw their power."""
    volt: float = 0.0

    def current_a(self, volt: float) -> float:
        awake = min(max((volt - self.start_v) / (self.full_v - self.start_v), 0.0), 1.0)
        awake = awake * awake * (3 - 2 * awake)
        return awake * (self.ampere + self.watt / max(volt, self.full_v)) + max(volt, 0.0) / 1e4

    def norton(self, dt_s: float) -> Norton:
        """Linear around the present voltage; a falling current counts as constant, which keeps it stable."""
        now = self.current_a(self.volt)
        slope = max((self.current_a(self.volt + 1e-3) - now) / 1e-3, 0.0)
        stored = self.farad / dt_s
        return Norton(stored + slope, stored * self.volt - now + slope * self.volt)


@dataclass(slots=True)
class Circuit:
    """Resistors between nodes, against the node `reference`."""

    resistors: Sequence[Resistor]
    reference: str
    loads: dict[str, Load] = field(default_factory=dict)
    shorts: dict[str, float] = field(default_factory=dict)
    """Node to the siemens a damaged input leads to ground."""

    def step(self, dt_s: float, terminals: Mapping[str, Terminal]) -> dict[str, float]:
        """Advance by `dt_s` with a channel at each node of `terminals`; returns every node's volt."""
        fixed = {node: [load.norton(dt_s)] for node, load in self.loads.items()}
        for node, siemens in self.shorts.items():
            fixed.setdefault(node, []).append(Norton(siemens, 0.0))
        modes = {node: "CV" if t.on else "OFF" for node, t in terminals.items()}
        for _ in range(6):
            sources = {node: list(parts) for node, parts in fixed.items()}
            for node, t in terminals.items():
                sources.setdefault(node, []).append(_channel(t, modes[node]))
            volts = potentials_v(self.resistors, sources, self.reference)
            better = {node: _mode(t, modes[node], volts[node]) for node, t in terminals.items()}
            if better == modes:
                break
            modes = better
        self._settle(volts, modes, terminals)
        return volts

    def _settle(self, volts: dict[str, float], modes: dict[str, str], terminals: Mapping[str, Terminal]) -> None:
        for node, load in self.loads.items():
            load.volt = max(volts[node], 0.0)
        for node, t in terminals.items():
            t.out_v = volts[node]
            t.out_a = {"CC": t.limit_a, "CV": (t.voltage_v - volts[node]) / OUTPUT_OHM}.get(modes[node], 0.0)
            t.mode = modes[node] if modes[node] in ("CV", "CC") else "UR"


def _channel(t: Terminal, mode: str) -> Norton:
    if mode == "CV":
        return Norton(1 / OUTPUT_OHM, t.voltage_v / OUTPUT_OHM)
    if mode == "CC":
        return Norton(0.0, t.limit_a)
    return Norton(1 / BLEEDER_OHM, 0.0) if mode == "OFF" else Norton(0.0, 0.0)


def _mode(t: Terminal, mode: str, volt: float) -> str:
    if mode == "CV":
        ampere = (t.voltage_v - volt) / OUTPUT_OHM
        return "CC" if ampere > t.limit_a else "LIFTED" if ampere < -1e-6 else "CV"
    if mode in ("CC", "LIFTED"):
        held = volt <= t.voltage_v if mode == "CC" else volt >= t.voltage_v
        return mode if held else "CV"
    return mode
