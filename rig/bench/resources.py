"""Where the things of the bench are; labgrid brings the mains switch's and the console's own."""

import attr
from labgrid import target_factory
from labgrid.resource import Resource

from rig.config.bench import MeterAccuracy
from rig.config.pymeasure import PyMeasureMapping

text = attr.validators.instance_of(str)
maybe_text = attr.validators.optional(text)
maybe_map = attr.validators.optional(attr.validators.instance_of(dict))


@attr.s(eq=False)
class _Visa(Resource):
    address = attr.ib(validator=text)
    model = attr.ib(validator=text)
    backend = attr.ib(default="@py", validator=text)
    dialect = attr.ib(default=None, validator=maybe_text)


@attr.s(eq=False)
class _Supply(_Visa):
    mapping = attr.ib(default=None, validator=maybe_map, metadata={"schema": PyMeasureMapping})


@target_factory.reg_resource
@attr.s(eq=False)
class VisaInstrument(_Supply):
    """A bench supply: full VISA address, and the model that must occur in its reply to `*IDN?`.

    `dialect` names the guardian's command table; None: chosen by the model. `pymeasure` instead of it:
    `mapping` says which class that is and how it is used.
    """


@target_factory.reg_resource
@attr.s(eq=False)
class SecondInstrument(_Supply):
    """Another bench supply, for rails with `instrument: second`; its arguments are those of VisaInstrument."""


@target_factory.reg_resource
@attr.s(eq=False)
class VisaMeter(_Visa):
    """An instrument that measures the rail `wall` and switches nothing.

    For a model the guardian's table does not know, `power_query` asks for watts (`{n}` is the channel), the two
    others for volts and amperes. `accuracy: {percent: 0.1, offset: 0.05}` is that of the watts.
    """

    power_query = attr.ib(default=None, validator=maybe_text)
    voltage_query = attr.ib(default=None, validator=maybe_text)
    current_query = attr.ib(default=None, validator=maybe_text)
    accuracy = attr.ib(default=None, validator=maybe_map, metadata={"schema": MeterAccuracy})


@target_factory.reg_resource
@attr.s(eq=False)
class OperatorPlug(Resource):
    """The twin's operator: base address of its HTTP plug."""

    url = attr.ib(validator=text)


@target_factory.reg_resource
@attr.s(eq=False)
class RigBench(Resource):
    """What a place carries of its bench file for runners that have none; see `rig.bench.place.carried`."""

    file = attr.ib(validator=text)


@target_factory.reg_resource
@attr.s(eq=False)
class OperatorTerminal(Resource):
    """A person at a terminal."""

    device = attr.ib(default="/dev/tty", validator=text)
