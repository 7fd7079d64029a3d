"""The nouns of the table of supplies: dialects, their switches and registers, rows and channels.

In commands `{n}` is the channel (a list of channels where the dialect is `listed`), `{x}` the value with its
format, `{s}` ON or OFF, `{b}` 1 or 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rig.model import Accuracy

_NONE: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Channel:
    """What one channel can be set to, in which steps, and how well it reads back (None: not sourced)."""

    max_voltage_v: float
    max_current_a: float
    step_v: float
    step_a: float
    accuracy_v: Accuracy | None = None
    accuracy_a: Accuracy | None = None
    max_ovp_v: float | None = None
    """Where an over-voltage protection that cannot be switched off does no harm; None: it is left as it is."""
    max_ocp_a: float | None = None


@dataclass(frozen=True, slots=True)
class SerialLine:
    """How a serial port is set; nothing where the address is no serial port."""

    baud: int = 9600
    parity: str = "N"
    """`N`, `E` or `O`."""
    data_bits: int = 8
    stop_bits: int = 1
    handshake: str = "none"
    """`none`, `xonxoff`, `rtscts` or `dsrdtr`."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How messages are framed and spaced."""

    termination: str = "\n"
    """Ends every message; empty: nothing does, a message ends when nothing follows."""
    replies_end: bool = True
    """Replies end with a line feed; False: they have a known length, or end when nothing follows."""
    pause_s: float = 0.0
    """Least time after a message before the next one, or before its reply is read."""
    settle_s: float = 0.0
    """Instead of `pause_s`, after a message without a reply."""
    line: SerialLine = SerialLine()


@dataclass(frozen=True, slots=True)
class Gate:
    """One switch between a channel and its terminals."""

    tell: str
    ask: str | None = None
    """None: the status word tells."""
    shared: bool = False
    """One switch for every channel of the supply."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One protection in hardware; without a switch it is always on."""

    set_level: str
    get_level: str
    switch: str | None = None
    get_switch: str | None = None


@dataclass(frozen=True, slots=True)
class Fuse:
    """An over-current protection whose level is the current limit itself: of no use beside it, so it is kept off."""

    switch: str
    get_switch: str


@dataclass(frozen=True, slots=True)
class Protection:
    """What the hardware trips on, and how a channel that tripped is made usable again."""

    ovp: Trip | None = None
    ocp: Trip | Fuse | None = None
    clear: tuple[str, ...] = ()
    coupled: bool = False
    """The supply refuses an over-voltage level near or below the voltage that is set."""


@dataclass(frozen=True, slots=True)
class StatusWord:
    """One word that tells of all channels: channel to bit."""

    query: str
    on_bit: Mapping[int, int]
    limiting_bit: Mapping[int, int]
    inverted: bool = False
    """The limiting bit is 0 in current limit."""
    binary: bool = False
    """The reply is one byte; else it is hexadecimal text."""


@dataclass(frozen=True, slots=True)
class Register:
    """A decimal register of one channel: the bits that say current limit and voltage regulation."""

    query: str
    current: int
    voltage: int
    latched: bool = False
    """It tells what was entered since it was last read; 0: all is as before."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a family of supplies is spoken to."""

    set_voltage: str
    get_voltage: str
    set_current: str
    get_current: str
    gates: tuple[Gate, ...]
    """All must be closed for the output to be on; the first is the channel's own, if there is one."""
    measure: tuple[str, ...]
    """Queries whose numbers, one after the other, begin with volts and amperes."""
    numbers: int = 1
    """How many numbers each of these replies holds (for each channel): a damaged one holds more or fewer."""
    error: str | None = None
    """Asks for one entry of the error queue; None: only the readback shows that a setting was refused."""
    select: str | None = None
    """Chooses the channel for what follows, in the same message: another client may choose between two."""
    selected: str | None = None
    """Asks which one is chosen, at the end of every question."""
    listed: bool = False
    """Questions take a list of channels and answer with a number for each."""
    joined: bool = False
    """Several questions go in one message; the replies come in one, between semicolons."""
    mode: str | None = None
    """Asks for CV, CC or UR."""
    mode_field: int | None = None
    """Field of the reply to `measure` that is 1 in CV and 2 in CC."""
    limited: str | None = None
    """Asks for 1 in current limit, else 0."""
    register: Register | None = None
    status: StatusWord | None = None
    protection: Protection = Protection()
    prepare: tuple[str, ...] = ()
    """Sent once, when the supply was identified."""
    before_set: tuple[str, ...] = ()
    """Sent to a channel that is off before it is set."""
    number_chars: int | None = None
    """Length of every number in a reply that nothing ends."""
    wire: Wire = Wire()

    @property
    def tells_regulation(self) -> bool:
        """Whether the supply always knows if it is in current limit now."""
        if self.register is not None:
            return not self.register.latched
        ways = (self.mode, self.status, self.limited, self.mode_field)
        return any(way is not None for way in ways)


@dataclass(frozen=True, slots=True)
class SupplyModel:
    """One row: a model, its dialect and its channels."""

    name: str
    maker: str
    dialect: Dialect
    channels: Mapping[int, Channel]
    unusable: Mapping[int, str] = field(default_factory=lambda: _NONE)
    """Channels that are there but cannot be guarded, and why."""
    note: str = ""

    @property
    def one_switch(self) -> bool:
        """Whether one switch puts all channels on and off: then only one of them can be guarded."""
        return len(self.channels) > 1 and all(gate.shared for gate in self.dialect.gates)
