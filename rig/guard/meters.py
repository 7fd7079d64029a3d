"""Power meters as data, and any other VISA meter by the questions the bench file gives; nothing here switches.

`{n}` is the channel (input element). The numbers of the answers, one after the other, are volts, amperes, watts
and, where the row's accuracy needs them, the ranges of volts and amperes.
Ref: Yokogawa IM WT310E-17EN and IM WT310-17EN (`:NUMeric:NORMal`, `:INPut:VOLTage:RANGe?`, `:COMMunicate:HEADer`);
the accuracy of active power at 45 to 66 Hz and power factor 1, 12 months: IM WT310E-02EN and IM WT310-02EN, 7.3.2.
Ref: the Rohde & Schwarz HMC8015's remote control as the library power-overwhelming uses it
(`CHAN1:MEAS:FUNC`, `CHAN1:MEAS:DATA?`, its file hmc8015_sensor.cpp); its accuracy is not sourced.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rig.errors import ReplyError, UsageError
from rig.guard.config import GuardConfig, MeterConfig
from rig.guard.link import ScpiLink
from rig.model import Accuracy, Identity, Reading
from rig.parse import scpi


@dataclass(frozen=True, slots=True)
class MeterModel:
    """One row: how a meter is told what to show, and asked for it."""

    name: str
    setup: tuple[str, ...]
    """Sent once a session."""
    measure: tuple[str, ...]
    percent: float | None = None
    """Accuracy of power in percent of the reading; None: not sourced."""
    percent_of_range: float = 0.0
    """The rest of it, in percent of volts range times amperes range."""
    channels: int = 1


_WT_SETUP = (
    ":COMM:HEAD OFF",
    ":NUM:FORM ASC",
    ":NUM:NORM:NUM 3",
    ":NUM:NORM:ITEM1 U,1",
    ":NUM:NORM:ITEM2 I,1",
    ":NUM:NORM:ITEM3 P,1",
)
_WT_MEASURE = (":NUM:NORM:VAL?", ":INP:VOLT:RANG?", ":INP:CURR:RANG?")
_HMC_SETUP = ("CHAN{n}:MEAS:FUNC URMS,IRMS,P", "CHAN{n}:ACQ:MODE AUTO")

METERS: Mapping[str, MeterModel] = MappingProxyType({m.name: m for m in (
    MeterModel("WT310E", _WT_SETUP, _WT_MEASURE, percent=0.1, percent_of_range=0.05),
    MeterModel("WT310EH", _WT_SETUP, _WT_MEASURE),
    MeterModel("WT310", _WT_SETUP, _WT_MEASURE, percent=0.1, percent_of_range=0.1),
    MeterModel("HMC8015", _HMC_SETUP, ("CHAN{n}:MEAS:DATA?",)),
)})  # fmt: skip


class Meter:
    """One meter over its link; errors are those of `supply.Supply`."""

    def __init__(self, link: ScpiLink, config: MeterConfig, model: MeterModel, now: Callable[[], float]) -> None:
        self._link, self._config, self._model, self._now = link, config, model, now

    @property
    def device(self) -> str:
        return f"{self._config.model} at {self._link.address}"

    @property
    def sessions(self) -> int:
        return self._link.sessions

    def identify(self, config: GuardConfig) -> Identity:
        """Who answers, told what to show; ReplyError when it is not the model of the bench file."""
        reply = self._link.query("*IDN?")
        found = scpi.identity(reply)
        if found is None or self._config.model not in found.model:
            is_a = f"is a {found.model}" if found else "says nothing of itself"
            raise self._refused("*IDN?", reply, f"it {is_a}, the bench file says {self._config.model}")
        for number in sorted(set(self._config.rails.values())):
            for command in self._model.setup:
                self._link.write(command.format(n=number))
        return found

    def read(self, numbers: Iterable[int]) -> dict[int, Reading]:
        """One reading a channel; its power is what the meter itself makes of volts and amperes."""
        return {number: self._reading(number) for number in numbers}

    def close(self) -> None:
        """Close the session."""
        self._link.drop()

    def _reading(self, number: int) -> Reading:
        began = self._now()
        first, *more = [question.format(n=number) for question in self._model.measure]
        replies = [self._link.query(first)]
        at = (began + self._now()) / 2
        replies += [self._link.query(question) for question in more]
        values = self._numbers([first, *more], replies)
        volts, amperes, watts = values[:3]
        return Reading(at, volts, amperes, power_w=watts, error_w=self._error_w(values))

    def _numbers(self, questions: list[str], replies: list[str]) -> list[float]:
        values = [value for reply in replies for value in scpi.numbers(reply)]
        numbers = [value for value in values if value is not None]
        due = 5 if self._model.percent_of_range else 3
        if len(values) < due or len(numbers) < len(values):
            asked, got = "; ".join(questions), "; ".join(replies)
            raise self._refused(asked, got, "expected volts, amperes and watts: look whether it is over its range")
        return numbers

    def _error_w(self, values: list[float]) -> float | None:
        watts = values[2]
        if (given := self._config.accuracy) is not None:
            return given.bound(watts)
        if self._model.percent is None:
            return None
        full_w = values[3] * values[4] if self._model.percent_of_range else 0.0
        return Accuracy(self._model.percent, full_w * self._model.percent_of_range / 100).bound(watts)

    def _refused(self, asked: str, got: object, remedy: str) -> ReplyError:
        self._link.drop()
        return ReplyError(self.device, asked, got, remedy)


class AskedMeter(Meter):
    """A meter that is asked what the bench file says; volts and amperes that it does not ask for read 0."""

    def _reading(self, number: int) -> Reading:
        config = self._config
        began = self._now()
        watts = self._asked(config.power_query or "", number)
        at = (began + self._now()) / 2
        volts, amperes = (0.0 if q is None else self._asked(q, number) for q in _extra(config))
        error_w = None if config.accuracy is None else config.accuracy.bound(watts)
        return Reading(at, volts, amperes, power_w=watts, error_w=error_w)

    def _asked(self, template: str, number: int) -> float:
        question = template.format(n=number)
        reply = self._link.query(question)
        value = scpi.number(reply)
        if value is None:
            raise self._refused(question, reply, "expected one number")
        return value


def _extra(config: MeterConfig) -> tuple[str | None, str | None]:
    return config.voltage_query, config.current_query


def opened(config: MeterConfig, timeout_s: float, now: Callable[[], float] = time.time) -> Meter:
    """The meter `config` names, not yet talked to; UsageError when nobody knows how to ask it for watts."""
    link = ScpiLink(config.address, backend=config.backend, timeout_s=timeout_s)
    if config.power_query is not None:
        return AskedMeter(link, config, MeterModel(config.model, (), ()), now)
    try:
        model = METERS[config.dialect or config.model]
    except KeyError:
        raise UsageError(
            f"no power meter called {config.dialect or config.model!r} is known (known: {', '.join(sorted(METERS))}): "
            "give its `power_query`; a multimeter that shows volts or amperes alone cannot tell watts"
        ) from None
    if (wrong := next((n for n in config.rails.values() if not 1 <= n <= model.channels), None)) is not None:
        raise UsageError(f"{model.name} at {config.address}: there is no channel {wrong}")
    return Meter(link, config, model, now)
