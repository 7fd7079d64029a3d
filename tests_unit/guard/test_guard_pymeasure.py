"""A class shaped like PyMeasure's as a bench supply; PyMeasure itself is not needed for it."""

import json
import sys
import types

import pytest

from rig.errors import LinkDownError, ReplyError, UsageError
from rig.guard import bank
from rig.guard.config import GuardConfig, RailConfig
from rig.guard.guardian import Guardian
from rig.guard.journal import Journal
from rig.guard.process import wall_clock
from rig.model import Accuracy

RAILS = {"12v": RailConfig(2, 12.6, 1.0), "3v3": RailConfig(1, 3.6, 2.0)}
MAPPING = {
    "class": "shaped.like.pymeasure.E36312A",
    "channels": {
        1: {"max_voltage_v": 6.0, "max_current_a": 5.0, "accuracy_v": {"percent": 0.04, "offset": 0.003}},
        2: {"max_voltage_v": 25.0, "max_current_a": 1.0},
    },
}


class Channel:
    def __init__(self):
        self.voltage_setpoint, self.current_limit, self.output_enabled = 0.0, 0.1, True
        self.load_a = 0.25
        self.broken = None

    @property
    def voltage(self):
        if self.broken is not None:
            raise self.broken
        return self.voltage_setpoint if self.output_enabled else 0.0

    @property
    def current(self):
        return self.load_a if self.output_enabled else 0.0


class Adapter:
    def __init__(self, instrument):
        self.instrument = instrument

    def close(self):
        self.instrument.closed += 1


class E36312A:
    """Channels as attributes; clips in silence, as `truncated_range` does."""

    made: list["E36312A"]
    channels: dict[int, Channel]
    id = "Keysight Technologies,E36312A,MY1,1.0"

    def __init__(self, address, **arguments):
        self.address, self.arguments, self.closed = address, arguments, 0
        self.adapter = Adapter(self)
        self.ch_1, self.ch_2 = self.channels[1], self.channels[2]
        self.made.append(self)


@pytest.fixture
def supply(monkeypatch):
    """A fresh class in a module of its own."""

    class Fresh(E36312A):
        made, channels = [], {1: Channel(), 2: Channel()}

    module = types.ModuleType("shaped.like.pymeasure")
    module.E36312A = Fresh
    monkeypatch.setitem(sys.modules, "shaped.like.pymeasure", module)
    for parent in ("shaped", "shaped.like"):
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    return Fresh


def config(mapping=MAPPING, **more):
    return GuardConfig("TCPIP::1::5025::SOCKET", "E36312A", RAILS, dialect="pymeasure", mapping=mapping, **more)


@pytest.fixture
def guardian(supply, tmp_path):
    told = GuardConfig.from_json(config().to_json())
    instruments = bank.opened(told)
    yield Guardian(told, instruments, Journal(tmp_path, wall_clock()))
    instruments.close()


def test_it_is_set_read_and_switched_through_its_properties(supply, guardian):
    assert guardian.start().model == "E36312A"
    assert not supply.channels[1].output_enabled and not supply.channels[2].output_enabled
    guardian.apply("12v", 12.0, 0.9)
    guardian.apply("3v3", 3.3, 2.0)
    rails = guardian.read().rails
    assert (rails["12v"].voltage_v, rails["12v"].error_v, rails["12v"].limiting) == (12.0, None, None)
    assert rails["3v3"].error_v == pytest.approx(Accuracy(0.04, 0.003).bound(3.3))
    guardian.off(None)
    assert not supply.channels[2].output_enabled
    assert supply.made[0].arguments == {
        "timeout": 2000, "visa_library": "@py", "read_termination": "\n", "write_termination": "\n",
    }  # fmt: skip


def test_a_set_point_that_was_clipped_in_silence_leaves_the_output_off(supply, guardian):
    guardian.start()
    channel = type("Clips", (Channel,), {"current_limit": property(lambda _: 0.5, lambda _, value: None)})()
    supply.channels[2] = supply.made[0].ch_2 = channel
    channel.output_enabled = False
    with pytest.raises(ReplyError, match=r"PyMeasure\): asked 'current_limit', got 0.5; 0.9 was not taken"):
        guardian.apply("12v", 12.0, 0.9)
    assert not channel.output_enabled


def test_what_it_raises_names_the_instrument_and_the_next_session_is_new(supply, guardian):
    guardian.start()
    guardian.apply("12v", 12.0, 0.9)
    supply.channels[2].broken = OSError("the cable is out")
    with pytest.raises(LinkDownError, match=r"E36312A at TCPIP::1.*: voltage: the cable is out"):
        guardian.read()
    supply.channels[2].broken = None
    assert guardian.read().rails["12v"].voltage_v == 12.0
    assert [one.closed for one in supply.made] == [1, 0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"class": "no.such.module.Supply"}, "no.such.module.Supply cannot be used: No module named 'no'; install it"),
        ({"class": "shaped.like.pymeasure.Nothing"}, "Nothing"),
        ({"channels": {}}, "mapping.channels"),
        ({"voltige": "x"}, "mapping.voltige"),
        ({"output": "on()"}, "mapping.output"),
    ],
)
def test_a_mapping_that_cannot_be_is_told_before_anything_is_opened(supply, wrong, said):
    with pytest.raises(UsageError, match=said):
        bank.opened(config({**MAPPING, **wrong}))
    assert not supply.made


def test_a_property_that_is_not_there_is_the_files_fault(supply):
    instruments = bank.opened(config({**MAPPING, "identity": "whoami"}))
    with pytest.raises(UsageError, match=r"whoami.*correct `mapping`"):
        instruments.identify()
    instruments.close()


def test_a_mapping_survives_json():
    assert json.loads(config().to_json())["mapping"]["channels"]["1"]["max_voltage_v"] == 6.0
