"""What a step may ask of the bench, in the words of the test.

ABCs, because labgrid binds to ABCs and refuses typing.Protocol. Every method raises BenchError and nothing else
when the bench misbehaves.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path

from rig.model import Identity, RailAccuracy, Reading, Reply, Sample, Unit


class SupplyPort(abc.ABC):
    """A bench supply behind its guardian, in rails: `12v`, `3v3`, and `probe` for the bare-board check."""

    @abc.abstractmethod
    def identity(self) -> Identity:
        """Who the instrument said it is when the session was opened."""

    @abc.abstractmethod
    def apply(self, rail: str, voltage_v: float, limit_a: float) -> None:
        """Set voltage, current limit and OVP, read them back, then put the rail on.

        OCP stays off: the ramp sits in current limit on purpose; the guardian trips on its ceilings instead.
        """

    @abc.abstractmethod
    def off(self, rail: str | None = None) -> None:
        """Put one rail, or all, off and read back that it is; works from any state."""

    @abc.abstractmethod
    def read(self) -> Mapping[str, Reading]:
        """One fresh reading of every rail that is on."""

    @abc.abstractmethod
    def accuracy(self) -> Mapping[str, RailAccuracy]:
        """How well each rail is read back."""

    @abc.abstractmethod
    def samples(self, since_s: float) -> Sequence[Sample]:
        """What the background sampler took after `since_s` (wall clock), oldest first."""

    @abc.abstractmethod
    def mark(self, label: str) -> float:
        """Note a step or state in the sample record; returns the wall clock it was noted at."""


class HostPort(abc.ABC):
    """A shell on the test host."""

    @abc.abstractmethod
    def run(self, command: str, timeout_s: float = 30.0) -> Reply:
        """Run one shell command (the caller quotes); DeadlineError when it does not come back."""

    @abc.abstractmethod
    def boot_s(self) -> float:
        """Seconds from mains on to the login prompt, of the last boot."""

    @abc.abstractmethod
    def console_text(self) -> str:
        """What the console printed since mains came on, decoded with replacement."""


class PartnerPort(abc.ABC):
    """The machine at the other end of the cable."""

    @abc.abstractmethod
    def transfer(
        self, address: str, port: int, direction: str, duration_s: float, streams: int = 1
    ) -> Mapping[str, object]:
        """One iperf3 run against `address`; `direction` is `to_host`, `from_host` or `both`.

        libiperf's own JSON, plus `controller.cpu_idle`: the share of the partner's processors that was idle (0 to 1).
        """


class ProbePort(abc.ABC):
    """Two test leads from the supply's `probe` rail to nets or pins of a bare adapter."""

    @abc.abstractmethod
    def connect(self, plus: str, minus: str, hint: str = "") -> None:
        """`plus` and `minus` are edge nets (`12V`, `3V3`, `3V3AUX`, `PERST#`, `GND`) or connector pins (`A4`).

        `hint`, for a person: where both are found on this board. UsageError when nobody can put the leads there.
        """

    @abc.abstractmethod
    def release(self) -> None: ...


class CablePort(abc.ABC):
    """Whoever can take a link away from a port of the card under test and give it back."""

    @abc.abstractmethod
    def plug(self, port: int, *, plugged: bool) -> None:
        """Port from 1, in the order of the bench file; UsageError when nobody is there who could."""


class BurnPort(abc.ABC):
    """Whoever can cut the power, told that it must not."""

    @abc.abstractmethod
    def burn(self, on: bool) -> None:
        """From here on (or no longer) nothing but over-current cuts the power, a rig that died included."""

    @property
    @abc.abstractmethod
    def burn_socket(self) -> Path | None:
        """Where the next run finds whoever keeps the power on; None: nobody is told to."""


class ImageBuilderPort(abc.ABC):
    """Makes a firmware image from a card's own configuration."""

    @abc.abstractmethod
    def build(self, ini: str) -> bytes:
        """The image; UsageError where this bench cannot build one, BenchError when the builder fails."""


class OperatorPort(abc.ABC):
    """Whoever puts units in: a person at a terminal, or the twin's plug."""

    @abc.abstractmethod
    def insert(self, unit: Unit, *, bare: bool) -> None:
        """Put the unit into the slot, or (bare) its adapter alone on the probe fixture; all power must be off."""

    @abc.abstractmethod
    def insert_adapter(self, unit: Unit) -> None:
        """Put the unit's adapter into the slot without its card; all power must be off."""

    @abc.abstractmethod
    def remove(self) -> None:
        """Take out whatever is in; all power must be off."""

    @abc.abstractmethod
    def flash_prsnt(self, *, shorted: bool) -> None:
        """Short the card's FLASH PRSNT holes, or take the short off; all power must be off."""

    @abc.abstractmethod
    def confirm(self, question: str) -> bool:
        """Whether they allow what the question says; False when nobody is there to ask."""

    @abc.abstractmethod
    def multimeter(self, plus: str, minus: str, hint: str = "") -> float | None:
        """Ohm between two points of the bare adapter, infinite for an open circuit; None: nobody measured it.

        The rail that feeds the test leads must be off.
        """
