"""Where the things of the bench are; labgrid brings the mains switch's and the console's own."""

import attr
from labgrid import target_factory
from labgrid.resource import Resource

text = attr.validators.instance_of(str)


@target_factory.reg_resource
@attr.s(eq=False)
class VisaInstrument(Resource):
    """A bench supply: full VISA address, and the model that must occur in its reply to `*IDN?`.

    `dialect` names the guardian's command table; None: chosen by the model.
    """

    address = attr.ib(validator=text)
    model = attr.ib(validator=text)
    backend = attr.ib(default="@py", validator=text)
    dialect = attr.ib(default=None, validator=attr.validators.optional(text))


@target_factory.reg_resource
@attr.s(eq=False)
class OperatorPlug(Resource):
    """The twin's operator: base address of its HTTP plug."""

    url = attr.ib(validator=text)


@target_factory.reg_resource
@attr.s(eq=False)
class OperatorTerminal(Resource):
    """A person at a terminal."""

    device = attr.ib(default="/dev/tty", validator=text)
