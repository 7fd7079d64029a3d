"""The terminals of every channel on the bench, and what they are wired to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rig.twin.circuit import Output, Terminal
from rig.twin.wiring import MAIN, Jack, Wiring

if TYPE_CHECKING:
    import numpy as np

    from rig.twin.bench import Bench

HOST = "host"


class Supplies:
    """A channel exists from the moment its instrument first sets it."""

    def __init__(self, wired: Wiring) -> None:
        self._wired = wired
        self._terminals: defaultdict[Jack, Terminal] = defaultdict(Terminal)
        for jack in wired:
            self._terminals[jack] = Terminal()

    def terminal(self, jack: Jack) -> Terminal:
        return self._terminals[jack]

    def on(self, instrument: str) -> list[int]:
        """Channels whose output is on."""
        return sorted(channel for (name, channel), t in self._terminals.items() if name == instrument and t.on)

    def hot(self) -> list[str]:
        """What is on, in words."""
        return [_called(jack) for jack, t in sorted(self._terminals.items()) if t.on]

    def host(self) -> Terminal | None:
        """The channel at the test host's input; None: it runs from the mains."""
        return next((self._terminals[jack] for jack, rails in self._wired.items() if HOST in rails), None)

    def attached(self, node: Callable[[str], str | None], slot: Mapping[str, Terminal]) -> dict[str, Terminal]:
        """Every channel, and what the slot gives, at its node; one that goes nowhere has a node of its own."""
        found: dict[str, Terminal] = {}
        for jack, terminal in self._terminals.items():
            rails = self._wired.get(jack, ())
            nodes = [at for rail in rails if (at := node(rail))]
            if HOST not in rails:
                found[nodes[0] if nodes else f"open:{jack}"] = terminal
        for rail, terminal in slot.items():
            found[node(rail) or f"open:slot:{rail}"] = terminal
        return found


class Panel:
    """What one supply sees of the bench: the back of its own channels."""

    def __init__(self, bench: Bench, instrument: str) -> None:
        self._bench, self._instrument = bench, instrument

    def drive(self, channel: int, **settings: object) -> None:
        """Change settings of a channel (fields of Terminal) at this instant."""
        self._bench.set_terminal((self._instrument, channel), settings)

    def output(self, channel: int) -> Output:
        """What the channel carries now."""
        return self._bench.at_terminal((self._instrument, channel))

    def generator(self, purpose: str) -> np.random.Generator:
        """A stream of random numbers of its own, the same for the same twin file."""
        return self._bench.generator(purpose if self._instrument == MAIN else f"{purpose} {self._instrument}")


def _called(jack: Jack) -> str:
    instrument, channel = jack
    return f"supply channel {channel}" if instrument == MAIN else f"{instrument} supply channel {channel}"
