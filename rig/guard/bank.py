"""The instruments of a bench as one: a channel is (instrument, number), and none waits for another that hangs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from rig.errors import BenchError, RigError
from rig.guard import meters, supply
from rig.guard.config import METER, GuardConfig, Key
from rig.guard.dialects import Channel
from rig.guard.hand import Hand, Instrument
from rig.guard.meters import Meter
from rig.guard.supply import SetPoint
from rig.model import Identity, RailAccuracy, Reading


class Source(Instrument, Protocol):
    """What has outputs: `supply.Supply`, or whatever stands in for one."""

    @property
    def has_protection(self) -> bool: ...

    def channel(self, number: int) -> Channel: ...

    def set(self, number: int, want: SetPoint) -> None: ...

    def on(self, number: int) -> None: ...

    def off(self, number: int) -> None: ...

    def tell_off(self, number: int) -> None: ...

    def clear_trip(self, number: int) -> None: ...

    def is_on(self, number: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Read:
    """What a round of readings brought, and the instruments that gave none."""

    readings: Mapping[Key, Reading]
    failed: Mapping[str, BenchError]


class Bank:
    """All instruments of one bench; errors are those of `supply`, and name the instrument."""

    def __init__(
        self, config: GuardConfig, sources: Mapping[str, Source], meter: Meter | None, elapsed: Callable[[], float]
    ) -> None:
        alone = config.instruments()
        self._config = config
        self._supplies = {name: Hand(source, alone[name], elapsed) for name, source in sources.items()}
        self._meter = None if meter is None else Hand(meter, config, elapsed)

    def identify(self) -> dict[str, Identity]:
        """Who answers, of every instrument; ReplyError when one is not what the config says."""
        limit_s = self._config.timeout_s * 20
        asked = {name: (hand, hand.meet()) for name, hand in self._hands.items()}
        return {name: hand.outcome(future, "its identity", limit_s) for name, (hand, future) in asked.items()}

    def device(self, instrument: str) -> str:
        """The instrument, for people."""
        return self._hands[instrument].instrument.device

    def channel(self, key: Key) -> Channel:
        """Ranges and accuracy of a channel; UsageError when there is none."""
        return self._supplies[key.instrument].instrument.channel(key.channel)

    def accuracy(self, key: Key) -> RailAccuracy:
        """How well volts and amperes are read back; of a meter its watts matter, whose error is in each reading."""
        if key.instrument == METER:
            return RailAccuracy(None, None)
        channel = self.channel(key)
        return RailAccuracy(channel.accuracy_v, channel.accuracy_a)

    def has_protection(self, instrument: str) -> bool:
        """Whether the supply itself trips on over-voltage and over-current."""
        return self._supplies[instrument].instrument.has_protection

    def set(self, key: Key, want: SetPoint) -> None:
        """Write and read back; the output stays as it is."""
        self._supplies[key.instrument].forget()
        self._supplies[key.instrument].call(lambda s: s.set(key.channel, want))

    def on(self, key: Key) -> None:
        """Put an output on and read back that it is."""
        self._supplies[key.instrument].call(lambda s: s.on(key.channel))

    def is_on(self, key: Key) -> bool:
        """What the supply says of its output, now."""
        return self._supplies[key.instrument].call(lambda s: s.is_on(key.channel))

    def clear_trip(self, key: Key) -> None:
        """Make a channel that its own protection cut usable again."""
        self._supplies[key.instrument].call(lambda s: s.clear_trip(key.channel))

    def off(self, keys: Iterable[Key]) -> dict[Key, str]:
        """Put outputs off, all at once, and read back that they are; what failed, in words."""
        for hand in self._supplies.values():
            hand.forget()
        jobs = {name: (numbers, self._off_begun(name, numbers)) for name, numbers in _grouped(keys).items()}
        failed: dict[Key, str] = {}
        for name, (numbers, job) in jobs.items():
            # one reply may be waited for before it, and one for each output
            limit_s = (2 * len(numbers) + 3) * self._config.timeout_s
            try:
                wrong = self._supplies[name].outcome(job, "its outputs to go off", limit_s)
            except RigError as e:
                wrong = dict.fromkeys(numbers, str(e))
            failed |= {Key(name, n): text for n, text in wrong.items()}
        return failed

    def read(self, keys: Iterable[Key], *, patient: bool = False, go_on: bool = False) -> Read:
        """A reading a channel, all instruments at the same time; an instrument that is late has failed.

        `patient`: waits for the slow ones, and what it brings was measured after this call. `go_on`: the next
        reading begins by itself.
        """
        wanted = {self._hands[name]: (name, numbers) for name, numbers in _grouped(keys).items()}
        readings: dict[Key, Reading] = {}
        failed: dict[str, BenchError] = {}
        if not patient:
            for hand, (_, numbers) in wanted.items():
                hand.ask(numbers, go_on=go_on)
        for hand, (name, numbers) in wanted.items():
            try:
                found = hand.read(numbers) if patient else hand.answer()
            except BenchError as e:
                failed[name] = e
            else:
                readings |= {Key(name, n): reading for n, reading in found.items()}
        return Read(readings, failed)

    def close(self) -> None:
        """Close every session; outputs stay as they are."""
        for hand in self._hands.values():
            hand.close()

    @property
    def _hands(self) -> dict[str, Hand[Source] | Hand[Meter]]:
        meter: dict[str, Hand[Source] | Hand[Meter]] = {} if self._meter is None else {METER: self._meter}
        return {**self._supplies, **meter}

    def _off_begun(self, name: str, numbers: list[int]) -> Future[dict[int, str]]:
        # whoever answers in a new session: off first, who it was after
        return self._supplies[name].do(lambda s: _off(s, numbers), doubtful=True)


def _off(source: Source, numbers: list[int]) -> dict[int, str]:
    """Say off to every output before the first is asked: an answer that does not come holds up no other output."""
    untold = [n for n in numbers if not _told_off(source, n)]
    failed: dict[int, str] = {}
    for number in numbers:
        try:
            if number in untold or source.is_on(number):
                source.off(number)
        except RigError as e:
            failed[number] = str(e)
    return failed


def _told_off(source: Source, number: int) -> bool:
    try:
        source.tell_off(number)
    except BenchError:
        return False
    return True


def _grouped(keys: Iterable[Key]) -> dict[str, list[int]]:
    """Channels by instrument, each once, in order."""
    groups: dict[str, list[int]] = {}
    for instrument, number in sorted(set(keys)):
        groups.setdefault(instrument, []).append(number)
    return groups


def opened(
    config: GuardConfig,
    now: Callable[[], float] = time.time,
    elapsed: Callable[[], float] = time.monotonic,
) -> Bank:
    """The instruments `config` names, not yet talked to; UsageError for a model or dialect nobody knows."""
    sources = {name: _source(alone, now) for name, alone in config.instruments().items()}
    meter = None if config.meter is None else meters.opened(config.meter, config.timeout_s, now)
    return Bank(config, sources, meter, elapsed)


def _source(config: GuardConfig, now: Callable[[], float]) -> Source:
    if config.dialect == "pymeasure":
        # only who uses it has to have it
        from rig.guard.pymeasure import opened as adapted

        return adapted(config, now)
    return supply.opened(config, now)
