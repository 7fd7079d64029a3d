"""A bench supply in channels, volts and amperes: what was set is read back, off is asked whether it is.

Every method raises LinkDownError, DeadlineError or ReplyError when the supply misbehaves, UsageError when the
asked cannot be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from rig.errors import UsageError
from rig.guard import dialects
from rig.guard.asking import Asking
from rig.guard.config import GuardConfig
from rig.guard.dialects import Channel, Dialect, SerialLine, SupplyModel
from rig.guard.dialects.model import Fuse, Gate, Trip
from rig.guard.link import ScpiLink
from rig.guard.readback import Readback
from rig.model import Identity, Reading
from rig.parse import scpi

_LOST_BELOW_V = 0.5
"""A channel set to less may read zero."""
_FULL = 0.98
"""Part of a set point that any supply keeps within its own error."""


@dataclass(frozen=True, slots=True)
class SetPoint:
    """What a channel is to do; `ovp_v` and `ocp_a` None: that protection off, where it can be."""

    voltage_v: float
    limit_a: float
    ovp_v: float | None = None
    ocp_a: float | None = None


class Supply:
    """One supply over its link, in the dialect of its model."""

    def __init__(self, link: ScpiLink, model: SupplyModel, now: Callable[[], float] = time.time) -> None:
        self._asking = Asking(link, model)
        self._readback = Readback(self._asking, now)
        self._told: dict[int, SetPoint] = {}

    @property
    def device(self) -> str:
        return self._asking.device

    @property
    def sessions(self) -> int:
        """How many sessions were opened so far: a new one may have met another instrument."""
        return self._asking.sessions

    @property
    def has_protection(self) -> bool:
        """Whether the supply itself trips on over-voltage and over-current, at levels of their own."""
        by = self._say.protection
        return by.ovp is not None and isinstance(by.ocp, Trip)

    @property
    def _say(self) -> Dialect:
        return self._asking.model.dialect

    def identify(self, config: GuardConfig) -> Identity:
        """Who answers; from then on its own row of the table. ReplyError when it is not `config.model`."""
        reply = self._asking.who()
        found = scpi.identity(reply)
        if found is None or config.model not in found.model:
            is_a = f"is a {found.model}" if found else "says nothing of itself"
            remedy = f"it {is_a}, the bench file says {config.model}: correct `model` or `address`"
            raise self._asking.refused("*IDN?", reply, remedy)
        if config.dialect is None:
            self._asking.model = dialects.SUPPLIES.get(found.model, self._asking.model)
        for command in self._say.prepare:
            self._asking.tell_all(command)
        self._asking.drain_errors()
        return found

    def channel(self, number: int) -> Channel:
        """Ranges and accuracy of a channel; UsageError when the supply does not have it."""
        if (why := self._asking.model.unusable.get(number)) is not None:
            raise UsageError(f"{self.device}: channel {number} cannot be used: {why}")
        try:
            return self._asking.model.channels[number]
        except KeyError:
            have = ", ".join(str(n) for n in self._asking.model.channels)
            raise UsageError(f"{self.device}: there is no channel {number} (there are: {have})") from None

    def check(self, number: int, want: SetPoint) -> None:
        """UsageError when the channel cannot give what is asked; nothing is sent."""
        self.channel(number)
        if (why := dialects.shortfall(self._asking.model, number, want.voltage_v, want.limit_a)) is not None:
            raise UsageError(f"{self.device}: {why}")
        for name, level, least in (("OVP", want.ovp_v, want.voltage_v), ("OCP", want.ocp_a, 0.0)):
            if level is not None and not level > least:
                raise UsageError(f"{self.device}: channel {number}: {name} at {level:g} would trip at once")

    def set(self, number: int, want: SetPoint) -> None:
        """Write protection, current limit and voltage and read all of it back; the output stays as it is."""
        channel, say = self.channel(number), self._say
        self.check(number, want)
        is_on = self.is_on(number) if want.ovp_v is not None or say.before_set else False
        self._check_lowering(number, want, is_on)
        for command in () if is_on else say.before_set:
            self._asking.tell(number, self._spelled(command, number))
        self._told.pop(number, None)
        self._readback.told.pop(number, None)
        if say.protection.coupled and self._present_v(number) > want.voltage_v:
            self._set_number(number, say.set_voltage, say.get_voltage, want.voltage_v, channel.step_v)
        self._protect(number, channel, want)
        self._set_number(number, say.set_current, say.get_current, want.limit_a, channel.step_a)
        self._set_number(number, say.set_voltage, say.get_voltage, want.voltage_v, channel.step_v)
        self._asking.check_errors(f"settings of channel {number}")
        self._told[number] = want
        self._readback.told[number] = want.voltage_v, want.limit_a

    def on(self, number: int) -> None:
        """Put the output on and read back that it is."""
        self.channel(number)
        gates = self._say.gates
        if any(gate.shared for gate in gates):
            self._park_others(number)
        for _ in self._tries():
            for gate in gates:
                self._asking.tell(number, self._spelled(gate.tell, number, on=True))
            if self.is_on(number):
                return
        raise self._asking.refused(self._spelled(gates[0].tell, number, on=True), "output off",
                                   f"channel {number} stays off")  # fmt: skip

    def off(self, number: int) -> None:
        """Put the output off and read back that it is."""
        self.channel(number)
        for _ in self._tries():
            self.tell_off(number)
            if not self._is_closed(number, self._say.gates[0]):
                return
        stays = f"channel {number} stays ON: switch the supply off by hand"
        raise self._asking.refused(self._off_command(number), "output on", stays)

    def tell_off(self, number: int) -> None:
        """Put the output off without asking whether it is: the others must not wait for that answer."""
        self._asking.tell(number, self._off_command(number))

    def clear_trip(self, number: int) -> None:
        """Make a channel that its own protection cut usable again; it stays off."""
        for command in self._say.protection.clear:
            self._asking.tell(number, self._spelled(command, number))
        if self._say.protection.clear:
            self._asking.check_errors(f"clearing the trip of channel {number}")
            # some supplies go back to where they were when they tripped
            if self.is_on(number):
                self.off(number)

    def is_on(self, number: int) -> bool:
        """What the supply says of its output, now."""
        if self._say.status is not None:
            return self._is_closed(number, self._say.gates[0])
        questions = [self._spelled(gate.ask or "", number) for gate in self._say.gates]
        replies = self._asking.texts(number, questions)
        states = [self._understood(q, r) for q, r in zip(questions, replies, strict=True)]
        return all(states)

    def read(self, numbers: Iterable[int]) -> dict[int, Reading]:
        """One fresh reading a channel, in as few queries as the dialect allows; the channels must be on."""
        channels = {n: self.channel(n) for n in numbers}
        readings = {n: self._deduced(n, reading) for n, reading in self._readback.read(channels).items()}
        for number in [n for n, reading in readings.items() if self._looks_lost(n, reading)]:
            readings[number] = self._asked_again(number, readings[number])
        return readings

    def repeats(self, number: int) -> int:
        """How many readings of the channel in a row were the same bit for bit: no fault in itself, but odd."""
        return self._readback.repeats(number)

    def close(self) -> None:
        """Close the session; outputs stay as they are."""
        self._asking.drop()

    # --- readings that should not be ----------------------------------------------------------------------

    def _deduced(self, number: int, reading: Reading) -> Reading:
        """Current limit from the set point, where the supply itself does not tell: less volts at all the amperes."""
        told = self._told.get(number)
        if reading.limiting is not None or told is None or self._say.tells_regulation:
            return reading
        low = reading.voltage_v < _FULL * told.voltage_v
        if low is (reading.current_a > _FULL * told.limit_a):
            return replace(reading, limiting=low)
        return reading

    def _looks_lost(self, number: int, reading: Reading) -> bool:
        """Exactly no volts where there should be some, and no current limit that explains them."""
        told = self._told.get(number)
        if told is None or told.voltage_v <= _LOST_BELOW_V or reading.voltage_v != 0.0:
            return False
        return reading.limiting is not True and reading.current_a < told.limit_a / 2

    def _asked_again(self, number: int, reading: Reading) -> Reading:
        """A channel that is off reads zero rightly; one that is on is asked once more."""
        if not self.is_on(number):
            return reading
        again = self._deduced(number, self._readback.read({number: self.channel(number)})[number])
        if self._looks_lost(number, again):
            told = self._told[number].voltage_v
            remedy = (
                f"channel {number} is on at {told:g} V and not in current limit: a lost reply until proven otherwise"
            )
            raise self._asking.refused(self._spelled(self._say.measure[0], number), "0.000 V twice", remedy)
        return again

    # --- set points ---------------------------------------------------------------------------------------

    def _present_v(self, number: int) -> float:
        return self._asking.number(number, self._spelled(self._say.get_voltage, number))

    def _check_lowering(self, number: int, want: SetPoint, is_on: bool) -> None:
        """An output that is still higher than its new OVP would trip it."""
        if want.ovp_v is None or self._say.protection.ovp is None or not is_on:
            return
        if (present := self._present_v(number)) >= want.ovp_v:
            raise UsageError(
                f"{self.device}: channel {number} is on at {present:g} V, which an OVP of {want.ovp_v:g} V "
                "would trip; switch it off first"
            )

    def _protect(self, number: int, channel: Channel, want: SetPoint) -> None:
        by = self._say.protection
        if by.ovp is not None:
            self._set_trip(number, by.ovp, want.ovp_v, channel.max_ovp_v, channel.step_v)
        if isinstance(by.ocp, Trip):
            self._set_trip(number, by.ocp, want.ocp_a, channel.max_ocp_a, channel.step_a)
        elif isinstance(by.ocp, Fuse):
            self._set_state(number, by.ocp.switch, by.ocp.get_switch, False)

    def _set_trip(self, number: int, trip: Trip, level: float | None, harmless: float | None, step: float) -> None:
        """Level, then switch; one that is not asked for and has no switch goes where it does no harm."""
        if level is None and trip.switch is None:
            level = harmless
        if level is not None:
            self._set_number(number, trip.set_level, trip.get_level, level, step)
        if trip.switch is not None and trip.get_switch is not None:
            self._set_state(number, trip.switch, trip.get_switch, level is not None)

    def _set_number(self, number: int, tell: str, ask: str, want: float, step: float) -> None:
        command, question = self._spelled(tell, number, x=want), self._spelled(ask, number)
        for _ in self._tries():
            self._asking.tell(number, command)
            got = self._asking.number(number, question)
            # what the supply cannot resolve it rounds or cuts: less than one step
            if abs(got - want) <= step * 1.001:
                return
        remedy = f"{command!r} was not taken: nothing is switched on with it"
        raise self._asking.refused(question, got, remedy)

    def _set_state(self, number: int, tell: str, ask: str, on: bool) -> None:
        command, question = self._spelled(tell, number, on=on), self._spelled(ask, number)
        for _ in self._tries():
            self._asking.tell(number, command)
            if self._asking.switch(number, question) is on:
                return
        remedy = f"{command!r} was not taken: nothing is switched on with it"
        raise self._asking.refused(question, not on, remedy)

    def _tries(self) -> range:
        """A supply that needs pauses loses what comes within one: it is told twice."""
        return range(2 if self._say.wire.pause_s else 1)

    # --- switches -----------------------------------------------------------------------------------------

    def _off_command(self, number: int) -> str:
        return self._spelled(self._say.gates[0].tell, number)

    def _is_closed(self, number: int, gate: Gate) -> bool:
        if (word := self._say.status) is not None:
            return bool(self._asking.status() >> word.on_bit[number] & 1)
        return self._asking.switch(number, self._spelled(gate.ask or "", number))

    def _understood(self, question: str, reply: str) -> bool:
        state = scpi.switch(scpi.headless(reply))
        if state is None:
            raise self._asking.refused(question, reply, "expected ON or OFF")
        return state

    def _park_others(self, number: int) -> None:
        """Keep channels that nobody asked for from coming on with a switch that all share."""
        own, shared = self._say.gates[0], self._say.gates[-1]
        if self._is_closed(number, shared):
            return
        for other in [n for n in self._asking.model.channels if n != number]:
            if own is shared:
                step = self._asking.model.channels[other].step_v
                self._set_number(other, self._say.set_voltage, self._say.get_voltage, 0.0, step)
            elif self._is_closed(other, own):
                self._asking.tell(other, self._spelled(own.tell, other))
                if self._is_closed(other, own):
                    remedy = f"channel {other} would come on with channel {number}: nothing is switched on"
                    raise self._asking.refused(self._spelled(own.tell, other), "still chosen", remedy)

    def _spelled(self, template: str, number: int, x: float = 0.0, on: bool = False) -> str:
        return self._asking.spelled(template, number, x, on)


def opened(config: GuardConfig, now: Callable[[], float] = time.time, line: SerialLine | None = None) -> Supply:
    """The supply `config` names, not yet talked to; UsageError for a model nobody knows, or that cannot do it.

    `line`: how its serial port is set, if not as the maker delivers it.
    """
    model = dialects.find(config.dialect or config.model)
    channels = sorted({rail.channel for rail in config.rails.values()})
    if (why := dialects.one_switch(model, channels)) is not None:
        raise UsageError(f"{config.address}: {why}")
    wire = model.dialect.wire if line is None else replace(model.dialect.wire, line=line)
    link = ScpiLink(config.address, backend=config.backend, timeout_s=config.timeout_s, wire=wire)
    return Supply(link, model, now)
