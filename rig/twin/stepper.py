"""Moves a circuit through time, and switches a channel off when its protection trips."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rig.twin.circuit import Circuit, Terminal

STEP_S = 0.002
MOST_STEPS = 800
"""So many steps after a change; then whatever still moves is taken as it is."""
STILL_V, SLOW_V = 1e-4, 1e-2
Watch = Callable[[Mapping[str, float]], bool]
"""Looks at every node's volt after a step; True when it changed something in the circuit."""


class Stepper:
    """Short steps while something moves, one long step when all is still."""

    def __init__(self) -> None:
        self._still = False

    def disturb(self) -> None:
        """Something changed: look closely until it is still again."""
        self._still = False

    def advance(self, circuit: Circuit, attached: Mapping[str, Terminal], seconds: float, watch: Watch) -> None:
        """Take the electricity `seconds` forward, with a channel at each node of `attached`."""
        step_s = STEP_S
        for n in range(MOST_STEPS + 1):
            if seconds <= 0:
                return
            dt = seconds if self._still or n == MOST_STEPS else min(seconds, step_s)
            before = {node: load.volt for node, load in circuit.loads.items()}
            volts = circuit.step(dt, attached)
            moved = max((abs(volts[node] - v) for node, v in before.items()), default=0.0)
            changed = watch(volts)
            self._still = not (_trip(attached) or changed) and moved < STILL_V
            step_s = 2 * step_s if moved < SLOW_V else STEP_S
            seconds -= dt


def _trip(attached: Mapping[str, Terminal]) -> bool:
    tripped = False
    for t in attached.values():
        reason = _reason(t) if t.on else ""
        if reason:
            t.tripped, t.on, tripped = reason, False, True
    return tripped


def _reason(t: Terminal) -> str:
    if t.ovp_v is not None and t.out_v > t.ovp_v:
        return "OVP"
    return "OCP" if t.ocp_a is not None and t.out_a > t.ocp_a else ""
