"""What the channels deliver: volts, amperes and whether they are in current limit, or an error, never a guess."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.guard.asking import Asking
from rig.guard.dialects import Channel, Dialect
from rig.guard.dialects.model import Register
from rig.model import Reading
from rig.parse import scpi

_UP, _NEAR, _NEAR_A = 0.95, 0.9, 0.02
"""Share of the set volts, of the limit, and amperes: wider than any supply's readback error."""
_BEYOND = 1.1
"""No supply delivers so much more than the end of its range; its reply is damaged."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One channel as it was read."""

    at_s: float
    voltage_v: float
    current_a: float
    mode: int | None
    """1: CV, 2: CC, 0: neither; None: the reply does not tell."""


class Readback:
    """Reads channels in as few exchanges as the dialect allows."""

    def __init__(self, asking: Asking, now: Callable[[], float] = time.time) -> None:
        self._asking, self._now = asking, now
        self.told: dict[int, tuple[float, float]] = {}
        """Channel to the volts and the limit in amperes it was set to, as long as they are known."""
        self._latched: dict[int, bool | None] = {}
        self._last: dict[int, tuple[float, float]] = {}
        self._same: dict[int, int] = {}

    @property
    def _say(self) -> Dialect:
        return self._asking.model.dialect

    def repeats(self, number: int) -> int:
        """How many readings of the channel in a row were the same bit for bit: no fault in itself, but odd."""
        return self._same.get(number, 0)

    def read(self, channels: dict[int, Channel]) -> dict[int, Reading]:
        """One fresh reading a channel."""
        raw = self._measured(list(channels))
        for number, channel in channels.items():
            self._check(number, channel, raw[number])
            self._count(number, raw[number])
        limiting = self._limiting(raw)
        return {n: _reading(raw[n], channel, limiting[n]) for n, channel in channels.items()}

    # --- volts and amperes --------------------------------------------------------------------------------

    def _measured(self, numbers: Sequence[int]) -> dict[int, Raw]:
        if not numbers:
            return {}
        if self._say.listed:
            return self._of_list(numbers)
        if self._say.joined:
            began = self._now()
            replies = self._asking.rounds([(n, self._questions(n)) for n in numbers])
            at_s = (began + self._now()) / 2
            return {n: self._raw(n, at_s, mine) for n, mine in zip(numbers, replies, strict=True)}
        return {n: self._of_one(n) for n in numbers}

    def _questions(self, number: int | str) -> list[str]:
        return [self._asking.spelled(q, number) for q in self._say.measure]

    def _of_one(self, number: int) -> Raw:
        began = self._now()
        replies = self._asking.texts(number, self._questions(number))
        return self._raw(number, (began + self._now()) / 2, replies)

    def _of_list(self, numbers: Sequence[int]) -> dict[int, Raw]:
        """Volts of all, then amperes of all."""
        questions = self._questions(",".join(str(n) for n in numbers))
        began = self._now()
        replies = self._asking.texts(numbers[0], questions)
        at_s = (began + self._now()) / 2
        columns = [reply.split(",") for reply in replies]
        if any(len(column) != len(numbers) for column in columns):
            remedy = f"expected {len(numbers)} numbers to each question: part of it was lost"
            raise self._asking.refused("; ".join(questions), "; ".join(replies), remedy)
        return {n: self._raw(n, at_s, [column[i] for column in columns]) for i, n in enumerate(numbers)}

    def _raw(self, number: int, at_s: float, replies: Sequence[str]) -> Raw:
        columns = [scpi.numbers(reply) for reply in replies]
        values = [v for column in columns for v in column]
        whole = all(len(column) == self._say.numbers for column in columns)
        volts, amperes = values[:2] if whole else (None, None)
        field = self._say.mode_field
        mode = self._mode(values[field]) if field is not None and whole else None
        if volts is None or amperes is None or (field is not None and mode is None):
            questions = "; ".join(self._questions(number))
            raise self._asking.refused(questions, "; ".join(replies), "expected volts and amperes")
        return Raw(at_s, volts, amperes, mode)

    @staticmethod
    def _mode(value: float | None) -> int | None:
        """1 CV, 2 CC, 0 neither; None: that is no mode."""
        if value not in (0, 1, 2, 3):
            return None
        return int(value) if value in (1, 2) else 0

    def _check(self, number: int, channel: Channel, raw: Raw) -> None:
        top_v, top_a = channel.max_voltage_v * _BEYOND, channel.max_current_a * _BEYOND
        if abs(raw.voltage_v) > top_v or abs(raw.current_a) > top_a:
            got = f"{raw.voltage_v:g} V, {raw.current_a:g} A"
            remedy = f"channel {number} gives up to {channel.max_voltage_v:g} V and {channel.max_current_a:g} A"
            raise self._asking.refused("; ".join(self._questions(number)), got, f"{remedy}: the reply is damaged")

    def _count(self, number: int, raw: Raw) -> None:
        pair = (raw.voltage_v, raw.current_a)
        self._same[number] = self._same.get(number, 0) + 1 if self._last.get(number) == pair else 0
        self._last[number] = pair

    # --- regulation ---------------------------------------------------------------------------------------

    def _limiting(self, raw: dict[int, Raw]) -> dict[int, bool | None]:
        say, numbers = self._say, list(raw)
        if say.register is None and not any(self._may_limit(n, raw[n]) for n in numbers):
            # nothing to ask: half the exchanges of many dialects are this question
            return {n: False if raw[n].mode is None else {1: False, 2: True}.get(raw[n].mode or 0) for n in numbers}
        if (word := say.status) is not None:
            status = self._asking.status()
            return {n: bool(status >> word.limiting_bit[n] & 1) is not word.inverted for n in numbers}
        if say.mode is not None:
            return {n: scpi.limiting(self._asking.text(n, self._asking.spelled(say.mode, n))) for n in numbers}
        if say.limited is not None:
            return {n: self._asking.switch(n, self._asking.spelled(say.limited, n)) for n in numbers}
        if (register := say.register) is not None:
            return self._of_registers(register, numbers)
        return {n: {1: False, 2: True}.get(raw[n].mode or 0) for n in numbers}

    def _may_limit(self, number: int, raw: Raw) -> bool:
        """Not with its voltage up and its current well below the limit: that is regulated voltage."""
        voltage_v, limit_a = self.told.get(number, (0.0, 0.0))
        return raw.voltage_v < _UP * voltage_v or raw.current_a + _NEAR_A >= _NEAR * limit_a

    def _of_registers(self, register: Register, numbers: Sequence[int]) -> dict[int, bool | None]:
        questions = [(n, [self._asking.spelled(register.query, n)]) for n in numbers]
        replies = self._asking.rounds(questions)
        return {n: self._of_register(register, n, q[0], r[0]) for (n, q), r in zip(questions, replies, strict=True)}

    def _of_register(self, register: Register, number: int, question: str, reply: str) -> bool | None:
        value = scpi.number(reply)
        if value is None or value != int(value) or value < 0:
            raise self._asking.refused(question, reply, "expected the decimal value of a register")
        current, voltage = bool(int(value) & register.current), bool(int(value) & register.voltage)
        state = current if current is not voltage else None
        if register.latched:
            if not current and not voltage:
                return self._latched.get(number)
            # both were entered since: which one last nobody tells
            self._latched[number] = state
        return state


def _reading(raw: Raw, channel: Channel, limiting: bool | None) -> Reading:
    """With the bounds of the instrument's own error."""
    error_v = None if channel.accuracy_v is None else channel.accuracy_v.bound(raw.voltage_v)
    error_a = None if channel.accuracy_a is None else channel.accuracy_a.bound(raw.current_a)
    return Reading(raw.at_s, raw.voltage_v, raw.current_a, limiting, error_v, error_a)
