"""A bench supply in channels, volts and amperes: what was set is read back, off is asked whether it is.

Every method raises LinkDownError, DeadlineError or ReplyError when the supply misbehaves, UsageError when the
asked cannot be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rig.errors import ReplyError, UsageError
from rig.guard import dialects
from rig.guard.config import GuardConfig
from rig.guard.dialects import Channel, Dialect, SupplyModel
from rig.guard.link import ScpiLink
from rig.model import Identity, Reading
from rig.parse import scpi

_QUEUE_DEPTH = 32
"""No supply keeps more errors; an entry that never clears is a fault of its own."""


@dataclass(frozen=True, slots=True)
class SetPoint:
    """What a channel is to do; `ovp_v` and `ocp_a` None: that protection off."""

    voltage_v: float
    limit_a: float
    ovp_v: float | None = None
    ocp_a: float | None = None


class Supply:
    """One supply over its link, in the dialect of its model."""

    def __init__(self, link: ScpiLink, model: SupplyModel, now: Callable[[], float] = time.time) -> None:
        self._link, self._model, self._now = link, model, now

    @property
    def device(self) -> str:
        return f"{self._model.name} at {self._link.address}"

    @property
    def has_protection(self) -> bool:
        """Whether the supply itself trips on over-voltage and over-current."""
        return self._dialect.protection is not None

    @property
    def _dialect(self) -> Dialect:
        return self._model.dialect

    def identify(self, config: GuardConfig) -> Identity:
        """Who answers; from then on its own row of the table. ReplyError when it is not `config.model`."""
        reply = self._link.query("*IDN?")
        found = scpi.identity(reply)
        if found is None or config.model not in found.model:
            is_a = f"is a {found.model}" if found else "says nothing of itself"
            remedy = f"it {is_a}, the bench file says {config.model}: correct `model` or `address`"
            raise self._refused("*IDN?", reply, remedy)
        if config.dialect is None:
            self._model = dialects.SUPPLIES.get(found.model, self._model)
        self._drain_errors()
        return found

    def channel(self, number: int) -> Channel:
        """Ranges and accuracy of a channel; UsageError when the supply does not have it."""
        if (why := self._model.unusable.get(number)) is not None:
            raise UsageError(f"{self.device}: channel {number} cannot be used: {why}")
        try:
            return self._model.channels[number]
        except KeyError:
            have = ", ".join(str(n) for n in self._model.channels)
            raise UsageError(f"{self.device}: there is no channel {number} (there are: {have})") from None

    def set(self, number: int, want: SetPoint) -> None:
        """Write protection, current limit and voltage and read all of it back; the output stays as it is."""
        channel = self.channel(number)
        self._check_range(number, channel, want)
        self._check_lowering(number, want)
        self._protect(number, channel, want)
        say = self._dialect
        self._set_number(number, say.set_current, say.get_current, want.limit_a, channel.step_a)
        self._set_number(number, say.set_voltage, say.get_voltage, want.voltage_v, channel.step_v)
        self._check_errors(f"settings of channel {number}")

    def on(self, number: int) -> None:
        """Put the output on and read back that it is."""
        self._switch(number, True)

    def off(self, number: int) -> None:
        """Put the output off and read back that it is."""
        self._switch(number, False)

    def clear_trip(self, number: int) -> None:
        """Make a channel that its own protection cut usable again; it stays off."""
        if (by := self._dialect.protection) is not None:
            for command in by.clear:
                self._link.write(self._spelled(command, number))
            self._check_errors(f"clearing the trip of channel {number}")

    def is_on(self, number: int) -> bool:
        """What the supply says of its output, now."""
        if (word := self._dialect.status) is not None:
            return bool(self._status() >> word.on_bit[number] & 1)
        return self._ask_switch(self._spelled(self._dialect.is_on or "", number))

    def read(self, numbers: Iterable[int]) -> dict[int, Reading]:
        """One fresh reading a channel, in as few queries as the dialect allows; the channels must be on."""
        measured = {n: self._measure(n) for n in numbers}
        limiting = self._limiting(measured)
        return {n: Reading(at, v, a, limiting[n]) for n, (at, v, a) in measured.items()}

    def close(self) -> None:
        """Close the session; outputs stay as they are."""
        self._link.drop()

    # --- set points ---------------------------------------------------------------------------------------

    def _check_range(self, number: int, channel: Channel, want: SetPoint) -> None:
        # written so that NaN is refused too
        if not (0 <= want.voltage_v <= channel.max_voltage_v and 0 < want.limit_a <= channel.max_current_a):
            raise UsageError(
                f"{self.device}: channel {number} gives 0 to {channel.max_voltage_v:g} V and up to "
                f"{channel.max_current_a:g} A, asked for {want.voltage_v:g} V and {want.limit_a:g} A"
            )
        for name, level, least in (("OVP", want.ovp_v, want.voltage_v), ("OCP", want.ocp_a, 0.0)):
            if level is not None and not level > least:
                raise UsageError(f"{self.device}: channel {number}: {name} at {level:g} would trip at once")

    def _check_lowering(self, number: int, want: SetPoint) -> None:
        """An output that is still higher than its new OVP would trip it."""
        if want.ovp_v is None or not self.has_protection or not self.is_on(number):
            return
        present = self._ask_number(self._spelled(self._dialect.get_voltage, number))
        if present >= want.ovp_v:
            raise UsageError(
                f"{self.device}: channel {number} is on at {present:g} V, which an OVP of {want.ovp_v:g} V "
                "would trip; switch it off first"
            )

    def _protect(self, number: int, channel: Channel, want: SetPoint) -> None:
        if (by := self._dialect.protection) is None:
            return
        for commands, level, step in (
            (by.ovp, want.ovp_v, channel.step_v),
            (by.ocp, want.ocp_a, channel.step_a),
        ):
            set_level, get_level, set_state, get_state = commands
            if level is not None:
                self._set_number(number, set_level, get_level, level, step)
            self._set_state(number, set_state, get_state, level is not None)

    def _set_number(self, number: int, tell: str, ask: str, want: float, step: float) -> None:
        command, question = self._spelled(tell, number, x=f"{want:.4f}"), self._spelled(ask, number)
        self._link.write(command)
        got = self._ask_number(question)
        # what the supply cannot resolve it rounds or cuts: less than one step
        if abs(got - want) > step * 1.001:
            raise self._refused(question, got, f"{command!r} was not taken: nothing is switched on with it")

    def _set_state(self, number: int, tell: str, ask: str, on: bool) -> None:
        command, question = self._spelled(tell, number, s="ON" if on else "OFF"), self._spelled(ask, number)
        self._link.write(command)
        if self._ask_switch(question) is not on:
            raise self._refused(question, not on, f"{command!r} was not taken: nothing is switched on with it")

    def _switch(self, number: int, on: bool) -> None:
        self.channel(number)
        command = self._spelled(self._dialect.switch, number, s="ON" if on else "OFF")
        self._link.write(command)
        if self.is_on(number) is not on:
            stays = "off" if on else "ON: switch the supply off by hand"
            raise self._refused(command, f"output {'off' if on else 'on'}", f"channel {number} stays {stays}")

    # --- replies ------------------------------------------------------------------------------------------

    def _measure(self, number: int) -> tuple[float, float, float]:
        """Wall clock at the middle of the queries, volts, amperes."""
        self.channel(number)
        began = self._now()
        questions = [self._spelled(q, number) for q in self._dialect.measure]
        replies = [self._link.query(q) for q in questions]
        at = (began + self._now()) / 2
        values = [v for reply in replies for v in scpi.numbers(reply)][:2]
        volts, amperes = values if len(values) == 2 else (None, None)
        if volts is None or amperes is None:
            raise self._refused("; ".join(questions), "; ".join(replies), "expected volts and amperes")
        return at, volts, amperes

    def _limiting(self, numbers: Iterable[int]) -> dict[int, bool | None]:
        if (word := self._dialect.status) is not None:
            status = self._status()
            return {n: bool(status >> word.limiting_bit[n] & 1) for n in numbers}
        mode = self._dialect.mode
        return {n: scpi.limiting(self._link.query(self._spelled(mode, n))) if mode else None for n in numbers}

    def _status(self) -> int:
        question = self._dialect.status.query if self._dialect.status else ""
        reply = self._link.query(question)
        try:
            return int(reply, 16)
        except ValueError:
            raise self._refused(question, reply, "expected a hexadecimal status word") from None

    def _ask_number(self, question: str) -> float:
        reply = self._link.query(question)
        value = scpi.number(reply)
        if value is None:
            raise self._refused(question, reply, "expected a number")
        return value

    def _ask_switch(self, question: str) -> bool:
        reply = self._link.query(question)
        state = scpi.switch(reply)
        if state is None:
            raise self._refused(question, reply, "expected ON or OFF")
        return state

    def _next_error(self) -> tuple[int, str]:
        reply = self._link.query(self._dialect.error)
        entry = scpi.error(reply)
        if entry is None:
            raise self._refused(self._dialect.error, reply, "expected an entry of the error queue")
        return entry

    def _drain_errors(self) -> None:
        """Forget what went wrong before this session."""
        for _ in range(_QUEUE_DEPTH):
            if self._next_error()[0] == 0:
                return
        raise self._refused(self._dialect.error, "errors without end", "switch the supply off and on again")

    def _check_errors(self, asked: str) -> None:
        code, text = self._next_error()
        if code != 0:
            self._drain_errors()
            raise ReplyError(self.device, asked, f"{code} {text}", "the supply refused a setting")

    def _refused(self, asked: str, got: object, remedy: str) -> ReplyError:
        """A reply that is not one: the session may be out of step, so it is not used again."""
        self._link.drop()
        return ReplyError(self.device, asked, got, remedy)

    @staticmethod
    def _spelled(template: str, number: int, x: str = "", s: str = "") -> str:
        return template.format(n=number, x=x, s=s)


def opened(config: GuardConfig, now: Callable[[], float] = time.time) -> Supply:
    """The supply `config` names, not yet talked to; UsageError for a model or channel nobody knows."""
    model = dialects.find(config.dialect or config.model)
    say = model.dialect
    link = ScpiLink(
        config.address,
        backend=config.backend,
        timeout_s=config.timeout_s,
        termination=say.termination,
        pause_s=say.pause_s,
    )
    return Supply(link, model, now)
