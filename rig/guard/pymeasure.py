"""A PyMeasure instrument as a bench supply: the same promises as `supply.Supply`, kept through its properties.

Ref: PyMeasure 0.16, `instruments/instrument.py` and `adapters/visa.py`: the first argument of an instrument is its
VISA address, more arguments go to VISA; properties raise what their transports and validators raise, and some
validators (`truncated_range`) clip in silence, so everything that was set is read back.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from rig.config.pymeasure import Bound, PyMeasureMapping
from rig.errors import LinkDownError, ReplyError, RigError, UsageError
from rig.guard.config import GuardConfig
from rig.guard.dialects import Channel
from rig.guard.supply import SetPoint
from rig.model import Accuracy, Identity, Reading
from rig.parse import scpi

_INSTALL = "pip install --no-deps pymeasure && pip install pint"
"""With its dependencies PyMeasure brings the plain pyserial, which overwrites the files of labgrid's own."""
_REMEDY = "check that it is on, its cable, and `mapping` in the bench file"


class PyMeasureSupply:
    """One supply behind a class of PyMeasure; it has no hardware trip that the rig could set."""

    has_protection = False

    def __init__(
        self, config: GuardConfig, mapping: PyMeasureMapping, cls: Callable[..., Any], now: Callable[[], float]
    ) -> None:
        self._config, self._mapping, self._cls, self._now = config, mapping, cls, now
        self._open: Any = None
        self.sessions = 0

    @property
    def device(self) -> str:
        return f"{self._config.model} at {self._config.address} (PyMeasure)"

    def identify(self, config: GuardConfig) -> Identity:
        """Who answers; ReplyError when it is not `config.model`."""
        asked = self._mapping.identity
        reply = str(self._got(self._instrument, asked))
        found = scpi.identity(reply)
        if found is None or config.model not in found.model:
            is_a = f"is a {found.model}" if found else "says nothing of itself"
            raise self._refused(asked, reply, f"it {is_a}, the bench file says {config.model}: correct `model`")
        return found

    def channel(self, number: int) -> Channel:
        """Ranges and accuracy of a channel, as the bench file has them; UsageError when it has none."""
        try:
            given = self._mapping.channels[number]
        except KeyError:
            have = ", ".join(str(n) for n in sorted(self._mapping.channels))
            raise UsageError(f"{self.device}: there is no channel {number} (there are: {have})") from None
        accuracies = _accuracy(given.accuracy_v), _accuracy(given.accuracy_a)
        return Channel(given.max_voltage_v, given.max_current_a, given.step_v, given.step_a, *accuracies)

    def set(self, number: int, want: SetPoint) -> None:
        """Write current limit and voltage and read both back; the output stays as it is."""
        channel = self.channel(number)
        # written so that NaN is refused too
        if not (0 <= want.voltage_v <= channel.max_voltage_v and 0 < want.limit_a <= channel.max_current_a):
            raise UsageError(
                f"{self.device}: channel {number} gives 0 to {channel.max_voltage_v:g} V and up to "
                f"{channel.max_current_a:g} A, asked for {want.voltage_v:g} V and {want.limit_a:g} A"
            )
        self._set(number, self._mapping.current_limit, want.limit_a, channel.step_a)
        self._set(number, self._mapping.voltage_setpoint, want.voltage_v, channel.step_v)

    def on(self, number: int) -> None:
        """Put the output on and read back that it is."""
        self._switch(number, True)

    def off(self, number: int) -> None:
        """Put the output off and read back that it is."""
        self._switch(number, False)

    def tell_off(self, number: int) -> None:
        """Put the output off without asking whether it is."""
        self._put(self._channel(number), self._mapping.output, False)

    def clear_trip(self, number: int) -> None:
        """Nothing: the rig sets no trip here."""

    def is_on(self, number: int) -> bool:
        """What the supply says of its output, now."""
        said = self._got(self._channel(number), self._mapping.output)
        state = said if isinstance(said, bool) else {1: True, 0: False}.get(said, scpi.switch(str(said)))
        if state is None:
            raise self._refused(self._mapping.output, said, "expected true or false")
        return state

    def read(self, numbers: Iterable[int]) -> dict[int, Reading]:
        """One fresh reading a channel."""
        return {number: self._reading(number) for number in numbers}

    def close(self) -> None:
        """Close the session; outputs stay as they are."""
        instrument, self._open = self._open, None
        if instrument is not None:
            with contextlib.suppress(Exception):
                instrument.adapter.close()

    # --- properties ---------------------------------------------------------------------------------------

    def _reading(self, number: int) -> Reading:
        channel, at, began = self.channel(number), self._channel(number), self._now()
        volts, amperes = self._number(at, self._mapping.voltage), self._number(at, self._mapping.current)
        error_v, error_a = (
            None if accuracy is None else accuracy.bound(value)
            for accuracy, value in ((channel.accuracy_v, volts), (channel.accuracy_a, amperes))
        )
        return Reading((began + self._now()) / 2, volts, amperes, None, error_v, error_a)

    def _set(self, number: int, name: str, want: float, step: float) -> None:
        at = self._channel(number)
        self._put(at, name, want)
        got = self._number(at, name)
        if not abs(got - want) <= step * 1.001:
            raise self._refused(name, got, f"{want:g} was not taken: nothing is switched on with it")

    def _switch(self, number: int, on: bool) -> None:
        self._put(self._channel(number), self._mapping.output, on)
        if self.is_on(number) is not on:
            stays = "off" if on else "ON: switch the supply off by hand"
            raise self._refused(self._mapping.output, not on, f"channel {number} stays {stays}")

    def _channel(self, number: int) -> Any:
        self.channel(number)
        return self._got(self._instrument, self._mapping.channel.format(n=number))

    def _number(self, at: Any, name: str) -> float:
        value = self._got(at, name)
        number = scpi.number(repr(float(value))) if isinstance(value, int | float) else None
        if number is None:
            raise self._refused(name, value, "expected a number")
        return number

    def _got(self, at: Any, path: str) -> Any:
        with self._edge(path):
            for name in filter(None, path.split(".")):
                at = getattr(at, name)
            return at

    def _put(self, at: Any, path: str, value: object) -> None:
        *above, name = path.split(".")
        at = self._got(at, ".".join(above))
        with self._edge(f"{path} = {value}"):
            setattr(at, name, value)

    @property
    def _instrument(self) -> Any:
        if self._open is None:
            arguments = {"timeout": int(self._config.timeout_s * 1000), "visa_library": self._config.backend}
            ends = {"read_termination": "\n", "write_termination": "\n"}
            if not self._config.address.upper().endswith("::SOCKET"):
                ends = {}
            with self._edge("open"):
                self._open = self._cls(self._config.address, **{**arguments, **ends, **self._mapping.arguments})
            self.sessions += 1
        return self._open

    @contextlib.contextmanager
    def _edge(self, asked: str) -> Iterator[None]:
        """After whatever goes wrong the session may be out of step: it is not used again."""
        try:
            yield
        except RigError:
            raise
        except AttributeError as e:
            raise UsageError(f"{self.device}: {e}: correct `mapping` in the bench file") from e
        # PyMeasure raises what its transports and validators raise
        except Exception as e:
            self.close()
            raise LinkDownError(self.device, asked, f"{e}" or type(e).__name__, _REMEDY) from e

    def _refused(self, asked: str, got: object, remedy: str) -> ReplyError:
        self.close()
        return ReplyError(self.device, asked, got, remedy)


def _accuracy(given: Bound | None) -> Accuracy | None:
    return None if given is None else Accuracy(given.percent, given.offset)


def opened(config: GuardConfig, now: Callable[[], float] = time.time) -> PyMeasureSupply:
    """The supply `config.mapping` describes, not yet talked to; UsageError when its class cannot be had."""
    if config.mapping is None:
        raise UsageError(f"{config.address}: the dialect `pymeasure` needs a `mapping` in the bench file")
    try:
        # as JSON, the way it came: keys of channels are numbers again
        mapping = PyMeasureMapping.model_validate_json(json.dumps(config.mapping))
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{config.address}: mapping.{where}: {first['msg']}") from e
    return PyMeasureSupply(config, mapping, _class(mapping.cls), now)


def _class(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as e:
        raise UsageError(f"{path} cannot be used: {e}; install it: {_INSTALL}") from e
    except AttributeError as e:
        raise UsageError(f"{path}: {e}") from e
    return found
